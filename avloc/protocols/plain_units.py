"""The units that a protocol scores, plain version: which clips count, and the map, the ground truth and the scores of
each unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols import plain
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import Units, units_of

Floats = NDArray[np.float64]
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Given:
    """The input of scoring: maps (N, K, h, w) in the order of the ground truth's clips, and optional further arrays."""

    maps: Maps
    table: NDArray[np.bool_] | None = None  # (C, K), which map belongs to which class
    objects: Maps | None = None  # (N, h, w)
    confidence: Floats | None = None  # (N,)
    named: bool = False  # whether the caller gave the class of each map
    missing: frozenset[int] = frozenset()  # clips without a prediction
    #: maps (N, K, h, w) of the same frames with other sounds, by kind; all NaN for a clip without one
    negatives: Mapping[str, Maps] = field(default_factory=dict)
    #: thresholds shared by all clips, by name, if they were chosen on other clips
    thresholds: Mapping[str, float] | None = None


@dataclass
class Scores:
    """The scores of all units, in lists with one entry per unit."""

    clip: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    ciou: list[float] = field(default_factory=list)
    ap: list[float] = field(default_factory=list)
    smooth_iou: list[float] = field(default_factory=list)
    ap_of_clip: dict[int, float] = field(default_factory=dict)


def kept_clips(protocol: Protocol, given: Given, truth: Truth) -> list[int]:
    """The clips that count; those without a box (negatives) only if something is reported about them."""
    kept = []
    silent = protocol.negatives == "zero" or {"ap", "auroc", "precision_all", "tn_rate"} & set(protocol.report)
    for clip in range(len(truth)):
        classes = set(truth.box_class[truth.box_clip == clip].tolist())
        absent = protocol.missing == "drop" and clip in given.missing
        other_level = protocol.level and truth.sounding[clip] and len(classes) != protocol.level
        if not absent and not other_level and (silent or truth.sounding[clip]):
            kept.append(clip)
    return kept


def units(protocol: Protocol, given: Given, truth: Truth, kept: Sequence[int]) -> Scores:
    """cIoU and the other scores of each unit: the clip, each of its sources, or each class that sounds in it."""
    found, every = Scores(), units_of(truth, unit_of(protocol, given, truth))
    ends = ends_of(given)
    for number, (clip, label) in enumerate(zip(every.clip.tolist(), every.label.tolist(), strict=True)):
        if clip not in kept or (protocol.negatives == "apart" and not truth.sounding[clip]):
            continue
        heat, weights = unit_map(protocol, given, every, number), unit_truth(protocol, truth, every, number)
        objects = None if given.objects is None else given.objects[clip]
        mask = plain.heard(protocol, heat, weights, objects, ends)
        score = plain.score(protocol, heat, weights, mask, objects)
        if clip in given.missing and protocol.normalise == "minmax-nan" and protocol.mask != "absolute":
            score = float("nan")  # a missing map is treated as zeros, which is a constant map
        found.clip.append(clip)
        found.label.append(label)
        found.ciou.append(float(np.nan_to_num(score)) if protocol.undefined == "zero" else score)
        if protocol.pixel_ap in ("binary", "swapped", "continuous"):
            found.ap.append(plain.pixel_ap(protocol, heat, weights, mask, objects))
        if "smooth_iou" in protocol.report:
            found.smooth_iou.append(plain.smooth_iou(protocol, heat, weights, objects))
    return found


def unit_of(protocol: Protocol, given: Given, truth: Truth) -> str:
    """A clip's only source is the clip; the unit pixels applies to classes or clips."""
    if protocol.unit == "pixels":
        return "class" if given.named else "clip"
    single = sources_of(truth) == 1 and given.maps.shape[1] == 1 and not given.named
    return "clip" if protocol.unit == "source" and single else protocol.unit


def sources_of(truth: Truth) -> int:
    """The largest number of sources of a clip."""
    if truth.masks is not None:
        return truth.masks.shape[1]
    return int(truth.sources.max(initial=0)) + 1


def unit_map(protocol: Protocol, given: Given, every: Units, number: int) -> Maps:
    """The map (h, w) of a unit: the clip's, the source's, or the sum of those of its class; NaN if there is none."""
    clip, part, label = every.clip[number], every.part[number], every.label[number]
    if clip in given.missing:
        return np.full(given.maps.shape[2:], np.nan, np.float32)
    by_class = protocol.unit == "class" or (protocol.unit == "pixels" and given.named)
    if by_class or (protocol.unit == "source" and given.named):
        assert given.table is not None
        row = part if by_class else label
        own = np.flatnonzero(given.table[row]).tolist() if row >= 0 else []  # a source without a class has no map
        return sum((given.maps[clip, k] for k in own), np.zeros(given.maps.shape[2:], np.float32))
    return given.maps[clip, part]


def unit_truth(protocol: Protocol, truth: Truth, every: Units, number: int) -> Floats:
    """The weights (H, W) of the ground truth of a unit."""
    clip, part = every.clip[number], int(every.part[number])
    frames = sources_of(truth) if protocol.canvas == "wide" else 1
    if truth.masks is None:
        boxes = every.box_unit == number
        xywh = None if truth.xywh is None else truth.xywh[boxes]
        return plain.truth_of_boxes(protocol, truth.boxes[boxes], xywh, truth.votes, frames, part)
    masks = truth.masks[clip]
    if not truth.mixed and every.kind == "clip":
        mask = masks.any(axis=0)
    elif every.kind == "class" and truth.mask_class is not None:
        mask = masks[truth.mask_class[clip] == part].any(axis=0)
    else:
        mask = masks[part]
    return plain.truth_of_mask(protocol, mask, frames, part)


def ends_of(given: Given) -> tuple[float, float]:
    """Smallest and largest finite value of all maps."""
    there = np.delete(given.maps, sorted(given.missing), axis=0)
    finite = there[np.isfinite(there)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
