"""`avloc evaluate --predictions`: score any model's heat maps against a benchmark or your own boxes. Needs no
torch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from avloc.options import RETRIEVAL, Ask, FollowLinks, Metrics, Negatives, Resamples, verb

if TYPE_CHECKING:
    from avloc.annotations import Truth
    from avloc.predictions import Predictions
    from avloc.protocols import Protocol
    from avloc.scoring.result import Result

log = logging.getLogger("avloc.evaluate")
_COMMON = ("locacc", "auc", "ciou")
_UNMIXED = "the object maps are not used; --axis ogl_alpha=0.4 mixes them with the heat maps"


@dataclass(frozen=True)
class Scoring:
    """The results of one file of predictions by protocol, and why other protocols were left out."""

    predictions: Path
    results: "dict[str, Result]"
    left_out: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One protocol: its result. Several: {"benchmark", "protocols": {name: result}, "left_out": {name: reason}}."""
        every = {name: result.to_json() for name, result in self.results.items()}
        if len(every) == 1 and not self.left_out:
            return {**next(iter(every.values())), "predictions": str(self.predictions)}
        benchmark = next(iter(self.results.values())).benchmark
        return {
            "benchmark": benchmark,
            "predictions": str(self.predictions),
            "protocols": every,
            "left_out": self.left_out,
        }


@verb
def evaluate_predictions(
    predictions: Annotated[
        Path,
        "any model's heat maps: .h5 or .npz with ids and maps, a folder of ID.npy or ID.png, or boxes: .json or .csv",
    ],
    benchmark: Annotated[str | None, "test set of the predictions (`avloc benchmarks` lists them)"] = None,
    annotations: Annotated[Path | None, "annotation file of the benchmark, or the folder that holds it"] = None,
    truth: Annotated[Path | None, "your own boxes instead: JSON, COCO json, or Pascal VOC xml"] = None,
    protocol: Annotated[
        str | None, "how to score, or `all` for every protocol that fits; default: the benchmark's"
    ] = None,
    axes: Annotated[
        Mapping[str, str] | None,
        "NAME=VALUE that changes an axis of the protocol, such as resize=bicubic; may be repeated",
        Ask(name="--axis"),
    ] = None,
    metric: Metrics = None,
    negatives: Negatives = None,
    ids: Annotated[Path | None, "score only the clips in this list, one id per line"] = None,
    val_ids: Annotated[Path | None, "ids of the clips to choose thresholds on; only the others are scored"] = None,
    music_boxes: Annotated[
        Literal["xywh", "xyxy-avgn"] | None,
        "how to read boxes x, y, width, height, as MUSIC's are; xyxy-avgn reads them as corners, as AVGN's release does",
    ] = None,
    out: Annotated[
        Path | None, "also write the result to this JSON file; results for the same maps that it already has are kept"
    ] = None,
    resamples: Resamples = 2000,
    seed: Annotated[int, "seed of the bootstrap", Ask(least=0)] = 0,
    strict: Annotated[bool, "make predictions or clips without a match an error; by default they are counted"] = False,
    follow_links: FollowLinks = False,
) -> Scoring:
    """Score the heat maps in a file or folder by a published protocol, with intervals and baselines that ignore the sound.

    Needs no torch. Give benchmark and annotations, or truth.
    """
    from avloc.errors import ConfigError, DataError
    from avloc.made_with import made_with
    from avloc.predicted_ids import of_pairs, under_ids_of
    from avloc.predictions import read_predictions
    from avloc.scoring.of_predictions import refuse_music_boxes, refuse_without_sounds, retrieval_of, score_predictions
    from avloc.scoring.stored import fingerprint_of_ids, fingerprints_of, store, stored_kinds
    from avloc.scoring.tuned import tuned

    if (truth is None) == (benchmark is None or annotations is None) or (truth is not None and annotations is not None):
        raise ConfigError("give --benchmark NAME with --annotations PATH, or --truth FILE (one of the two)")
    real = _truth(benchmark, annotations, truth, ids)
    if strict and ids is not None and real.unannotated:
        raise DataError(f"{ids}: {real.warnings[-1].partition('; ')[0]}; correct the list, or leave out --strict")
    refuse_music_boxes(music_boxes, real)
    given = of_pairs(read_predictions(predictions), real)
    refuse_without_sounds(given, negatives or (), predictions)
    given = under_ids_of(given, real, predictions.name, ids is None, strict)

    names = [name for name in metric or () if name != RETRIEVAL]
    chosen, unable = _chosen(protocol, real, benchmark, axes or {}, music_boxes, names)

    made = made_with("cpu", **fingerprints_of(given))
    kinds: list[str] = list(negatives or ())
    if kinds:  # thresholds depend on all kinds together, also those that `out` has from an earlier call
        before = stored_kinds(out, made["fingerprints"]["predictions"])
        kinds += [kind for kind in before if kind in given.negative_maps and kind not in kinds]
    thresholds: dict[str, float] | None = None
    notes: dict[str, str] = {}
    if val_ids is not None:
        chosen, real, thresholds, notes = tuned(chosen, given, real, val_ids, kinds, strict)
    results, left_out = score_predictions(chosen, given, real, kinds, resamples, seed, thresholds)
    if not results:
        raise DataError(next(iter(left_out.values())))
    for name, result in results.items():
        result.warnings += [notes[name]] if name in notes else []
    left_out = unable | left_out
    if names:
        results, left_out = _defined(results, left_out)

    made["fingerprints"]["clips"] = fingerprint_of_ids(real.ids)
    vectors = retrieval_of(given, real, predictions, resamples, seed) if RETRIEVAL in (metric or ()) else None
    unknown = _add_what_was_given(results, given, real, chosen)
    for result in results.values():
        result.made_with = made
        result.extra |= {} if vectors is None else {RETRIEVAL: vectors}
    found = Scoring(predictions, results, left_out if protocol == "all" else {})
    if out is not None:
        store(out, found.to_json())
    if vectors is not None and not names:
        for result in results.values():
            result.metrics = {}  # metrics that were not requested are stored, not shown
            if not kinds:  # the other notes are about the scores of heat maps
                result.warnings = [*real.warnings, *unknown]
    return found


