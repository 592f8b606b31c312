"""Results of AVSBench's mIoU and F: per frame, then the mean over batches of frames as in its test loader."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.segmentation import best_f, f_curve, mask_iou
from avloc.protocols import plain
from avloc.protocols.protocol import Protocol
from avloc.scoring.breakdown import break_down_groups
from avloc.scoring.fast.bit_planes import unpack
from avloc.scoring.fast.resized_maps import map_pieces
from avloc.scoring.fast.truth_masks import DrawnTruth
from avloc.scoring.result import Result
from avloc.scoring.rows import rows_of_scores
from avloc.scoring.summary import Ratio, Scored, with_intervals
from avloc.scoring.task import Ints, Task, count_clips, count_odd_maps, odd_maps, result_of

Floats = NDArray[np.float64]


def frames_verdict(protocol: Protocol, task: Task, resamples: int, seed: int, chunk: int) -> Result:
    """Every frame counts for mIoU, including silent ones; F leaves silent frames out, but not completely silent batches."""
    truth = task.truth
    counts, kept, warnings = count_clips(protocol, task)
    count_odd_maps(protocol, odd_maps(task.given, kept[task.found[kept]]), kept, counts, warnings)
    drawn = task.drawn()
    drawn.levels(protocol)
    frames = _scored(protocol, task, drawn, kept, chunk)
    iou, curve_of, batches = frames.iou, frames.curve_of, frames.batches

    inside = np.zeros(len(truth))
    inside[kept] = 1
    top = np.zeros(len(truth))
    top[kept] = iou
    # the contribution of each frame at the batches' own best thresholds, so that the interval follows the value to first order
    of_batch = {clip: number for number, batch in enumerate(batches) for clip in kept[batch].tolist()}
    places = [_best_place([curve_of[c] for c in kept[batch].tolist() if c in curve_of]) for batch in batches]
    heard, f_top = np.zeros(len(truth)), np.zeros(len(truth))
    for clip, curve in curve_of.items():
        heard[clip], f_top[clip] = 1, curve[places[of_batch[clip]]]
    ratios = {"miou": Ratio(frames.mean_of(iou), top, inside), "fscore": Ratio(frames.fscore, f_top, heard)}
    metrics = with_intervals({k: v for k, v in ratios.items() if k in protocol.report}, truth.videos, resamples, seed)
    if truth.masks is None:
        warnings.append(
            "the ground truth is boxes; AVSBench's numbers are over pixel masks, so these are not comparable with them"
        )
    silent = int((~truth.sounding[kept]).sum())
    extra: dict[str, Any] = {"frames": {"batch": protocol.batch, "silent": silent}}
    if task.given.negatives:
        extra["frames_with_other_sounds"] = _with_other_sounds(protocol, task, drawn, kept, chunk)
    result = result_of(protocol, task, counts, metrics, warnings, extra)
    result.per_clip = rows_of_scores(truth, kept, iou, ~task.found[kept])
    area = drawn.levels(protocol)[0][kept, 0] * (224 / protocol.size) ** 2
    break_down_groups(result, truth, Scored(len(truth), kept, iou, truth.reported_class[kept]), area, ("ciou",))
    result.baselines = {"all-ones": _all_ones(protocol, drawn, kept, batches)}
    return result


@dataclass(frozen=True)
class _Frames:
    """Frames in the order of their batches: IoU (n,), the share of pixels that are on (n,), and the F curve of those that
    are not silent, by clip."""

    clips: Ints
    iou: Floats
    on: Floats
    curve_of: dict[int, Floats]
    batches: list[slice]

    def mean_of(self, values: Floats) -> float:
        return float(np.mean([values[batch].mean() for batch in self.batches]))

    @property
    def fscore(self) -> float:
        curves = [[self.curve_of[c] for c in self.clips[one].tolist() if c in self.curve_of] for one in self.batches]
        return float(np.mean([best_f(own) for own in curves]))


def _scored(protocol: Protocol, task: Task, drawn: DrawnTruth, clips: Ints, chunk: int) -> _Frames:
    def one(chosen: Ints) -> tuple[list[float], list[float], list[Floats], Ints]:
        found, share, curves, loud = [], [], [], []
        marks = unpack(drawn.of(protocol, chosen).bits[:, 0], protocol.size)
        for clip, marked in zip(chosen.tolist(), marks, strict=True):
            values = probability(protocol, task, clip, marked)
            on = values > np.float32(protocol.cut)
            found.append(mask_iou(on, marked))
            share.append(float(np.count_nonzero(on) / (on.size + 1e-7)))
            if marked.any():
                curves.append(f_curve(values, marked))
                loud.append(clip)
        return found, share, curves, np.array(loud, np.int64)

    pieces = [clips[start : start + chunk] for start in range(0, len(clips), chunk)]
    parts = list(map_pieces(one, iter(pieces)))
    iou, on = (np.array([value for part in parts for value in part[place]]) for place in (0, 1))
    curve_of = {clip: curve for part in parts for clip, curve in zip(part[3].tolist(), part[2], strict=True)}
    batches = [slice(start, start + protocol.batch) for start in range(0, len(clips), protocol.batch)]
    return _Frames(clips, iou, on, curve_of, batches)


def _with_other_sounds(
    protocol: Protocol, task: Task, drawn: DrawnTruth, kept: Ints, chunk: int
) -> dict[str, dict[str, float]]:
    """For each kind of other sound, mIoU and F against the clips' own masks, and the share of pixels that are on: all
    should be low. Frames without such a map are left out. jiali-home/AVSBench-Robust@03e925d.
    """
    found = {}
    for kind, maps in task.given.negatives.items():
        clips = kept[~np.isnan(maps[kept]).all(axis=(1, 2, 3))]
        if len(clips):
            own = replace(task, given=replace(task.given, maps=maps), found=np.ones(len(task.truth), bool))
            frames = _scored(protocol, own, drawn, clips, chunk)
            scores = {"miou": frames.mean_of(frames.iou), "fscore": frames.fscore, "fpr": frames.mean_of(frames.on)}
            found[kind] = {"frames": len(clips), **scores}
    return found


def probability(protocol: Protocol, task: Task, clip: int, marked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) of a frame; one without a map, or with NaN or infinity, is off everywhere."""
    heat = task.given.maps[clip, 0]
    if not task.found[clip] or not np.isfinite(heat).all():
        return np.full(marked.shape, -1, np.float32)
    return plain.normalised(protocol, plain.resized(protocol, heat, marked.shape))


def _best_place(curves: list[Floats]) -> int:
    return int(np.mean(curves, axis=0).argmax()) if curves else 0


def _all_ones(protocol: Protocol, drawn: DrawnTruth, kept: Ints, batches: list[slice]) -> dict[str, float]:
    """The scores of a map of ones: the share of marked pixels of each frame, and F at that precision."""
    share = drawn.levels(protocol)[0][kept, 0] / protocol.size**2
    f = np.where(share > 0, 1.3 * share / (0.3 * share + 1), np.nan)
    of_batch = [float(np.nanmean(f[batch])) if (share[batch] > 0).any() else 0.0 for batch in batches]
    found = {"miou": float(np.mean([share[batch].mean() for batch in batches])), "fscore": float(np.mean(of_batch))}
    return {name: value for name, value in found.items() if name in protocol.report}
