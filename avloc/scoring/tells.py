"""Whether a map tells what sounds from what does not: sounding and silent objects of one picture, side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.resize import resize
from avloc.scoring.summary import Ratio

SIZE = 224  # px, at which maps are looked at


def tells(maps: NDArray[np.float32], truth: Truth, kept: NDArray[np.int64]) -> dict[str, Any]:
    """Of all pairs of a sounding and a silent object of one clip the share in which the map (N, 1, h, w) is higher, in the
    mean over its box, at the one that sounds; equal counts half, so chance is 0.5. Empty where there is no such pair.
    """
    found = told_pairs(maps, truth, kept)
    return {} if found is None else {"value": found.value, "pairs": int(found.bottom.sum()), "chance": 0.5}


def told_pairs(maps: NDArray[np.float32], truth: Truth, kept: NDArray[np.int64]) -> Ratio | None:
    """The same as a ratio of sums over clips: pairs told rightly, and pairs. None where there is no pair."""
    if truth.silent_boxes is None or truth.silent_clip is None or maps.shape[1] != 1:
        return None
    right, pairs = np.zeros(len(truth)), np.zeros(len(truth))
    sounding, silent = _by_clip(truth.box_clip), _by_clip(truth.silent_clip)
    for clip in np.intersect1d(np.intersect1d(truth.box_clip, truth.silent_clip), kept).tolist():
        pairs[clip] = len(sounding[clip]) * len(silent[clip])
        if not np.isfinite(maps[clip]).all():
            continue
        full = resize(maps[clip], SIZE, SIZE)[0]
        loud = np.array([_mean(full, box) for box in truth.boxes[sounding[clip]]])
        quiet = np.array([_mean(full, box) for box in truth.silent_boxes[silent[clip]]])
        right[clip] = (loud[:, None] > quiet).sum() + (loud[:, None] == quiet).sum() / 2
    return Ratio(float(right.sum() / pairs.sum()), right, pairs) if pairs.any() else None


def _by_clip(clips: NDArray[np.int64]) -> dict[int, list[int]]:
    """Which boxes each clip has."""
    found: dict[int, list[int]] = {}
    for place, clip in enumerate(clips.tolist()):
        found.setdefault(clip, []).append(place)
    return found


def _mean(full: NDArray[np.float32], box: NDArray[np.floating]) -> float:
    left, top = np.floor(np.clip(box[:2], 0, 1) * SIZE).astype(int).clip(max=SIZE - 1)
    right, bottom = np.ceil(np.clip(box[2:], 0, 1) * SIZE).astype(int)
    return float(full[top : max(bottom, top + 1), left : max(right, left + 1)].mean())
