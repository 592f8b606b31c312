"""Which published figures were computed with exactly the rule of one of avloc's protocols, so that they can share its
column.
"""

from typing import Any

from avloc.standings.published import HALF, LLM, OWN, SWEPT, Figure

#: methods whose authors released the evaluation that the protocol implements, with the setting of their figures
_RELEASED = {
    ("EZ-VSL", HALF): "ez-vsl",
    ("Alignment", HALF): "kaist",
    ("ACL-SSL", SWEPT): "acl",
    ("GAR-SSL", LLM): "gar",
}
#: GAR-SSL released no list of its VGGSound duets, so only these sets are certainly the same clips
_OF_GAR = ("music-solo", "music-duet", "vggsound-single")
#: benchmarks of the DSOL paper: all figures in its README follow the released evaluation
_DSOL = {
    "dsol-solo": "dsol-solo",
    "dsol-duet": "dsol-duet",
    "dsol-synthetic": "dsol-synthetic",
    "audioset-instrument": "dsol-duet",
}


def protocol_of(figure: Figure) -> str | None:
    """None if it is unknown which release computed a figure, even if the kind of rule is known."""
    if figure.setting == OWN:
        return _DSOL.get(figure.benchmark)
    if figure.setting == LLM and figure.benchmark not in _OF_GAR:
        return None
    return _RELEASED.get((figure.method.partition(",")[0], figure.setting))


def comparable(result: dict[str, Any], figure: Figure) -> bool:
    """Whether a result and a figure follow the same rule on the same clips: no axis is changed, and no clip left out."""
    counts, changed = result["counts"], [axis for axis in result["protocol"].get("changed", []) if axis != "report"]
    whole = counts["evaluated"] == counts.get("requested", counts["evaluated"])
    return not changed and whole and protocol_of(figure) == result["protocol"]["name"]
