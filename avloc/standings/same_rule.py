"""Which published figures were reached by the very rule of one of avloc's protocols, so that they may share its column."""

from typing import Any

from avloc.standings.published import HALF, OWN, SWEPT, Figure

#: methods whose authors released the evaluation that the protocol was read from, with the setting of their figures
_RELEASED = {
    ("EZ-VSL", HALF): "ez-vsl",
    ("Alignment", HALF): "kaist",
    ("ACL-SSL", SWEPT): "acl",
}
#: benchmarks of the DSOL paper: all figures of its README are by the rule that it released
_DSOL = {
    "dsol-solo": "dsol-solo",
    "dsol-duet": "dsol-duet",
    "dsol-synthetic": "dsol-synthetic",
    "audioset-instrument": "dsol-duet",
}


def protocol_of(figure: Figure) -> str | None:
    """None where it is not known by which release a figure was computed, even if its kind of rule is."""
    if figure.setting == OWN:
        return _DSOL.get(figure.benchmark)
    return _RELEASED.get((figure.method.partition(",")[0], figure.setting))


def comparable(result: dict[str, Any], figure: Figure) -> bool:
    """Whether a result and a figure are by one rule on the same clips: no axis is changed, and no clip left out."""
    counts, changed = result["counts"], [axis for axis in result["protocol"].get("changed", []) if axis != "report"]
    whole = counts["evaluated"] == counts.get("requested", counts["evaluated"])
    return not changed and whole and protocol_of(figure) == result["protocol"]["name"]
