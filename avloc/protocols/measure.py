"""Running maps through protocols, chunk by chunk: what every unit scores, once for all protocols that look at the
same maps."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.metrics import ciou_of_counts
from avloc.metrics.precision import average_precision_of_levels, average_precision_of_mask, average_precisions
from avloc.protocols.chunk import CUTS, Chunk, heard
from avloc.protocols.planes import Planes, count, pack, unpack
from avloc.protocols.protocol import Protocol
from avloc.protocols.resize import resize
from avloc.protocols.units import Units, canvas_size, draw_truth

CHUNK = 8  # maps looked at together: what stays in the caches at 224 x 224
Maps = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Given:
    """What is scored: maps (N, K, h, w) in the order of the truth's clips, and what came with them."""

    maps: Maps
    table: NDArray[np.bool_] | None = None  # (C, K)
    confidence: Floats | None = None  # (N,)
    objects: Maps | None = None  # (N, h, w)
    ends: tuple[float, float] = (0.0, 1.0)
    #: whether the caller said which map is of which class; sources then take the map of their class
    named: bool = False


@dataclass
class Measured:
    """Scores of the units (U,) under one protocol; `best` holds a column for each cut of the rule best."""

    ciou: Floats
    of_unit: dict[str, Floats] = field(default_factory=dict)
    best: Floats | None = None
    broken: NDArray[np.bool_] | None = None
    confidence: Floats | None = None  # (U,)
    overlaps: int = 0  # units without a pixel AP because boxes overlap


def unit_maps(units: Units, chosen: NDArray[np.int64], given: Given, unit: str) -> Maps:
    """The map of each chosen unit (u, h, w) out of (N, K, h, w): the clip's, the source's, or the sum of the
    class's."""
    clip, part = units.clip[chosen], units.part[chosen]
    if unit == "source" and given.named:
        part = units.label[chosen]
    elif unit != "class":
        return given.maps[clip, part]
    assert given.table is not None
    summed = np.zeros((len(clip), *given.maps.shape[2:]), np.float32)
    for label in np.unique(part):
        rows = np.flatnonzero(part == label)
        for cluster in np.flatnonzero(given.table[label]):
            summed[rows] += given.maps[clip[rows], cluster]
    return summed


def measure(
    protocols: list[Protocol],
    units: Units,
    truth: Truth,
    given: Given,
    unit: str,
    todo: NDArray[np.int64],
    frames: int,
    chunk: int,
) -> list[Measured]:
    """What each protocol gives each unit; units not in `todo` (no prediction) score 0."""
    found = [_empty(protocol, len(units)) for protocol in protocols]
    for start in range(0, len(todo), chunk):
        chosen = todo[start : start + chunk]
        objects = None if given.objects is None else given.objects[units.clip[chosen]]
        piece = Chunk(unit_maps(units, chosen, given, unit), objects, given.ends)
        truths: dict[tuple, Planes] = {}
        for protocol, measured in zip(protocols, found, strict=True):
            key = (canvas_size(protocol, frames), protocol.truth, protocol.boxes, protocol.corners)
            if key not in truths:
                truths[key] = draw_truth(protocol, truth, units, chosen, frames)
            _measure(protocol, measured, piece, truths[key], chosen, canvas_size(protocol, frames))
    return found


def _empty(protocol: Protocol, units: int) -> Measured:
    measured = Measured(np.zeros(units), broken=np.zeros(units, bool))
    if protocol.mask == "best":
        measured.best = np.zeros((units, len(CUTS)))
    if protocol.pixel_ap in ("binary", "swapped", "continuous"):
        measured.of_unit["pixel_ap"] = np.zeros(units)
    if "smooth_iou" in protocol.report:
        measured.of_unit["smooth_iou"] = np.zeros(units)
    if {"ap", "auroc"} & set(protocol.report):
        measured.confidence = np.full(units, -np.inf)
    return measured


def _measure(
    protocol: Protocol,
    measured: Measured,
    piece: Chunk,
    truth: Planes,
    chosen: NDArray[np.int64],
    size: tuple[int, int],
) -> None:
    assert measured.broken is not None
    measured.broken[chosen] = piece.broken
    if measured.confidence is not None:
        measured.confidence[chosen] = np.where(piece.broken, -np.inf, piece.confidence(protocol, size))
    levels = truth.levels
    total = truth.weigh(levels)
    if protocol.mask == "best":
        assert measured.best is not None
        for column, cut in enumerate(CUTS):
            values = piece.normalised(protocol, size) >= np.float32(cut)
            values[piece.broken] = False
            measured.best[chosen, column], _ = _ciou(truth, total, pack(values.reshape(-1, *size)))
        return
    if protocol.mask == "top":
        measured.ciou[chosen] = _ciou_of_top(protocol, piece, truth, levels[0], total, size)
        return
    mask = pack(heard(protocol, piece, size, levels[0]))
    measured.ciou[chosen], shared = _ciou(truth, total, mask)
    if protocol.pixel_ap == "binary":
        ap = average_precision_of_mask(shared[0], count(mask), levels[0], size[0] * size[1])
        measured.of_unit["pixel_ap"][chosen] = ap
    elif protocol.pixel_ap == "swapped":
        measured.of_unit["pixel_ap"][chosen] = average_precision_of_levels(
            shared, levels, count(mask), size[0] * size[1]
        )
    elif protocol.pixel_ap == "continuous":
        _continuous_ap(protocol, measured, piece, truth, chosen, size)
    if "smooth_iou" in measured.of_unit:
        measured.of_unit["smooth_iou"][chosen] = _smooth_iou(protocol, piece, truth, levels[0], size)


