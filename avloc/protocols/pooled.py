"""Measurements over all pixels of a class, or of the set: average precision, and IoU at the best of several thresholds.

Pixels are pooled in histograms of 2**16 bins over the range of the set, so that memory does not grow with it: scores
nearer to each other than 1/65536 of the range count as tied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.precision import average_precision_of_histogram
from avloc.protocols.drawn import DrawnTruth
from avloc.protocols.looks import look_of, map_pieces
from avloc.protocols.measure import Given, unit_maps
from avloc.protocols.planes import unpack
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import Units, canvas_size

BINS = 2**16
#: equidistant thresholds from the least to the greatest pixel of a class: mhamilton723/DenseAV@2221b8c
STEPS = 20


@dataclass
class Pooled:
    """Histograms (BINS,) of pixels with and without truth."""

    inside: NDArray[np.int64]
    outside: NDArray[np.int64]

    @property
    def ap(self) -> float:
        return average_precision_of_histogram(self.inside, self.outside)

    @property
    def best_iou(self) -> float:
        """IoU over all pixels at the best of 20 thresholds, chosen on the same pixels; strictly above the threshold."""
        used = np.flatnonzero(self.inside + self.outside)
        cuts = np.linspace(used[0], used[-1], STEPS)
        places = np.floor(cuts).astype(int) + 1
        hits = self.inside.sum() - np.concatenate([[0], np.cumsum(self.inside)])[places]
        alarms = self.outside.sum() - np.concatenate([[0], np.cumsum(self.outside)])[places]
        union = self.inside.sum() + alarms
        return float(np.max(hits / np.maximum(union, 1)))


def pooled_metrics(
    protocol: Protocol,
    drawn: DrawnTruth,
    given: Given,
    unit: str,
    chosen: NDArray[np.int64],
    found: NDArray[np.bool_],
    chunk: int,
) -> dict[str, float]:
    """cap: mean over classes of the AP of all their pixels; piap: AP of all pixels; best_iou: mean over classes.

    Of the chosen units; the map of a clip without prediction, not found (N,), or with NaN or infinity is the least value
    everywhere.
    """
    units = drawn.units
    look = look_of(protocol, canvas_size(protocol, drawn.frames))
    low, high = (0.0, 1.0) if look.mixed else given.ends  # a mixture with object maps is scaled already
    drawn.levels(protocol)

    def histogram(piece: tuple[int, NDArray[np.int64]]) -> tuple[int, NDArray[np.int64]]:
        label, own = piece
        maps = unit_maps(units, own, given, unit)
        silent = ~found[units.clip[own]] | ~np.isfinite(maps).all(axis=(1, 2))
        maps = np.where(silent[:, None, None], np.float32(low), maps)
        objects = None if given.objects is None else given.objects[units.clip[own]]
        marked = unpack(drawn.of(protocol, own).bits[:, 0], look.width)
        rows = look.rows(maps, objects)
        if silent.any():
            rows[silent] = low
        bins = _bins(rows, low, high).reshape(-1)
        bins |= marked.reshape(-1).astype(np.int32) << 16  # pixels with truth are counted behind those without
        return label, np.bincount(bins, minlength=2 * BINS)

    whole, aps, ious = np.zeros(2 * BINS, np.int64), [], []
    for _, found_of in groupby(map_pieces(histogram, _pieces(units, chosen, chunk)), key=lambda part: part[0]):
        own = sum((counts for _, counts in found_of), np.zeros(2 * BINS, np.int64))
        whole += own
        if own[BINS:].any():
            pooled = Pooled(own[BINS:], own[:BINS])
            aps.append(pooled.ap if "cap" in protocol.report else 0.0)
            ious.append(pooled.best_iou if "best_iou" in protocol.report else 0.0)
    if not aps:
        return {}
    piap = Pooled(whole[BINS:], whole[:BINS]).ap
    values = {"cap": float(np.mean(aps)), "piap": piap, "best_iou": float(np.mean(ious))}
    return {name: values[name] for name in protocol.report if name in values}


def _pieces(units: Units, todo: NDArray[np.int64], chunk: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Some units of one class at a time, class after class."""
    for label in np.unique(units.label[todo]).tolist():
        members = todo[units.label[todo] == label]
        for start in range(0, len(members), chunk):
            yield label, members[start : start + chunk]


def _bins(rows: NDArray[np.float32], low: float, high: float) -> NDArray[np.int32]:
    """Bin of every pixel; pixels beyond the range of the raw maps (bicubic overshoot) fall into the outermost bins."""
    span = np.float32(high) - np.float32(low)
    scaled = rows - np.float32(low)
    if span > 0:
        scaled /= span
        scaled *= np.float32(BINS)
    np.clip(scaled, 0, BINS - 1, out=scaled)
    return scaled.astype(np.int32)


def ends_of(maps: NDArray[np.float32]) -> tuple[float, float]:
    """Least and greatest finite value of all maps."""
    low, high = np.inf, -np.inf
    for start in range(0, len(maps), 256):
        part = maps[start : start + 256]
        part = part[np.isfinite(part)]
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
    return (low, high) if low <= high else (0.0, 1.0)


def prevalence(protocol: Protocol, label: NDArray[np.int64], share: NDArray[np.float64]) -> dict[str, float]:
    """What a constant map gets: the share of marked pixels, of all or in the mean over classes. share: (U,) of each
    unit."""
    if not len(share):
        return {}
    of_class = [float(share[label == one].mean()) for one in np.unique(label)]
    found = {"cap": float(np.mean(of_class)), "piap": float(share.mean())}
    return {name: value for name, value in found.items() if name in protocol.report}
