"""Whether a map distinguishes sounding from silent objects of one picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.resize import resize
from avloc.scoring.rows import ClipRows
from avloc.scoring.summary import Ratio

SIZE = 224  # px, size at which maps are compared
Maps = NDArray[np.float32]
Ints = NDArray[np.int64]


def tells(maps: Maps, truth: Truth, kept: Ints, table: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """The share of pairs of a sounding and a silent object in one clip in which the map (N, 1, h, w), averaged over the
    box, is higher on the sounding one; ties count half, so chance is 0.5. Empty if there is no such pair.

    For class maps (N, K, h, w), whose classes are in `table` (C, K), each object is measured in the map of its own
    class: a sounding dog should be higher in the dog map than a silent cat is in the cat map. For an object without a
    class, the maximum of all maps is used.
    """
    found = told_pairs(maps, truth, kept, table)
    return {} if found is None else {"value": found.value, "pairs": int(found.bottom.sum()), "chance": 0.5}


def told_pairs(maps: Maps, truth: Truth, kept: Ints, table: NDArray[np.bool_] | None = None) -> Ratio | None:
    """The same as a ratio of sums over clips: correctly ranked pairs, and pairs. None if there is no pair."""
    if truth.silent_boxes is None or truth.silent_clip is None or (maps.shape[1] != 1 and table is None):
        return None
    silent_class = np.full(len(truth.silent_clip), -1) if truth.silent_class is None else truth.silent_class
    sounding, silent = _by_clip(truth.box_clip), _by_clip(truth.silent_clip)
    with_both = np.intersect1d(truth.box_clip, truth.silent_clip)

    right, pairs = np.zeros(len(truth)), np.zeros(len(truth))
    for clip in np.intersect1d(with_both, kept).tolist():
        loud_boxes, quiet_boxes = sounding[clip], silent[clip]
        pairs[clip] = len(loud_boxes) * len(quiet_boxes)
        if not np.isfinite(maps[clip]).all():
            continue  # such a map is never right
        full = resize(maps[clip], SIZE, SIZE)
        loud = _levels(full, truth.boxes[loud_boxes], truth.box_class[loud_boxes], table)
        quiet = _levels(full, truth.silent_boxes[quiet_boxes], silent_class[quiet_boxes], table)
        higher = (loud[:, None] > quiet).sum()
        ties = (loud[:, None] == quiet).sum()
        right[clip] = higher + ties / 2

    if not pairs.any():
        return None
    return Ratio(float(right.sum() / pairs.sum()), right, pairs)


def add_pairs(rows: ClipRows, found: Ratio, kept: Ints) -> None:
    """Add the share of correctly ranked pairs, and the number of pairs, to the rows of the clips `kept` that have pairs."""
    right, pairs = found.top[kept], found.bottom[kept]
    rows.add("tells", right / np.maximum(pairs, 1), pairs > 0)
    rows.add("pairs", pairs.astype(np.int64), pairs > 0)


def _by_clip(clips: NDArray[np.int64]) -> dict[int, list[int]]:
    """The boxes of each clip."""
    found: dict[int, list[int]] = {}
    for place, clip in enumerate(clips.tolist()):
        found.setdefault(clip, []).append(place)
    return found


def _levels(full: Maps, boxes: NDArray[np.floating], classes: Ints, table: NDArray[np.bool_] | None) -> NDArray:
    """The mean of the map of its class over each box, from maps (K, H, W)."""
    every = full.max(0)
    found = []
    for box, number in zip(boxes, classes.tolist(), strict=True):
        own = full[table[number]] if table is not None and number >= 0 and len(full) > 1 else full
        found.append(_mean(own.max(0) if len(own) else np.zeros_like(every), box))
    return np.array(found)


def _mean(full: Maps, box: NDArray[np.floating]) -> float:
    left, top = np.floor(np.clip(box[:2], 0, 1) * SIZE).astype(int).clip(max=SIZE - 1)
    right, bottom = np.ceil(np.clip(box[2:], 0, 1) * SIZE).astype(int)
    return float(full[top : max(bottom, top + 1), left : max(right, left + 1)].mean())
