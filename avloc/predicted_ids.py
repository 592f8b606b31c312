"""Which clip of a ground truth each prediction belongs to."""

import logging
import re
from dataclasses import replace

import numpy as np

from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.joins import NOT, Index, match
from avloc.leftovers import joined, told
from avloc.naming import brief, counted
from avloc.predictions import Predictions

log = logging.getLogger("avloc.evaluate")
_OF_ONE = ("confidence", "object_maps", "assignment", "classes", "negative_maps", "vectors")


def of_pairs(given: Predictions, truth: Truth) -> Predictions:
    """A benchmark of mixed clips needs two maps per row: those of the clips ID+PARTNER/0 and /1, as in a store.

    A row with a missing clip has no prediction. If there are pairs, other ids are left out with a note, and so are arrays
    beside the maps, which are of single clips; without pairs nothing is changed. Clips with another partner than the list
    gives them keep the id ID+PARTNER, which matches no clip.
    """
    found = [re.fullmatch(r"(.+)\+(.+)/([01])", name) for name in given.ids]
    if not truth.mixed or not any(found) or (given.sized is None and given.maps.shape[1] != 1):
        return given
    if given.sized is not None:
        raise DataError("the maps of mixed clips have different sizes; write all of them at the same size")
    pairs = list(dict.fromkeys((parts[1], parts[2]) for parts in found if parts is not None))
    strange = _not_listed(pairs, truth)
    row_of = {pair: "+".join(pair) if pair in strange else pair[0] for pair in pairs}
    places: dict[str, dict[str, int]] = {}
    for number, parts in enumerate(found):
        if parts is not None:
            pair = places.setdefault(row_of[parts[1], parts[2]], {})
            if pair.setdefault(parts[3], number) != number:
                double = f"{brief(given.ids[pair[parts[3]]])} and {brief(given.ids[number])}"
                raise DataError(f"predictions: {double} are of one row; expected one partner for each clip")
    whole = {name: (pair["0"], pair["1"]) for name, pair in places.items() if len(pair) == 2}
    rows = np.array(list(whole.values()), np.int64).reshape(-1, 2)
    other = [name for name, parts in zip(given.ids, found, strict=True) if parts is None]
    if other:
        log.warning(
            "%s not of a mixed clip, such as %s; left out",
            counted(len(other), "prediction is", "predictions are"),
            brief(other[0]),
        )
    unused = [name for name in _OF_ONE if getattr(given, name) is not None and len(getattr(given, name))]
    if unused:
        log.warning("not used for mixed clips: %s (of single clips)", ", ".join(unused))
    return Predictions(list(whole), given.maps[rows, 0], attributes=given.attributes)


def _not_listed(pairs: list[tuple[str, str]], truth: Truth) -> set[tuple[str, str]]:
    """Pairs of clips whose partner is not the one of the list, which are logged; none if the partners are unknown."""
    if truth.partner_ids is None:
        return set()
    partner = dict(zip(truth.written, truth.partner_ids, strict=True))
    own = match([clip for clip, _ in pairs], partner, alone=False).pairs
    wrong = [(clip, name) for clip, name in pairs if clip in own and Index([partner[own[clip]]]).find(name)[0] == NOT]
    if wrong:
        clip, name = wrong[0]
        pairs_are = counted(len(wrong), "predicted pair is", "predicted pairs are")
        mixed = f"{brief(f'{clip}+{name}')}; the list mixes {brief(clip)} with {brief(partner[own[clip]])}"
        log.warning("%s not in the list, such as %s", pairs_are, mixed)
    return set(wrong)


def under_ids_of(given: Predictions, truth: Truth, what: str, whole: bool, strict: bool) -> Predictions:
    """The predictions under the ids of the ground truth, in any accepted spelling; unmatched ones are logged or refused.

    whole: the ground truth was not restricted to a list, so that a prediction for another id is a mistake.
    """
    written, names = _as_frames(truth.written), _as_frames(given.ids)
    found = match(written, names)
    own = dict(zip(written, truth.ids, strict=True))
    join = joined(
        what,
        found,
        missing="clips of the ground truth have no prediction",
        unused="predictions match no clip of the ground truth" if whole else "",
        ambiguous="clips of the ground truth match several predictions",
        shared="clips of the ground truth match the same prediction as another",
    )
    if found.doubtful and not found.pairs:
        raise DataError(f"{join}; write the ids as in the ground truth")
    if found.pairs:
        told([join], strict)
    renamed = {theirs: own[name] for name, theirs in found.pairs.items()}
    taken = set(renamed.values())
    # a prediction without a clip must not be matched by a short id it happens to have
    ids = [
        renamed.get(name) or (f"{theirs} (for no clip)" if theirs in taken else theirs)
        for name, theirs in zip(names, given.ids, strict=True)
    ]
    return given if ids == given.ids else replace(given, ids=ids)


def _as_frames(names: list[str]) -> list[str]:
    """Names of frames without the suffix of their video: AVSBench calls a frame VIDEO.mp4_3, and its mask VIDEO_3."""
    plain = [re.sub(r"\.(mp4|mkv|webm|avi|mov)(_\d+)$", r"\2", name) for name in names]
    return plain if len(set(plain)) == len(set(names)) else names
