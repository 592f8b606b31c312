"""Measurements over all pixels of a class, or of the set: average precision, and IoU at the best of several thresholds.

For intervals, each clip contributes the slope of the metric in the clip's weight (the infinitesimal jackknife, Jaeckel 1972),
computed from histograms of 256 bins, and these contributions are resampled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from avloc.protocols.protocol import Protocol, canvas_size
from avloc.protocols.units import Units
from avloc.scoring.fast.bit_planes import unpack
from avloc.scoring.fast.compiled import loops
from avloc.scoring.fast.given import Given, unit_maps
from avloc.scoring.fast.histograms import BINS, COARSE, Pooled, histograms
from avloc.scoring.fast.resized_maps import look_of, map_pieces
from avloc.scoring.fast.truth_masks import DrawnTruth
from avloc.scoring.summary import Ratio

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class PooledMetrics:
    """The metrics of a protocol, as ratios whose sums over drawn clips follow each metric to first order; and those that are
    means over classes, of each class by its number, with the number of its clips."""

    ratios: dict[str, Ratio] = field(default_factory=dict)
    of_classes: dict[int, dict[str, float]] = field(default_factory=dict)


def pooled_metrics(
    protocol: Protocol,
    drawn: DrawnTruth,
    given: Given,
    unit: str,
    chosen: NDArray[np.int64],
    found: NDArray[np.bool_],
    chunk: int,
) -> PooledMetrics:
    """cap: mean over classes of the AP of all their pixels; piap: AP of all pixels; best_iou: mean over classes.

    Of the chosen units; the map of a clip without prediction, not found (N,), or with NaN or infinity is the least value
    everywhere.
    """
    units = drawn.units
    look = look_of(protocol, canvas_size(protocol, drawn.frames))
    low, high = (0.0, 1.0) if look.mixed else given.ends  # a mixture with object maps is scaled already
    drawn.levels(protocol)
    many = loops(given.maps)

    def histogram(piece: tuple[int, Ints]) -> tuple[int, Ints, NDArray[np.integer], NDArray[np.int32]]:
        label, own = piece
        maps = unit_maps(units, own, given, unit)
        silent = ~found[units.clip[own]] | ~np.isfinite(maps).all(axis=(1, 2))
        maps = np.where(silent[:, None, None], np.float32(low), maps)
        objects = None if given.objects is None else given.objects[units.clip[own]]
        marked = unpack(drawn.of(protocol, own).bits[:, 0], look.width)
        rows = look.rows(maps, objects)
        if silent.any():
            rows[silent] = low
        return label, own, *histograms(rows, marked.reshape(len(own), -1), low, high, many)

    wanted = [name for name in ("cap", "best_iou") if name in protocol.report]
    whole, clips, seen = np.zeros(2 * BINS, np.int64), np.zeros(0, np.int64), _Seen(len(chosen), look.pixels)
    of_classes: dict[int, tuple[NDArray[np.int64], dict[str, tuple[float, Floats]]]] = {}
    for label, parts in groupby(map_pieces(histogram, _pieces(units, chosen, chunk)), key=lambda part: part[0]):
        every, owners, rows = np.zeros(2 * BINS, np.int64), list[Ints](), list[NDArray[np.int32]]()
        for _, own, counts, coarse in parts:  # each is added at once, since a histogram is a MiB
            every += counts
            owners.append(own)
            rows.append(coarse)
        clip_of, moved = units.clip[np.concatenate(owners)], np.concatenate(rows)
        whole += every
        clips = np.concatenate([clips, clip_of])
        if "piap" in protocol.report:
            seen.add(moved)
        if every[BINS:].any():
            # what a class adds is all that stays of it: its histogram is a MiB
            pooled = Pooled(every[BINS:], every[:BINS])
            of_classes[label] = clip_of, {name: _of_class(name, pooled, moved) for name in wanted}
    if not of_classes:
        return PooledMetrics()
    there = np.zeros(len(found))
    there[clips] = 1

    def ratio(value: float, slopes: Floats, where: NDArray[np.int64]) -> Ratio:
        return Ratio(value, there * (value + there.sum() * np.bincount(where, slopes, len(found))), there)

    values: dict[str, Ratio] = {}
    if "piap" in protocol.report:
        pooled = Pooled(whole[BINS:], whole[:BINS])
        values["piap"] = ratio(pooled.ap, seen.moved(pooled.ap_slopes()), clips)
    where = np.concatenate([own for own, _ in of_classes.values()])
    for name in wanted:
        slopes = np.concatenate([one[name][1] for _, one in of_classes.values()]) / len(of_classes)
        values[name] = ratio(float(np.mean([one[name][0] for _, one in of_classes.values()])), slopes, where)
    table = {
        label: {"clips": len(own), **{name: value for name, (value, _) in one.items()}}
        for label, (own, one) in of_classes.items()
    }
    return PooledMetrics({name: values[name] for name in protocol.report if name in values}, table)


def _of_class(name: str, pooled: Pooled, coarse: NDArray[np.int32]) -> tuple[float, Floats]:
    """A metric of a class, and how much each of its rows moves it."""
    if name == "cap":
        return pooled.ap, coarse @ pooled.ap_slopes()
    return pooled.best_iou, coarse @ pooled.iou_slopes()


class _Seen:
    """The coarse histograms of all rows, in as few bytes as hold them: they are kept until the last row is known."""

    def __init__(self, rows: int, pixels: int) -> None:
        self.counts = np.empty((rows, 2 * COARSE), np.uint16 if pixels < 2**16 else np.uint32)
        self.filled = 0

    def add(self, coarse: NDArray[np.int32]) -> None:
        self.counts[self.filled : self.filled + len(coarse)] = coarse
        self.filled += len(coarse)

    def moved(self, slopes: Floats) -> Floats:
        """(rows,) how much each row moves a metric; in blocks, so that not all counts are 8 bytes at once."""
        starts = range(0, len(self.counts), 4096)
        return np.concatenate([self.counts[start : start + 4096].astype(np.float64) @ slopes for start in starts])


def _pieces(units: Units, todo: NDArray[np.int64], chunk: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Some units of one class at a time, class after class."""
    for label in np.unique(units.label[todo]).tolist():
        members = todo[units.label[todo] == label]
        for start in range(0, len(members), chunk):
            yield label, members[start : start + chunk]


def ends_of(maps: NDArray[np.float32], there: NDArray[np.bool_]) -> tuple[float, float]:
    """Least and greatest finite value of the maps that are there (N,); a block of maps at a time, so that none is copied."""
    low, high = np.inf, -np.inf
    for start in range(0, len(maps), 64):
        part = maps[start : start + 64][there[start : start + 64]]
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
