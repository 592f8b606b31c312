"""Clips at the size of their own picture, and the union of all sources' boxes, plain version: AVATAR and GAR-SSL."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avloc import metrics
from avloc.annotations.truth import Truth
from avloc.metrics.precision import average_precision_of_mask
from avloc.protocols import plain
from avloc.protocols.plain_units import Given, Maps, Scores
from avloc.protocols.protocol import Protocol

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
#: the part of the set for a metric of one scenario
SCENARIOS = {"ciou_single": "Single-Sound", "ciou_mixed": "Mixed-Sound", "ciou_multi": "Multi-Entity"}


def picture_truth(protocol: Protocol, truth: Truth, clip: int) -> Masks:
    """(H, W): the sounding pixels of a clip, at the size of its picture, else of its mask, else of the protocol."""
    if truth.pictures is not None:
        return truth.pictures[clip].drawn()
    if truth.masks is not None:
        return truth.masks[clip].any(axis=0)
    own = np.flatnonzero(truth.box_clip == clip)
    return plain.truth_of_boxes(protocol, truth.boxes[own]) > 0


def picture_mask(protocol: Protocol, heat: Maps | None, marked: Masks) -> Masks:
    """(H, W): where a map (h, w) is above the cut at the size of the picture; empty without a map, or with NaN."""
    if heat is None or not np.isfinite(heat).all():
        return np.zeros(marked.shape, bool)
    values = plain.normalised(protocol, plain.resized(protocol, heat, marked.shape))
    return np.asarray(plain.threshold(protocol, values, marked.astype(np.float64)), bool)


def of_pictures(protocol: Protocol, given: Given, truth: Truth, scores: Scores) -> dict[str, float]:
    """AVATAR's further metrics besides the scores of all clips: the mean of each scenario, and the share of silent
    clips in which no pixel is on.
    """
    found = {}
    for name, part in SCENARIOS.items():
        inside = [
            one
            for one, clip in zip(scores.ciou, scores.clip, strict=True)
            if part in truth.parts and truth.parts[part][clip]
        ]
        if name in protocol.report and inside:
            found[name] = float(np.mean(np.nan_to_num(inside)))
    silent = np.flatnonzero(~truth.sounding)
    quiet = [is_quiet(protocol, given, truth, clip) for clip in silent.tolist()]
    if "tn_rate" in protocol.report and quiet:
        found["tn_rate"] = float(np.mean(quiet))
    return found


def is_quiet(protocol: Protocol, given: Given, truth: Truth, clip: int) -> bool:
    """Whether a map marks nothing at all; a clip without a map, or with NaN, does not count as quiet."""
    heat = None if clip in given.missing else given.maps[clip, 0]
    if heat is None or not np.isfinite(heat).all():
        return False
    return not picture_mask(protocol, heat, picture_truth(protocol, truth, clip)).any()


def picture_scores(protocol: Protocol, given: Given, truth: Truth, kept: Sequence[int]) -> Scores:
    """cIoU of every clip in which something sounds."""
    found = Scores()
    for clip in kept:
        marked = picture_truth(protocol, truth, clip)
        if not truth.sounding[clip]:
            continue
        mask = picture_mask(protocol, None if clip in given.missing else given.maps[clip, 0], marked)
        found.clip.append(clip)
        found.label.append(int(truth.reported_class[clip]))
        found.ciou.append(metrics.ciou(mask, marked) if marked.any() else 0.0)
    return found


def union_truth(protocol: Protocol, truth: Truth, clip: int) -> Masks:
    """(H, W): the first box of each source of a clip, together; for pixel masks, all of them."""
    if truth.masks is not None:
        return plain.truth_of_mask(protocol, truth.masks[clip].any(axis=0)) > 0
    own = np.flatnonzero(truth.box_clip == clip)
    sources = truth.box_source[own] if truth.box_source is not None else truth.box_class[own]
    _, first = np.unique(sources, return_index=True)
    size = (
        None if truth.picture_sizes is None else (int(truth.picture_sizes[clip, 0]), int(truth.picture_sizes[clip, 1]))
    )
    return plain.truth_of_boxes(protocol, truth.boxes[own[np.sort(first)]], frame=size) > 0


def union_mask(protocol: Protocol, maps: Maps) -> Masks:
    """(H, W): the masks of all maps (K, h, w) of a clip together; a map with NaN marks nothing."""
    empty = np.zeros((protocol.size, protocol.size))
    return np.any([np.asarray(plain.heard(protocol, heat, empty), bool) for heat in maps], axis=0)


def union_scores(protocol: Protocol, given: Given, truth: Truth, kept: Sequence[int]) -> tuple[Scores, Floats]:
    """cIoU and AP of the union of every clip; and (n, 3) the pixels in both, in the mask and in the ground truth."""
    found, counts = Scores(), []
    for clip in kept:
        marked = union_truth(protocol, truth, clip)
        maps = np.zeros((1, 1, 1), np.float32) if clip in given.missing else given.maps[clip]
        mask = union_mask(protocol, maps)
        shared, inside, area = (int(np.count_nonzero(part)) for part in (mask & marked, mask, marked))
        found.clip.append(clip)
        found.label.append(int(truth.reported_class[clip]))
        found.ciou.append(shared / max(area + inside - shared, 1))
        found.ap.append(float(average_precision_of_mask(shared, inside, area, marked.size)))
        counts.append((shared, inside, area))
    return found, np.array(counts, np.float64).reshape(-1, 3)


def of_unions(protocol: Protocol, scores: Scores, counts: Floats) -> dict[str, float]:
    """cap, the mean AP of the clips' masks, and piap, the same formula over all pixels of all clips."""
    shared, inside, area = counts.sum(axis=0)
    found = {
        "cap": float(np.mean(scores.ap)),
        "piap": float(average_precision_of_mask(shared, inside, area, len(counts) * protocol.size**2)),
    }
    return {name: value for name, value in found.items() if name in protocol.report}
