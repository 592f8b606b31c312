"""Which clip of a truth each prediction is for."""

import re
from dataclasses import replace

import numpy as np

from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.joins import match
from avloc.leftovers import joined, told
from avloc.predictions import Predictions


def of_pairs(given: Predictions, truth: Truth) -> Predictions:
    """A benchmark of mixed clips wants two maps a row: they are those of the clips ID+PARTNER/0 and /1, as a store has them.

    A row of which one clip is missing has no prediction. Other ids are left as they are.
    """
    found = [re.fullmatch(r"(.+)\+(.+)/([01])", name) for name in given.ids]
    if not truth.mixed or not found or given.sized is not None or given.maps.shape[1] != 1 or not all(found):
        return given
    places: dict[str, dict[str, int]] = {}
    for number, parts in enumerate(found):
        assert parts is not None
        places.setdefault(parts[1], {})[parts[3]] = number
    whole = {name: (pair["0"], pair["1"]) for name, pair in places.items() if len(pair) == 2}
    rows = np.array(list(whole.values()), np.int64).reshape(-1, 2)
    return replace(
        given,
        ids=list(whole),
        maps=given.maps[rows, 0],
        confidence=None,
        object_maps=None,
        assignment=None,
        negative_maps={},
        vectors={},
    )


def under_ids_of(given: Predictions, truth: Truth, what: str, whole: bool, strict: bool) -> Predictions:
    """The predictions under the ids of the truth, however they spell them; what finds no partner is told, or refused.

    whole: the truth was not restricted to a list, so that a prediction for another id is a mistake.
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
    # a prediction that is for no clip must not be taken for one whose short id it happens to have
    ids = [
        renamed.get(name) or (f"{theirs} (for no clip)" if theirs in taken else theirs)
        for name, theirs in zip(names, given.ids, strict=True)
    ]
    return given if ids == given.ids else replace(given, ids=ids)


def _as_frames(names: list[str]) -> list[str]:
    """Names of frames without the ending of their video: AVSBench calls a frame VIDEO.mp4_3, and its mask VIDEO_3."""
    plain = [re.sub(r"\.(mp4|mkv|webm|avi|mov)(_\d+)$", r"\2", name) for name in names]
    return plain if len(set(plain)) == len(set(names)) else names
