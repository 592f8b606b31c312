"""From the scores of units to the metrics of a protocol, with their intervals."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from avloc.metrics import auc_of_curve, auc_parts, auroc, mean_by_frame, success_curve, successes
from avloc.metrics.detection import detection_of_draws
from avloc.protocols.protocol import Protocol
from avloc.scoring.result import Metric
from avloc.statistics import bootstrap_several, bootstrap_statistic

_AT = re.compile(r"^(iou|ciou|locacc)@(\d*\.?\d+)$")
#: numbers of draws for which AP and max-F1 are computed at a time: 4 MiB for the draws, 2 MiB for each of five sums
_PIECE = 2**19
Values = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """Scores of units (U,) on N clips, and values of whole clips (N,), NaN for clips without one."""

    clips: int
    clip: Ints  # (U,)
    score: Values  # (U,)
    label: Ints  # (U,)
    of_unit: dict[str, Values] = field(default_factory=dict)
    of_clip: dict[str, Values] = field(default_factory=dict)
    scenes: Sequence[str] | None = None  # (N,)
    confidence: Values | None = None  # (N,)
    sounding: NDArray[np.bool_] | None = None  # (N,)


@dataclass(frozen=True)
class Ratio:
    """A metric as a ratio of sums over clips, so that clips and videos can be resampled."""

    value: float
    top: Values  # (N,)
    bottom: Values  # (N,)


def items_of(protocol: Protocol, scored: Scored) -> tuple[Ints, Values]:
    """What success is counted for: the units, or the mean of each frame's units; (I,) clips and (I,) scores."""
    if protocol.aggregate == "pooled":
        return scored.clip, scored.score
    present = np.unique(scored.clip)
    return present, mean_by_frame(scored.score, scored.clip, scored.clips)[present]


def ratios(protocol: Protocol, scored: Scored) -> dict[str, Ratio]:
    """Every reported metric that is a mean, a rate or an AUC."""
    clip, score = items_of(protocol, scored)
    found: dict[str, Ratio] = {}
    for name in protocol.report:
        part = _part(protocol, name, score)
        if part is not None:
            found[name] = _ratio(scored.clips, clip, part)
            if name == "auc" and len(score):
                found[name] = Ratio(auc_of_curve(success_curve(score)), found[name].top, found[name].bottom)
        elif name in scored.of_unit:
            known = np.flatnonzero(~np.isnan(scored.of_unit[name]))
            found[name] = _ratio(scored.clips, scored.clip[known], scored.of_unit[name][known])
        elif name in scored.of_clip:
            known = np.flatnonzero(~np.isnan(scored.of_clip[name]))
            found[name] = _ratio(scored.clips, known, scored.of_clip[name][known])
        elif name == "cap" and "piap" in scored.of_unit:
            found[name] = _over_classes(scored, scored.of_unit["piap"])
        elif name in ("iiou", "iauc") and scored.scenes is not None:
            found[name] = _of_scenes(name, scored)
        elif name == "precision_all" and scored.sounding is not None:
            found[name] = _precision_all(scored)
    return found


def _part(protocol: Protocol, name: str, score: Values) -> Values | None:
    """The contribution of each item to a metric that is a mean, or None if it is not a metric of cIoU scores."""
    if name == "auc":
        return auc_parts(score)
    if name in ("ciou", "iou"):
        return np.nan_to_num(score)
    at = _AT.match(name)
    if name == "locacc" or at:
        return successes(score, float(at[2] if at else 0.5), protocol.grid, protocol.strict_success)
    return None


def _ratio(clips: int, clip: Ints, values: Values) -> Ratio:
    top = np.bincount(clip, weights=values, minlength=clips).astype(np.float64)
    bottom = np.bincount(clip, minlength=clips).astype(np.float64)
    return Ratio(float(values.mean()) if len(values) else float("nan"), top, bottom)


def _over_classes(scored: Scored, values: Values) -> Ratio:
    """The mean over classes of the mean over their units, as one weighted mean so that clips can be resampled."""
    _, own = np.unique(scored.label, return_inverse=True)
    weight = 1 / np.bincount(own)[own] if len(own) else np.zeros(0)
    parts = (weight * values, weight)
    top, bottom = (np.bincount(scored.clip, weights=part, minlength=scored.clips).astype(np.float64) for part in parts)
    return Ratio(float(np.average(values, weights=weight)) if len(own) else float("nan"), top, bottom)


def _of_scenes(name: str, scored: Scored) -> Ratio:
    """IIoU or IAUC; each scene is represented by the first of its clips; clips without a scene are left out."""
    assert scored.scenes is not None
    first: dict[str, int] = {}
    worst: dict[str, float] = {}
    for clip, score in zip(scored.clip.tolist(), np.nan_to_num(scored.score, nan=-1.0).tolist(), strict=True):
        scene = scored.scenes[clip]
        if not scene:
            continue
        first.setdefault(scene, clip)
        worst[scene] = min(worst.get(scene, np.inf), score)
    lowest = np.array(list(worst.values()))
    part = (lowest >= 0.5).astype(np.float64) if name == "iiou" else auc_parts(lowest)
    return _ratio(scored.clips, np.array(list(first.values()), np.int64), part)


def _precision_all(scored: Scored) -> Ratio:
    """Share of all clips, including silent ones, whose cIoU reaches 0.5: Precision-all@50 of stoneMo/SLAVC@05b429c."""
    right = np.zeros(scored.clips)
    right[scored.clip] = scored.score >= 0.5
    return Ratio(float(right.mean()), right, np.ones(scored.clips))


