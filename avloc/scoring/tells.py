"""Whether a map tells what sounds from what does not: sounding and silent objects of one picture, side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.resize import resize

SIZE = 224  # px, at which maps are looked at


def tells(maps: NDArray[np.float32], truth: Truth, kept: NDArray[np.int64]) -> dict[str, Any]:
    """Of all pairs of a sounding and a silent object of one clip the share in which the map (N, 1, h, w) is higher, in the
    mean over its box, at the one that sounds; equal counts half, so chance is 0.5. Empty where there is no such pair.
    """
    if truth.silent_boxes is None or truth.silent_clip is None or maps.shape[1] != 1:
        return {}
    right = pairs = 0.0
    for clip in np.intersect1d(np.intersect1d(truth.box_clip, truth.silent_clip), kept).tolist():
        if not np.isfinite(maps[clip]).all():
            pairs += (truth.box_clip == clip).sum() * (truth.silent_clip == clip).sum()
            continue
        full = resize(maps[clip], SIZE, SIZE)[0]
        loud = np.array([_mean(full, box) for box in truth.boxes[truth.box_clip == clip]])
        quiet = np.array([_mean(full, box) for box in truth.silent_boxes[truth.silent_clip == clip]])
        right += float((loud[:, None] > quiet).sum() + (loud[:, None] == quiet).sum() / 2)
        pairs += loud.size * quiet.size
    return {"value": right / pairs, "pairs": int(pairs), "chance": 0.5} if pairs else {}


def _mean(full: NDArray[np.float32], box: NDArray[np.floating]) -> float:
    left, top = np.floor(np.clip(box[:2], 0, 1) * SIZE).astype(int).clip(max=SIZE - 1)
    right, bottom = np.ceil(np.clip(box[2:], 0, 1) * SIZE).astype(int)
    return float(full[top : max(bottom, top + 1), left : max(right, left + 1)].mean())
