"""Precision over recall of the pixels of a test set, for all thresholds.

This is not the metric of any protocol: each frame's maps are scaled from 0 (their lowest value) to 1, and the ground
truth is the boxes of sounding objects on a grid of 64 x 64.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.drawing.moments import frame_places, loudest
from avloc.drawing.pictures import unit_map, value_range
from avloc.metrics.precision import average_precision_of_histogram

GRID, LEVELS = 64, 256


@dataclass(frozen=True)
class PixelCurve:
    """precision and recall at falling thresholds; ap: average precision; share: of pixels inside the ground truth,
    which is the precision of chance.
    """

    precision: list[float]
    recall: list[float]
    ap: float
    share: float


def pixel_curve(
    store: Store, ids: Sequence[str], maps: Mapping[str, NDArray[np.float32]], table: NDArray[np.bool_] | None
) -> PixelCurve | None:
    """Of the frames `ids` with boxes of sounding objects; None if there are none.

    maps: id -> (K, h, w). table: (C, K); if given, the map of a class is compared with the boxes of the class,
    otherwise the maximum of the maps with all boxes of sounding objects.
    """
    inside, outside = np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64)
    for heat, truth in _pairs(store, ids, maps, table):
        levels = np.rint(heat * (LEVELS - 1)).astype(np.int64)
        inside += np.bincount(levels[truth], minlength=LEVELS)
        outside += np.bincount(levels[~truth], minlength=LEVELS)
    if not inside.sum():
        return None
    hits, reached = np.cumsum(inside[::-1]), np.cumsum((inside + outside)[::-1])
    some = reached > 0
    precision, recall = hits[some] / reached[some], hits[some] / hits[-1]
    share = float(inside.sum() / (inside.sum() + outside.sum()))
    ap = average_precision_of_histogram(inside, outside)
    return PixelCurve(precision.tolist(), recall.tolist(), ap, share)


def _pairs(
    store: Store, ids: Sequence[str], maps: Mapping[str, NDArray[np.float32]], table: NDArray[np.bool_] | None
) -> Iterator[tuple[NDArray[np.floating], NDArray[np.bool_]]]:
    """Maps in [0, 1] and their ground truth, both (GRID, GRID)."""
    places, boxes = frame_places(store), store.boxes
    of_frame: dict[tuple[int, int], list[int]] = {}
    for number in np.flatnonzero(boxes.sounding).tolist():
        of_frame.setdefault((int(boxes.clip[number]), int(boxes.frame[number])), []).append(number)
    for name in ids:
        own = of_frame.get(places[name])
        if not own:
            continue
        low, high = value_range(maps[name])
        for label in sorted({int(boxes.label[number]) for number in own}) if table is not None else [None]:
            rows = np.ones(len(maps[name]), bool) if label is None or table is None else table[label]
            known = [number for number in own if label is None or boxes.label[number] == label]
            if label is not None and (label < 0 or not rows.any()):
                heat = np.zeros((GRID, GRID), np.float32)  # outside the grid: no map could find it
            else:
                heat = unit_map(loudest(maps[name][rows]), (low, high), GRID)
            yield heat, _drawn(boxes.xyxy[known])


def _drawn(boxes: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(GRID, GRID): the cells whose centre is in one of the boxes."""
    centres = (np.arange(GRID) + 0.5) / GRID
    across = (boxes[:, :1] <= centres) & (centres < boxes[:, 2:3])
    down = (boxes[:, 1:2] <= centres) & (centres < boxes[:, 3:4])
    return np.logical_or.reduce(down[:, :, None] & across[:, None, :])  # type: ignore[no-any-return]