def with_intervals(found: dict[str, Ratio], videos: Sequence[str], resamples: int, seed: int) -> dict[str, Metric]:
    """The metrics with 95 % bootstrap intervals over clips and, if clips share videos, over videos."""
    return with_intervals_of([found], videos, resamples, seed)[0]


def with_intervals_of(
    several: list[dict[str, Ratio]], videos: Sequence[str], resamples: int, seed: int
) -> list[dict[str, Metric]]:
    """The metrics of several protocols with their intervals; those of the same clips are resampled together."""
    alike: dict[bytes, list[int]] = {}
    for number, found in enumerate(several):
        used = np.any([np.zeros(len(videos)), *(ratio.bottom for ratio in found.values())], axis=0)
        alike.setdefault(used.tobytes(), []).append(number)
    metrics = [{name: Metric(one.value, None, None) for name, one in found.items()} for found in several]
    for key, numbers in alike.items():
        used = np.flatnonzero(np.frombuffer(key, bool))
        if not resamples or not len(used):
            continue
        names = [videos[clip] for clip in used.tolist()]
        pairs = [_stacked(several[number], used) for number in numbers]
        over_clips = bootstrap_several(pairs, None, resamples, seed)
        shared = len(set(names)) < len(names)
        over_videos = bootstrap_several(pairs, names, resamples, seed) if shared else [None] * len(pairs)
        for number, clips, whole in zip(numbers, over_clips, over_videos, strict=True):
            ends = zip(_pairs(clips), [None] * len(clips) if whole is None else _pairs(whole), strict=True)
            metrics[number] = {name: Metric(one.value, *next(ends)) for name, one in several[number].items()}
    return metrics


def _stacked(found: dict[str, Ratio], used: Ints) -> tuple[Values, Values]:
    """(n, m) each: the sums of the clips that are used, above and below."""
    top = np.stack([ratio.top[used] for ratio in found.values()], axis=1)
    return top, np.stack([ratio.bottom[used] for ratio in found.values()], axis=1)


def _pairs(ends: Values) -> list[tuple[float, float] | None]:
    """Clipped to [0, 1], which a first-order interval can exceed."""
    return [(float(low), float(high)) for low, high in np.clip(ends, 0.0, 1.0)]


def detection_metrics(
    protocol: Protocol, scored: Scored, videos: Sequence[str], resamples: int, seed: int
) -> dict[str, Metric]:
    """AP, max-F1 and AUROC of a set with negatives, with intervals; videos: (N,), of each clip."""
    wanted = [name for name in ("ap", "max_f1", "auroc") if name in protocol.report]
    if scored.confidence is None or scored.sounding is None or not wanted:
        return {}
    order = np.argsort(scored.confidence, kind="stable")
    sounds, sure = scored.sounding[order], scored.confidence[order]
    score = np.zeros(scored.clips)
    score[scored.clip] = scored.score
    right = sounds & (score[order] >= 0.5)
    names = [videos[clip] for clip in order.tolist()]
    values: dict[str, Metric] = {}
    if set(wanted) - {"auroc"}:

        def both(drawn: Values) -> Values:
            step = max(1, _PIECE // drawn.shape[1])
            parts = (drawn[start : start + step] for start in range(0, len(drawn), step))
            return np.concatenate([np.stack(detection_of_draws(sounds, right, sure, part), axis=1) for part in parts])

        found = of_draws(both, len(sure), names, resamples, seed)
        values = {name: one for name, one in zip(("ap", "max_f1"), found, strict=True) if name in wanted}
    if "auroc" in wanted and sounds.any() and not sounds.all():
        (found_auroc,) = of_draws(_auroc_of_draws(sure, sounds), len(sure), names, resamples, seed)
        values["auroc"] = replace(found_auroc, value=auroc(sure, sounds))
    return values


def of_draws(
    statistic: Callable[[Values], Values], clips: int, videos: Sequence[str], resamples: int, seed: int
) -> list[Metric]:
    """Each column of a statistic of drawn clips, with intervals over clips and, if clips share videos, over videos."""
    value = np.asarray(statistic(np.ones((1, clips)))).reshape(-1)
    ends: list[list[tuple[float, float] | None]] = [[None] * len(value), [None] * len(value)]
    kinds = [None, videos] if len(set(videos)) < len(videos) else [None]
    for number, kind in enumerate(kinds if resamples else ()):
        found = bootstrap_statistic(statistic, clips, resamples, seed, kind)
        ends[number] = [(float(low), float(high)) for low, high in found]
    return [
        Metric(float(one), over_clips, over_videos) for one, over_clips, over_videos in zip(value, *ends, strict=True)
    ]


def _auroc_of_draws(sure: Values, sounds: NDArray[np.bool_]) -> Callable[[Values], Values]:
    """The AUROC of resamples, from how often each clip (by rising confidence) was drawn."""
    _, group = np.unique(sure, return_inverse=True)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(group)) + 1])

    def statistic(drawn: Values) -> Values:
        inside = np.add.reduceat(drawn * sounds, starts, axis=1)
        outside = np.add.reduceat(drawn * ~sounds, starts, axis=1)
        below = np.cumsum(outside, axis=1) - 0.5 * outside
        with np.errstate(invalid="ignore"):
            return (inside * below).sum(axis=1) / (inside.sum(axis=1) * outside.sum(axis=1))

    return statistic