def _chosen(
    name: str | None,
    real: "Truth",
    benchmark: str | None,
    axes: Mapping[str, str],
    music_boxes: str | None,
    metric: Sequence[str],
) -> "tuple[list[Protocol], dict[str, str]]":
    """The protocol of this name (None: the benchmark's) with the requested metrics, or all that fit and why others do not."""
    if name == "all":
        return _all_protocols(real, benchmark, axes, music_boxes, metric)
    return [_reporting(_protocol(name or _default(benchmark), benchmark, axes, music_boxes), metric, False)], {}


def _add_what_was_given(
    results: "dict[str, Result]", given: "Predictions", real: "Truth", protocols: "list[Protocol]"
) -> list[str]:
    """Add to each result what was given and not used: predictions with unknown ids, and object maps; returns the note on the
    former."""
    unknown = len(set(given.ids) - set(real.ids))
    unasked = [f"{unknown} predictions have ids that are not scored; they are left out"] if unknown else []
    unmixed = given.object_maps is not None and all(one.ogl_alpha >= 1 for one in protocols)
    for result in results.values():
        result.counts |= {"not_requested": unknown} if unknown else {}
        result.warnings += [*unasked, *([_UNMIXED] if unmixed else [])]
    return unasked


def _all_protocols(
    real: "Truth", benchmark: str | None, axes: Mapping[str, str], music_boxes: str | None, metric: Sequence[str]
) -> "tuple[list[Protocol], dict[str, str]]":
    """The protocols that fit the ground truth and report a requested metric; and why the others do not."""
    from avloc.errors import ConfigError
    from avloc.scoring.score_maps import protocols_for

    chosen, unable = [], {}
    for one in protocols_for(real):
        on_set = _protocol(one.name, benchmark, axes, music_boxes)
        try:
            chosen.append(_reporting(on_set, metric, True))
        except ConfigError as error:
            unable[one.name] = str(error).partition("; ")[0].partition(": ")[2]
    if not chosen:
        raise ConfigError(f"--metric {','.join(metric)}: no protocol reports it")
    return chosen, unable


def _truth(benchmark: str | None, annotations: Path | None, truth: Path | None, ids: Path | None) -> "Truth":
    from avloc.annotations import read_benchmark, read_own_truth

    if truth is not None:
        return read_own_truth(truth, benchmark or "", ids)
    assert benchmark is not None and annotations is not None
    return read_benchmark(benchmark, annotations, ids)


def _default(benchmark: str | None) -> str:
    from avloc.annotations import benchmark as find

    return "avloc" if benchmark is None else find(benchmark).protocol


def _protocol(name: str, benchmark: str | None, axes: Mapping[str, str], music_boxes: str | None) -> "Protocol":
    """The named protocol on this benchmark, its usual metrics first, with the requested axes."""
    from avloc.annotations import BENCHMARKS
    from avloc.protocols import named

    protocol = named(name)
    if benchmark in BENCHMARKS:
        on_it = BENCHMARKS[benchmark].axes.get(name, {})  # how the release treats this set is part of the protocol
        usual = [metric for metric in BENCHMARKS[benchmark].metrics if metric in protocol.report]
        protocol = replace(protocol, report=tuple(dict.fromkeys((*usual, *protocol.report))), **on_it)
    if music_boxes is not None:
        reading = {"xywh": "as-written", "xyxy-avgn": "xywh-as-corners"}
        protocol = protocol.with_axes(boxes=reading[music_boxes])
    return protocol.with_axes(**axes)


def _reporting(protocol: "Protocol", metric: Sequence[str] | None, several: bool) -> "Protocol":
    """The protocol with the requested metrics: all of them, or, with several protocols, those that it can report."""
    from avloc.errors import ConfigError
    from avloc.protocols.reporting import reporting

    if not several:
        return reporting(protocol, metric)
    able: list[str] = []
    # side by side, every protocol also reports the three metrics that all of them have
    for name in metric or (*_COMMON, *protocol.report):
        try:
            able += reporting(protocol, [name]).report
        except ConfigError:
            if metric and name == metric[-1] and not able:
                raise
    return replace(protocol, report=tuple(dict.fromkeys(able)))


def _defined(results: "dict[str, Result]", left_out: dict[str, str]) -> "tuple[dict[str, Result], dict[str, str]]":
    """The results with a requested metric; a metric that is not defined on this set is noted."""
    from avloc.errors import DataError

    found = {}
    for name, result in results.items():
        result.metrics = {metric: one for metric, one in result.metrics.items() if metric in result.protocol.report}
        absent = [metric for metric in result.protocol.report if metric not in result.metrics]
        why = f"{', '.join(absent)}: not defined here; this needs silent clips, scenes, or class maps"
        if result.metrics:
            found[name] = result
            result.warnings += [why] if absent else []
        else:
            left_out = left_out | {name: why}
    if not found:
        raise DataError(next(reversed(left_out.values())))
    return found, left_out
