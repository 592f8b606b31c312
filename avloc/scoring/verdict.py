"""A task under protocols: counts, scores, metrics, baselines and warnings are combined into results."""

from dataclasses import replace
from typing import Any

import numpy as np

from avloc.annotations.truth import Truth
from avloc.metrics import auc
from avloc.protocols.plain import CUTS
from avloc.protocols.plain_labels import over_set
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import Units, units_of
from avloc.scoring.baselines import baseline_metrics, baseline_warnings, unit_baselines
from avloc.scoring.breakdown import breakdown
from avloc.scoring.fast.measure import Measured, Measuring
from avloc.scoring.fast.pooled_pixels import pooled_metrics, prevalence
from avloc.scoring.fast.silence import silence
from avloc.scoring.fast.truth_masks import DrawnTruth
from avloc.scoring.negatives import map_confidence, negative_sound
from avloc.scoring.own_rule import measure_by_own_rule
from avloc.scoring.result import Metric, Result
from avloc.scoring.rows import ClipRows
from avloc.scoring.summary import Ratio, Scored, detection_metrics, ratios, with_intervals
from avloc.scoring.task import Ints, OddMaps, Task, count_clips, count_odd_maps, result_of, scored_units
from avloc.scoring.tells import add_pairs, told_pairs
from avloc.scoring.verdict_frames import frames_verdict
from avloc.scoring.verdict_labels import labels_verdict
from avloc.scoring.verdict_other import GreedyVerdicts, pixels_verdict
from avloc.scoring.verdict_pictures import pictures_verdict, union_verdict
from avloc.scoring.verdict_set import set_verdict
from avloc.scoring.verdict_sounds import sounds_verdict