def _ciou(truth: Planes, total: Floats, mask: NDArray[np.uint8]) -> tuple[Floats, list[NDArray[np.int64]]]:
    shared = truth.shared(mask)
    return ciou_of_counts(truth.weigh(shared), total, count(mask) - shared[0]), shared


def _ciou_of_top(
    protocol: Protocol, piece: Chunk, truth: Planes, area: NDArray[np.int64], total: Floats, size: tuple[int, int]
) -> Floats:
    """cIoU of the loudest pixels, as many as the truth has; pixels at the threshold share what is left of that
    number."""
    values, cut = piece.normalised(protocol, size), _top_cut(protocol, piece, area, size)
    above, level = values > cut, values == cut
    above[piece.broken] = level[piece.broken] = False
    sure, tied = pack(above.reshape(-1, *size)), pack(level.reshape(-1, *size))
    missing = np.clip((area - count(sure)) / np.maximum(count(tied), 1), 0, 1)
    hit, hit_tied = truth.shared(sure), truth.shared(tied)
    inter = truth.weigh(hit) + missing * truth.weigh(hit_tied)
    false = count(sure) - hit[0] + missing * (count(tied) - hit_tied[0])
    return ciou_of_counts(inter, total, false)


def _top_cut(protocol: Protocol, piece: Chunk, area: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.float32]:
    pixels = size[0] * size[1]
    return piece.order_of_each(protocol, size, np.clip(pixels - area, 0, pixels - 1))


def _smooth_iou(
    protocol: Protocol, piece: Chunk, truth: Planes, area: NDArray[np.int64], size: tuple[int, int], cut: float = 0.3
) -> Floats:
    """(inter + 1e-4) / (union + 1e-4) of the map cut at 0.3: enyac-group/T-VSL@2cddbbb, option iou_thr."""
    values = piece.normalised(protocol, size) >= np.float32(cut)
    values[piece.broken] = False
    mask = pack(values.reshape(-1, *size))
    inter = count(mask & truth.bits[:, 0])
    return (inter + 1e-4) / (count(mask) + area - inter + 1e-4)


def _continuous_ap(
    protocol: Protocol,
    measured: Measured,
    piece: Chunk,
    truth: Planes,
    chosen: NDArray[np.int64],
    size: tuple[int, int],
) -> None:
    """AP of the pixels' values; where counted boxes overlap the release fails and leaves the unit out, so NaN here."""
    marked = unpack(truth.bits[:, 0], size[1]).reshape(len(chosen), -1)
    ap = average_precisions(marked, piece.normalised(protocol, size))
    ap[piece.broken] = 0.0
    if protocol.truth == "counts" and len(truth.weights) > 1:
        overlap = count(truth.bits[:, 1]) > 0
        ap[overlap] = np.nan
        measured.overlaps += int(overlap.sum())
    measured.of_unit["pixel_ap"][chosen] = ap


def silence(
    protocol: Protocol, truth: Truth, units: Units, given: Given, found: NDArray[np.bool_], chunk: int = CHUNK
) -> NDArray[np.float64]:
    """(N,) no-sounding area of every frame with a box: the mean over its silent maps; NaN where no map is silent."""
    assert given.table is not None
    clips, amount = len(truth), given.maps.shape[1]
    looked = min(protocol.nsa_maps or amount, amount)
    silent = np.zeros((clips, looked), bool)
    silent[np.unique(units.clip)] = True
    silent[~found] = False
    for label in np.unique(units.part):
        clusters = np.flatnonzero(given.table[label])
        left_out = clusters[:1] if protocol.nsa_skip == "first" else clusters
        for cluster in left_out[left_out < looked]:
            silent[units.clip[units.part == label], cluster] = False
    clip, cluster = np.nonzero(silent)
    quiet = np.empty(len(clip))
    for start in range(0, len(clip), chunk):
        part = given.maps[clip[start : start + chunk], cluster[start : start + chunk]]
        full = resize(part, protocol.size, protocol.size, protocol.resize, protocol.align_corners)
        quiet[start : start + chunk] = np.mean(full <= np.float32(protocol.nsa_cut), axis=(1, 2))
    with np.errstate(invalid="ignore"):
        return np.bincount(clip, weights=quiet, minlength=clips) / np.bincount(clip, minlength=clips)
