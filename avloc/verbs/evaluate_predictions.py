"""`avloc evaluate --predictions`: score anybody's heat maps against a benchmark or a truth of one's own. Needs no
torch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avloc.annotations import Truth
    from avloc.predictions import Predictions
    from avloc.protocols import Protocol
    from avloc.protocols.result import Result

log = logging.getLogger("avloc.evaluate")
_COMMON = ("locacc", "auc", "ciou")


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


def evaluate_predictions(
    predictions: Path,
    benchmark: str | None = None,
    annotations: Path | None = None,
    truth: Path | None = None,
    protocol: str | None = None,
    axes: Mapping[str, str] | None = None,
    metric: Sequence[str] | None = None,
    ids: Path | None = None,
    val_ids: Path | None = None,
    music_boxes: str | None = None,
    out: Path | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Scoring:
    """Score heat maps in a file (or folder) by a published protocol, with intervals and blind baselines.

    benchmark and annotations: which set, and where its files are; truth: a file of one's own instead. protocol: a
    name, or ``all`` for every protocol that fits; default: the benchmark's. axes: axes of the protocol to change.
    metric: which to report. ids: a list of clips to restrict to; val_ids: clips on which a protocol that picks a
    threshold picks it, and which are then not scored. music_boxes: xywh, or xyxy-avgn to read boxes as the release of
    AVGN does. out: write the JSON.
    """
    from avloc.errors import ConfigError, DataError
    from avloc.predictions import read_predictions
    from avloc.protocols import PROTOCOLS
    from avloc.scoring import score_all

    if (truth is None) == (benchmark is None or annotations is None):
        raise ConfigError("give --benchmark NAME with --annotations PATH, or --truth FILE (one of the two)")
    real = _truth(benchmark, annotations, truth, ids)
    given = read_predictions(Path(predictions))
    names = list(PROTOCOLS) if protocol == "all" else [protocol or _default(benchmark)]
    chosen = [_protocol(name, benchmark, axes or {}, metric, music_boxes, len(names) == 1) for name in names]
    if val_ids is not None:
        chosen, real = _tuned(chosen, given, real, val_ids)
    results, left_out = score_all(given.maps, real, protocols=chosen, **_rest(given), resamples=resamples, seed=seed)
    if not results:
        raise DataError(next(iter(left_out.values())))
    unknown = len(set(given.ids) - set(real.ids))
    if unknown:
        for result in results.values():
            result.counts["not_requested"] = unknown
            result.warnings.append(f"{unknown} predictions are for ids that were not asked for; they are left out")
    found = Scoring(Path(predictions), results, left_out if protocol == "all" else {})
    if out is not None:
        from avloc.files import write_json

        write_json(Path(out), found.to_json())
    return found


def _rest(given: "Predictions") -> dict[str, Any]:
    return {
        "ids": given.ids,
        "classes": given.classes,
        "confidence": given.confidence,
        "object_maps": given.object_maps,
        "assignment": given.assignment,
    }


def _truth(benchmark: str | None, annotations: Path | None, truth: Path | None, ids: Path | None) -> "Truth":
    from avloc.annotations import read_benchmark, read_own_truth

    if truth is not None:
        return read_own_truth(Path(truth), benchmark or "", ids)
    assert benchmark is not None and annotations is not None
    return read_benchmark(benchmark, Path(annotations), ids)


def _default(benchmark: str | None) -> str:
    from avloc.annotations import benchmark as find

    return "avloc" if benchmark is None else find(benchmark).protocol


def _protocol(
    name: str,
    benchmark: str | None,
    axes: Mapping[str, str],
    metric: Sequence[str] | None,
    music_boxes: str | None,
    alone: bool,
) -> "Protocol":
    """The named protocol as it is on this benchmark, with the axes and metrics that were asked for."""
    from avloc.annotations import BENCHMARKS
    from avloc.errors import ConfigError
    from avloc.protocols import named
    from avloc.protocols.choosing import reporting

    protocol = named(name)
    if benchmark in BENCHMARKS:
        on_it = BENCHMARKS[benchmark].axes.get(name, {})
        protocol = replace(protocol, **on_it)  # how the release treats this set is part of the named protocol
    if music_boxes is not None:
        reading = {"xywh": "as-written", "xyxy-avgn": "xywh-as-corners"}
        if music_boxes not in reading:
            raise ConfigError(f"--music-boxes {music_boxes!r}; expected xywh or xyxy-avgn")
        protocol = protocol.with_axes(boxes=reading[music_boxes])
    protocol = protocol.with_axes(**axes)
    if alone:
        return reporting(protocol, metric)
    try:
        # side by side, every rule also reports the three numbers that all of them can
        return reporting(protocol, metric or (*_COMMON, *protocol.report))
    except ConfigError:
        return protocol


def _tuned(
    protocols: "list[Protocol]", given: "Predictions", truth: "Truth", val_ids: Path
) -> "tuple[list[Protocol], Truth]":
    """Protocols that pick a threshold, with the one that is best on the validation clips, and the truth without
    those."""
    from avloc.annotations.builder import restrict
    from avloc.annotations.files import id_list
    from avloc.errors import DataError
    from avloc.scoring import score

    validation = restrict(truth, id_list(val_ids), str(val_ids))
    kept = [number for number, name in enumerate(truth.ids) if name not in set(validation.ids)]
    if not kept:
        raise DataError(f"{val_ids}: names every clip of the truth; nothing is left to score")
    tuned = []
    for protocol in protocols:
        if protocol.mask == "best":
            found = score(protocol, given.maps, validation, **_rest(given), resamples=0)
            protocol = protocol.with_axes(mask="absolute", cut=found.extra["cuts"]["auc"])
        tuned.append(protocol)
    return tuned, truth.take(kept)
