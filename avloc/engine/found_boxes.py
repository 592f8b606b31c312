"""From heat maps to boxes: the peaks of a map, with a score, a class if there is one, and a mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.run_lengths import runs_of

MOST = 5  # sounding boxes of a moment
NEAR = 0.5  # of the way from the median of a map to its peak; positions above it belong to the object
RIVAL = 0.75  # share of the strongest peak that another one needs to be listed with it
SEEN = 0.8  # probability of a position from which on an object is certainly in view
SEEN_AREA = 0.02  # of the picture that it must then cover: the classifier is certain at many single positions
SEEN_MOST = 2
Map = NDArray[np.floating]


@dataclass(frozen=True)
class FoundBox:
    """box: xyxy in [0, 1]. score: the highest value of its map inside. name: the class, None if maps have no names.

    sounding: False for an object that is seen but not heard. mask: (H, W) bool, None unless masks were requested.
    """

    box: tuple[float, float, float, float]
    score: float
    name: str | None = None
    sounding: bool = True
    mask: NDArray[np.bool_] | None = None


def boxes_of(
    maps: Map, names: Sequence[str] | None, seen: Map | None = None, mask_size: tuple[int, int] | None = None
) -> list[FoundBox]:
    """Boxes of one moment, most confident first.

    maps: (K, h, w). Without names, each separate peak of their maximum has a box. With names, each map whose peak is
    near the highest has one. seen: probabilities (K, h, w) of what is in view, heard or not; an object that is
    certainly seen but does not sound has a box that is not `sounding`. mask_size: (width, height) of masks.
    """
    if names is None or len(maps) == 1:
        name = names[0] if names is not None else None
        return _peaks(maps.max(0), name, mask_size)
    peaks = maps.max((1, 2))
    order = np.argsort(-peaks, kind="stable")
    loud = [int(row) for row in order if peaks[row] > 0 and peaks[row] >= RIVAL * peaks[order[0]]][:MOST]
    found = [_box(maps[row], names[row], True, mask_size) for row in loud]
    if seen is not None:
        sure = seen.max((1, 2))
        wide = (seen >= SEEN / 2).mean((1, 2)) >= SEEN_AREA
        order = np.argsort(-sure, kind="stable")
        silent = [row for row in order.tolist() if row not in loud and sure[row] >= SEEN and wide[row]]
        found += [_box(seen[row], names[row], False, mask_size) for row in silent[:SEEN_MOST]]
    return found


def _peaks(heat: Map, name: str | None, mask_size: tuple[int, int] | None) -> list[FoundBox]:
    middle, peak = float(np.median(heat)), float(heat.max())
    if not peak > middle:
        return []
    count, labels = cv2.connectedComponents((heat >= middle + NEAR * (peak - middle)).astype(np.uint8), connectivity=4)
    found = []
    for number in range(1, count):
        own = np.where(labels == number, heat, middle)
        if own.max() - middle >= RIVAL * (peak - middle):
            found.append(_box(own, name, True, mask_size))
    return sorted(found, key=lambda one: -one.score)[:MOST]


def _box(heat: Map, name: str | None, sounding: bool, mask_size: tuple[int, int] | None) -> FoundBox:
    """The box around the peak of a map (h, w)."""
    h, w = heat.shape
    inside = _around_peak(heat)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    box = columns[0] / w, rows[0] / h, (columns[-1] + 1) / w, (rows[-1] + 1) / h
    mask = None
    if mask_size is not None:
        big: Any = cv2.resize(heat.astype(np.float32), mask_size, interpolation=cv2.INTER_LINEAR)
        mask = _around_peak(big)
    return FoundBox(tuple(float(edge) for edge in box), float(heat.max()), name, sounding, mask)  # type: ignore[arg-type]


def _around_peak(heat: Map) -> NDArray[np.bool_]:
    """The connected positions around the peak whose values are nearer to the peak than to the median."""
    middle, peak = float(np.median(heat)), float(heat.max())
    near = heat >= middle + NEAR * (peak - middle)
    labels = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)[1]
    inside: NDArray[np.bool_] = labels == labels.flat[int(heat.argmax())]
    return inside


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask as COCO's uncompressed run lengths: column by column, starting with zeros."""
    return {"size": [int(side) for side in mask.shape], "counts": runs_of(mask)}
