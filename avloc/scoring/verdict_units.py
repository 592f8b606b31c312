"""Results of protocols that score each clip, source or class by one map: counts, scores, metrics, baselines, warnings."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.metrics import auc
from avloc.naming import counted
from avloc.protocols.plain import CUTS
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import Units
from avloc.scoring.baselines import baseline_metrics, baseline_warnings, unit_baselines
from avloc.scoring.breakdown import breakdown
from avloc.scoring.fast.measure import Measured, Measuring
from avloc.scoring.fast.pooled_pixels import pooled_metrics, prevalence
from avloc.scoring.fast.silence import silence
from avloc.scoring.negatives import map_confidence, negative_sound
from avloc.scoring.own_rule import measure_by_own_rule
from avloc.scoring.result import Metric, Result
from avloc.scoring.rows import ClipRows
from avloc.scoring.summary import Ratio, Scored, detection_metrics, ratios, with_intervals, with_intervals_of
from avloc.scoring.task import Ints, OddMaps, Task, count_clips, count_odd_maps, result_of, scored_units
from avloc.scoring.tells import add_pairs, told_pairs

Floats = NDArray[np.float64]
_TOGETHER = 40_000  # clips and units of all protocols whose resamples are drawn together: bounds memory


@dataclass
class _Judged:
    """The scores under one protocol, and everything else that its result needs, except the intervals."""

    protocol: Protocol
    kept: Ints  # clips
    chosen: Ints  # units
    scored: Scored
    ratios: dict[str, Ratio]
    counts: dict[str, Any]
    warnings: list[str]
    extra: dict[str, Any]


class UnitVerdicts:
    """Protocols that score each unit, a clip, source or class, by one map; they share the resized maps, the drawn ground
    truth and the baselines.

    unit: what has one map. frames: side by side in one map.
    """

    def __init__(self, task: Task, unit: str, frames: int, resamples: int, seed: int, chunk: int) -> None:
        self.task, self.unit, self.frames = task, unit, frames
        self.resamples, self.seed, self.chunk = resamples, seed, chunk
        self.drawn = task.drawn(unit, frames)
        self.units = self.drawn.units
        todo = np.flatnonzero(task.found[self.units.clip])
        self.measuring = Measuring(self.drawn, task.given, unit, todo, chunk)
        self._blinds: dict[tuple, tuple[dict[str, Floats], Ints]] = {}
        self._told: dict[bytes, Ratio | None] = {}

    def verdicts(self, protocols: list[Protocol]) -> list[Result]:
        """A result for each protocol."""
        last = {self.drawn.key(protocol): number for number, protocol in enumerate(protocols)}
        measured, results = self._measured(protocols), list[Result]()
        step = max(1, _TOGETHER // max(len(self.units), len(self.task.truth), 1))
        for start in range(0, len(protocols), step):
            some = slice(start, start + step)
            judged = [self._judged(*one) for one in zip(protocols[some], measured[some], strict=True)]
            videos, ratios_of_all = self.task.truth.videos, [one.ratios for one in judged]
            with_ends = with_intervals_of(ratios_of_all, videos, self.resamples, self.seed)
            for one, metrics in zip(judged, with_ends, strict=True):
                results.append(self._verdict(one, metrics))
                if last[self.drawn.key(one.protocol)] == len(results) - 1:
                    self.drawn.forget(one.protocol)
        return results

    def _measured(self, protocols: list[Protocol]) -> list[Measured]:
        """The user's own rules are measured one by one, all other protocols together."""
        published = iter(self.measuring.measure([protocol for protocol in protocols if protocol.rule is None]))
        return [
            next(published) if protocol.rule is None else measure_by_own_rule(protocol, self.measuring)
            for protocol in protocols
        ]

    def _judged(self, protocol: Protocol, measured: Measured) -> _Judged:
        counts, kept, warnings = count_clips(protocol, self.task)
        chosen = scored_units(protocol, self.units, self.task.truth, kept)
        extra = _choose_cut(protocol, measured, chosen)
        count_odd_maps(protocol, self._odd_maps, kept, counts, warnings)
        scored = self._scored(protocol, measured, chosen, kept, warnings)
        return _Judged(protocol, kept, chosen, scored, ratios(protocol, scored), counts, warnings, extra)

    def _verdict(self, judged: _Judged, metrics: dict[str, Metric]) -> Result:
        """metrics: those of scores, with their intervals."""
        protocol, scored, kept, extra = judged.protocol, judged.scored, judged.kept, judged.extra
        task, truth = self.task, self.task.truth
        metrics = metrics | self._other_metrics(judged)
        if "best" in extra:
            metrics = _with_best_cuts(metrics, extra["best"])
        silent = _negative_sound(scored, truth, kept)
        extra |= {"negative_sound": silent} if silent else {}
        result = result_of(protocol, task, judged.counts, metrics, judged.warnings, extra)
        area = self._add_baselines(result, scored, judged.chosen)
        breakdown(result, truth, scored, kept, task.found, area.astype(np.float64) * (224 / protocol.size) ** 2)
        self._add_tells(result, kept)
        return result

    @property
    def _odd_maps(self) -> OddMaps:
        flags = (self.measuring.broken, self.measuring.constant, self.measuring.two_valued)
        return OddMaps(*(self.units.clip[odd] for odd in flags))

    def _scored(self, protocol: Protocol, measured: Measured, chosen: Ints, kept: Ints, warnings: list[str]) -> Scored:
        truth, given, clip = self.task.truth, self.task.given, self.units.clip
        scores = measured.ciou[chosen]
        undefined = np.isnan(scores)
        if undefined.any():
            warnings.append(
                f"{counted(undefined.sum(), 'score is', 'scores are')} undefined (0/0: neither truth nor mask marks a pixel, "
                "or the map is constant), which counts as a failure"
            )
            if protocol.undefined == "zero":
                scores = np.nan_to_num(scores)
        if self.unit == "class" or given.named:
            warnings += _without_class(self.task.truth)
        ap = "pixel_ap" if protocol.pixel_ap == "continuous" else "piap"
        of_unit = {ap if name == "pixel_ap" else name: values[chosen] for name, values in measured.of_unit.items()}
        if measured.overlaps:
            warnings.append(
                f"{counted(measured.overlaps, 'source has', 'sources have')} overlapping boxes and, "
                "as in the release, no pixel AP"
            )
        if measured.flat:
            warnings.append(
                f"{counted(measured.flat, 'source has', 'sources have')} a constant map and, as in the release, no pixel AP"
            )
        of_clip = {}
        if "nsa" in protocol.report and given.table is not None:
            inside = np.isin(clip, kept)
            own = Units(clip[inside], self.units.part[inside], self.units.label[inside], self.units.box_unit)
            of_clip["nsa"] = silence(protocol, truth, own, given, self.task.found, self.chunk)
        confidence = given.confidence
        if confidence is None and measured.confidence is not None:
            # a silent clip has neither source nor class, so its highest map is used
            confidence = measured.confidence if self.unit == "clip" else map_confidence(given.maps)
        label = self.units.label[chosen]
        return Scored(
            len(truth), clip[chosen], scores, label, of_unit, of_clip, truth.scenes, confidence, truth.sounding
        )

    def _other_metrics(self, judged: _Judged) -> dict[str, Metric]:
        """Those of confidences and of pooled pixels."""
        protocol, scored, chosen, kept = judged.protocol, judged.scored, judged.chosen, judged.kept
        videos, resamples, seed = self.task.truth.videos, self.resamples, self.seed
        of_kept = [videos[clip] for clip in kept.tolist()]
        metrics = detection_metrics(protocol, _of_kept(scored, kept), of_kept, resamples, seed)
        if protocol.pixel_ap == "pooled":
            given, found = self.task.given, self.task.found
            pooled = pooled_metrics(protocol, self.drawn, given, self.unit, chosen, found, self.chunk)
            metrics |= with_intervals(pooled.ratios, videos, resamples, seed)
        return metrics

    def _add_baselines(self, result: Result, scored: Scored, chosen: Ints) -> Ints:
        """Add the baselines and their warnings; returns the area of each chosen unit's ground truth in pixels."""
        protocol, values = result.protocol, {name: one.value for name, one in result.metrics.items()}
        key = (*self.drawn.key(protocol), chosen.tobytes())
        if key not in self._blinds:
            self._blinds[key] = unit_baselines(protocol, self.drawn, chosen)
        blind, area = self._blinds[key]
        result.baselines = baseline_metrics(protocol, scored, blind, self.task.given.maps.shape[1])
        if protocol.pixel_ap == "pooled" and len(chosen):
            share = area / (protocol.size**2 * self.frames)
            result.baselines["all-ones"] |= prevalence(protocol, self.units.label[chosen], share)
        result.warnings += baseline_warnings(protocol, values, result.baselines)
        return area

    def _add_tells(self, result: Result, kept: Ints) -> None:
        """Add the share of sounding and silent objects that a map ranks correctly, if clips have both."""
        truth, given, key = self.task.truth, self.task.given, kept.tobytes()
        if key not in self._told:
            self._told[key] = told_pairs(given.maps, truth, kept, given.table)
        told = self._told[key]
        if told is None:
            return
        result.metrics |= with_intervals({"tells": told}, truth.videos, self.resamples, self.seed)
        about = {"pairs": int(told.bottom.sum()), "chance": 0.5}
        result.extra["tells"] = result.metrics["tells"].to_json() | about
        assert isinstance(result.per_clip, ClipRows)
        add_pairs(result.per_clip, told, kept)