def verdicts(protocols: list[Protocol], task: Task, resamples: int, seed: int, chunk: int) -> list[Result]:
    """A result for each protocol; protocols that use the same maps of the same units share the work."""
    groups: dict[tuple[str, int, str], list[int]] = {}
    results: dict[int, Result] = {}
    matched = GreedyVerdicts(task, resamples, seed, chunk)
    for number, protocol in enumerate(protocols):
        if protocol.unit == "greedy":
            results[number] = matched.verdict(protocol)
        elif protocol.unit == "batch":
            results[number] = frames_verdict(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "labels":
            of_labels = set_verdict if over_set(protocol) else labels_verdict
            results[number] = of_labels(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "picture":
            results[number] = pictures_verdict(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "union":
            results[number] = union_verdict(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "sounds":
            results[number] = sounds_verdict(protocol, task, resamples, seed)
        elif protocol.unit == "pixels":
            results[number] = pixels_verdict(protocol, task, resamples, seed, chunk)
        else:
            groups.setdefault(_looked_at(protocol, task), []).append(number)
    for (unit, frames, lookup), numbers in groups.items():
        own = task.of_partners if lookup == "partner" else task
        found = _units([protocols[number] for number in numbers], own, unit, frames, resamples, seed, chunk)
        results.update(zip(numbers, found, strict=True))
    return [results[number] for number in range(len(protocols))]


def _looked_at(protocol: Protocol, task: Task) -> tuple[str, int, str]:
    """The unit, the number of frames per map, and whose boxes count; a clip's only source is the clip."""
    single = task.sources == 1 and task.given.maps.shape[1] == 1 and not task.given.named
    unit = "clip" if protocol.unit == "source" and single else protocol.unit
    return unit, task.sources if protocol.canvas == "wide" else 1, protocol.lookup


def _units(
    protocols: list[Protocol], task: Task, unit: str, frames: int, resamples: int, seed: int, chunk: int
) -> list[Result]:
    truth, given = task.truth, task.given
    units = units_of(truth, unit)
    todo = np.flatnonzero(task.found[units.clip])
    drawn = DrawnTruth(truth, units, frames, given.maps.nbytes)
    measuring = Measuring(drawn, given, unit, todo, chunk)
    blinds: dict[tuple, Any] = {}
    pairs: dict[bytes, Ratio | None] = {}
    results = []
    last = {drawn.key(protocol): number for number, protocol in enumerate(protocols)}
    for number, (protocol, measured) in enumerate(zip(protocols, _measured(protocols, measuring), strict=True)):
        counts, kept, warnings = count_clips(protocol, task)
        chosen = scored_units(protocol, units, truth, kept)
        key = (*drawn.key(protocol), chosen.tobytes())
        if key not in blinds:
            blinds[key] = unit_baselines(protocol, drawn, chosen)
        blind, area = blinds[key]
        extra = _choose_cut(protocol, measured, units, chosen)
        odd = OddMaps(*(units.clip[flags] for flags in (measuring.broken, measuring.constant, measuring.two_valued)))
        count_odd_maps(protocol, odd, kept, counts, warnings)
        scored = _scored(protocol, unit, task, units, measured, chosen, kept, warnings, chunk)
        metrics = with_intervals(ratios(protocol, scored), truth.videos, resamples, seed)
        videos = [truth.videos[clip] for clip in kept.tolist()]
        metrics |= detection_metrics(protocol, _of_kept(scored, kept), videos, resamples, seed)
        if protocol.pixel_ap == "pooled":
            pooled = pooled_metrics(protocol, drawn, given, unit, chosen, task.found, chunk)
            metrics |= with_intervals(pooled, truth.videos, resamples, seed)
        if "best" in extra:
            metrics = _with_best_cuts(metrics, extra["best"])
        silent = _negative_sound(scored, truth, kept)
        if kept.tobytes() not in pairs:
            pairs[kept.tobytes()] = told_pairs(given.maps, truth, kept, given.table)
        told = pairs[kept.tobytes()]
        extra |= {"negative_sound": silent} if silent else {}
        result = result_of(protocol, task, counts, metrics, warnings, extra)
        if told is not None:
            result.metrics |= with_intervals({"tells": told}, truth.videos, resamples, seed)
            about = {"pairs": int(told.bottom.sum()), "chance": 0.5}
            result.extra["tells"] = result.metrics["tells"].to_json() | about
        result.baselines = baseline_metrics(protocol, scored, blind, given.maps.shape[1])
        pixels = protocol.size**2 * frames
        if protocol.pixel_ap == "pooled" and len(chosen):
            result.baselines["all-ones"] |= prevalence(protocol, units.label[chosen], area / pixels)
        result.warnings += baseline_warnings(protocol, {n: m.value for n, m in metrics.items()}, result.baselines)
        breakdown(result, truth, scored, kept, task.found, area * (224 / protocol.size) ** 2)
        if told is not None:
            assert isinstance(result.per_clip, ClipRows)
            add_pairs(result.per_clip, told, kept)
        if last[drawn.key(protocol)] == number:
            drawn.forget(protocol)
        results.append(result)
    return results


def _measured(protocols: list[Protocol], measuring: Measuring) -> list[Measured]:
    """The user's own rules are measured one by one, all other protocols together."""
    published = iter(measuring.measure([protocol for protocol in protocols if protocol.rule is None]))
    return [
        next(published) if protocol.rule is None else measure_by_own_rule(protocol, measuring) for protocol in protocols
    ]


def _choose_cut(protocol: Protocol, measured: Measured, units: Units, chosen: Ints) -> dict[str, Any]:
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


def _scored(
    protocol: Protocol,
    unit: str,
    task: Task,
    units: Units,
    measured: Measured,
    chosen: Ints,
    kept: Ints,
    warnings: list[str],
    chunk: int,
) -> Scored:
    truth = task.truth
    scores = measured.ciou[chosen]
    undefined = np.isnan(scores)
    if undefined.any():
        warnings.append(
            f"{undefined.sum()} scores are undefined (0/0: neither truth nor mask marks a pixel, or the map is constant)"
            " and count as failures"
        )
        if protocol.undefined == "zero":
            scores = np.nan_to_num(scores)
    of_unit = {_ap_name(protocol) if n == "pixel_ap" else n: values[chosen] for n, values in measured.of_unit.items()}
    if measured.overlaps:
        warnings.append(f"{measured.overlaps} sources have overlapping boxes and, as in the release, no pixel AP")
    if measured.flat:
        warnings.append(f"{measured.flat} sources have a constant map and, as in the release, no pixel AP")
    of_clip = {}
    if "nsa" in protocol.report and task.given.table is not None:
        inside = np.isin(units.clip, kept)
        own = Units(units.clip[inside], units.part[inside], units.label[inside], units.box_unit)
        of_clip["nsa"] = silence(protocol, truth, own, task.given, task.found, chunk)
    confidence = task.given.confidence
    if confidence is None and measured.confidence is not None:
        # a silent clip has neither source nor class, so its highest map is used
        confidence = measured.confidence if unit == "clip" else map_confidence(task.given.maps)
    return Scored(
        len(truth),
        units.clip[chosen],
        scores,
        units.label[chosen],
        of_unit,
        of_clip,
        truth.scenes,
        confidence,
        truth.sounding,
    )


def _negative_sound(scored: Scored, truth: Truth, kept: Ints) -> dict[str, Any]:
    if scored.confidence is None or scored.sounding is None:
        return {}
    kinds = None if truth.sound is None else [truth.sound[clip] for clip in kept.tolist()]
    return negative_sound(scored.confidence[kept], scored.sounding[kept], kinds)


def _ap_name(protocol: Protocol) -> str:
    return "pixel_ap" if protocol.pixel_ap == "continuous" else "piap"


def _of_kept(scored: Scored, kept: Ints) -> Scored:
    """The same scores with the clips numbered among the kept ones, for metrics that use every clip."""
    if scored.confidence is None or scored.sounding is None:
        return scored
    number = np.full(scored.clips, -1, np.int64)
    number[kept] = np.arange(len(kept))
    confidence, sounding = scored.confidence[kept], scored.sounding[kept]
    return replace(scored, clips=len(kept), clip=number[scored.clip], confidence=confidence, sounding=sounding)
