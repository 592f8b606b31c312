"""Results of AVSBench's mIoU and F: frame by frame, then the mean over batches of frames as its test loader makes them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.segmentation import best_f, f_curve, mask_iou
from avloc.protocols import plain
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import units_of
from avloc.scoring.fast.bit_planes import unpack
from avloc.scoring.fast.resized_maps import map_pieces
from avloc.scoring.fast.truth_masks import DrawnTruth
from avloc.scoring.result import Result
from avloc.scoring.summary import Ratio, with_intervals
from avloc.scoring.task import Ints, Task, count_clips, count_odd_maps, odd_maps, result_of

Floats = NDArray[np.float64]


def frames_verdict(protocol: Protocol, task: Task, resamples: int, seed: int, chunk: int) -> Result:
    """Every frame counts for mIoU, silent ones too; F leaves silent frames out, but not wholly silent batches."""
    truth = task.truth
    counts, kept, warnings = count_clips(protocol, task)
    count_odd_maps(protocol, odd_maps(task.given, kept[task.found[kept]]), kept, counts, warnings)
    drawn = DrawnTruth(truth, units_of(truth, "clip"))
    drawn.levels(protocol)
    iou, curve_of = _measured(protocol, task, drawn, kept, chunk)

    batches = [slice(start, start + protocol.batch) for start in range(0, len(kept), protocol.batch)]
    iou_of = np.zeros(len(truth))
    iou_of[kept] = iou
    scored = np.zeros(len(truth))
    scored[kept] = 1
    miou = float(np.mean([iou[batch].mean() for batch in batches]))
    curves_of = [[curve_of[clip] for clip in kept[batch].tolist() if clip in curve_of] for batch in batches]
    ratios = {"miou": Ratio(miou, iou_of, scored), "fscore": _fscore(curve_of, curves_of, kept, batches, len(truth))}
    metrics = with_intervals({k: v for k, v in ratios.items() if k in protocol.report}, truth.videos, resamples, seed)
    if truth.masks is None:
        warnings.append(
            "the ground truth is boxes; AVSBench's numbers are over pixel masks, so these are not comparable with them"
        )
    silent = int((~truth.sounding[kept]).sum())
    extra: dict[str, Any] = {"frames": {"batch": protocol.batch, "silent": silent}}
    result = result_of(protocol, task, counts, metrics, warnings, extra)
    for clip, value in zip(kept.tolist(), iou.tolist(), strict=True):
        row: dict[str, Any] = {"id": truth.ids[clip], "video": truth.videos[clip], "ciou": value}
        result.per_clip.append(row if task.found[clip] else row | {"missing": True})
    result.baselines = {"all-ones": _all_ones(protocol, drawn, kept, batches)}
    return result


def _measured(
    protocol: Protocol, task: Task, drawn: DrawnTruth, kept: Ints, chunk: int
) -> tuple[Floats, dict[int, Floats]]:
    """The IoU of each kept frame, and by clip the F curve of those that are not silent."""

    def one(chosen: Ints) -> tuple[list[float], dict[int, Floats]]:
        found, curves = [], {}
        marks = unpack(drawn.of(protocol, chosen).bits[:, 0], protocol.size)
        for clip, marked in zip(chosen.tolist(), marks, strict=True):
            values = probability(protocol, task, clip, marked)
            found.append(mask_iou(values > np.float32(protocol.cut), marked))
            if marked.any():
                curves[clip] = f_curve(values, marked)
        return found, curves

    pieces = [kept[start : start + chunk] for start in range(0, len(kept), chunk)]
    iou: list[float] = []
    curve_of: dict[int, Floats] = {}
    for found, curves in map_pieces(one, iter(pieces)):
        iou += found
        curve_of |= curves
    return np.array(iou), curve_of


def _fscore(
    curve_of: dict[int, Floats], curves_of: list[list[Floats]], kept: Ints, batches: list[slice], clips: int
) -> Ratio:
    """The mean over batches of the best F of each batch's mean curve; curves_of: the curves of each batch.

    A frame counts with its F at the best threshold of its batch, so that the interval follows the value to first order.
    """
    value = float(np.mean([best_f(curves) for curves in curves_of]))
    heard, f_of = np.zeros(clips), np.zeros(clips)
    for batch, curves in zip(batches, curves_of, strict=True):
        best = _best_place(curves)
        for clip in kept[batch].tolist():
            if clip in curve_of:
                heard[clip] = 1
                f_of[clip] = curve_of[clip][best]
    return Ratio(value, f_of, heard)


def probability(protocol: Protocol, task: Task, clip: int, marked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) of a frame; one without a map, or with NaN or infinity, is off everywhere."""
    heat = task.given.maps[clip, 0]
    if not task.found[clip] or not np.isfinite(heat).all():
        return np.full(marked.shape, -1, np.float32)
    return plain.normalised(protocol, plain.resized(protocol, heat, marked.shape))


def _best_place(curves: list[Floats]) -> int:
    return int(np.mean(curves, axis=0).argmax()) if curves else 0


def _all_ones(protocol: Protocol, drawn: DrawnTruth, kept: Ints, batches: list[slice]) -> dict[str, float]:
    """What a map of ones everywhere gets: the share of marked pixels of each frame, and F of that precision."""
    share = drawn.levels(protocol)[0][kept, 0] / protocol.size**2
    f = np.where(share > 0, 1.3 * share / (0.3 * share + 1), np.nan)
    of_batch = [float(np.nanmean(f[batch])) if (share[batch] > 0).any() else 0.0 for batch in batches]
    found = {"miou": float(np.mean([share[batch].mean() for batch in batches])), "fscore": float(np.mean(of_batch))}
    return {name: value for name, value in found.items() if name in protocol.report}