def _without_class(truth: Truth) -> list[str]:
    """A note on boxes without a class, for which there is no map among those of classes."""
    amount = 0 if truth.masks is not None else int((truth.box_class < 0).sum())
    return (
        [f"{counted(amount, 'box has', 'boxes have')} no class, so that none of the maps, which are of classes, fits"]
        if amount
        else []
    )


def _choose_cut(protocol: Protocol, measured: Measured, chosen: Ints) -> dict[str, Any]:
    """For the rule best, use the cut with the highest AUC (and, only for LocAcc, the one with the highest LocAcc)."""
    if measured.best is None:
        return {}
    table = np.nan_to_num(measured.best[chosen])
    if not len(table):
        return {}
    areas = [auc(column) for column in table.T]
    rates = (table >= 0.5).mean(axis=0)
    measured.ciou = measured.best[:, int(np.argmax(areas))]
    best = {
        "auc": (CUTS[int(np.argmax(areas))], float(max(areas))),
        "locacc": (CUTS[int(np.argmax(rates))], float(rates.max())),
    }
    return {"best": best, "cuts": {name: cut for name, (cut, _) in best.items()}}


def _with_best_cuts(metrics: dict[str, Metric], best: dict[str, tuple[float, float]]) -> dict[str, Metric]:
    """LocAcc at its own best cut; its interval is that of the cut with the best AUC, shifted by the difference."""
    if "locacc" not in metrics:
        return metrics
    old = metrics["locacc"]
    moved = best["locacc"][1] - old.value
    ends = [
        None if pair is None else (min(1.0, pair[0] + moved), min(1.0, pair[1] + moved))
        for pair in (old.ci95, old.ci95_by_video)
    ]
    return metrics | {"locacc": Metric(best["locacc"][1], *ends)}


def _negative_sound(scored: Scored, truth: Truth, kept: Ints) -> dict[str, Any]:
    if scored.confidence is None or scored.sounding is None:
        return {}
    kinds = None if truth.sound is None else [truth.sound[clip] for clip in kept.tolist()]
    return negative_sound(scored.confidence[kept], scored.sounding[kept], kinds)


def _of_kept(scored: Scored, kept: Ints) -> Scored:
    """The same scores with the clips numbered among the kept ones, for metrics that use every clip."""
    if scored.confidence is None or scored.sounding is None:
        return scored
    number = np.full(scored.clips, -1, np.int64)
    number[kept] = np.arange(len(kept))
    confidence, sounding = scored.confidence[kept], scored.sounding[kept]
    return replace(scored, clips=len(kept), clip=number[scored.clip], confidence=confidence, sounding=sounding)
