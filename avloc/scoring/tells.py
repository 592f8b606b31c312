"""Whether a map tells what sounds from what does not: sounding and silent objects of one picture, side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.resize import resize
from avloc.statistics import bootstrap_ratios

SIZE = 224  # px, at which maps are looked at
Maps = NDArray[np.float32]
Ints = NDArray[np.int64]


def tells(
    maps: Maps, truth: Truth, kept: Ints, table: NDArray[np.bool_] | None = None, resamples: int = 0, seed: int = 0
) -> dict[str, Any]:
    """Of all pairs of a sounding and a silent object of one clip the share in which the map (N, 1, h, w) is higher, in the
    mean over its box, at the one that sounds; equal counts half, so chance is 0.5. Empty where there is no such pair.

    Of class maps (N, K, h, w), of which `table` (C, K) says which are of which class, each object is looked at in the map of
    its own class: a dog that sounds should have more of a dog's map than the cat that is silent has of a cat's. An object
    without a class has the highest of all maps. Intervals are of draws of videos.
    """
    if truth.silent_boxes is None or truth.silent_clip is None or (maps.shape[1] != 1 and table is None):
        return {}
    silent_class = np.full(len(truth.silent_clip), -1) if truth.silent_class is None else truth.silent_class
    right, pairs = np.zeros(len(truth.ids)), np.zeros(len(truth.ids))
    for clip in np.intersect1d(np.intersect1d(truth.box_clip, truth.silent_clip), kept).tolist():
        sounding, silent = truth.box_clip == clip, truth.silent_clip == clip
        pairs[clip] = sounding.sum() * silent.sum()
        if not np.isfinite(maps[clip]).all():
            continue
        full = resize(maps[clip], SIZE, SIZE)
        loud = _levels(full, truth.boxes[sounding], truth.box_class[sounding], table)
        quiet = _levels(full, truth.silent_boxes[silent], silent_class[silent], table)
        higher, level = loud[:, None] > quiet, loud[:, None] == quiet
        right[clip] = float(higher.sum() + level.sum() / 2)
    if not pairs.sum():
        return {}
    found: dict[str, Any] = {"value": float(right.sum() / pairs.sum()), "pairs": int(pairs.sum()), "chance": 0.5}
    if resamples:
        within = bootstrap_ratios(right, pairs, truth.videos, resamples, seed)[0]
        found["ci95_by_video"] = [float(within[0]), float(within[1])]
    return found


def _levels(full: Maps, boxes: NDArray[np.floating], classes: Ints, table: NDArray[np.bool_] | None) -> NDArray:
    """The mean over each box of the map of its class, of maps (K, H, W)."""
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
