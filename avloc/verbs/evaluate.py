"""`avloc evaluate --run`: scores a run's maps on its test sets, next to baselines that ignore the sound."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc import processes
from avloc.options import RETRIEVAL, Config, Metrics, Negatives, Resamples, RunFolder, Set, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.scoring.result import Metric, Result

log = logging.getLogger("avloc.evaluate")


@dataclass(frozen=True)
class Difference:
    """The difference between the model and a baseline on the same clips, with its 95 % interval over videos (None
    without resamples).
    """

    value: float
    ci95_by_video: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.ci95_by_video is not None and (self.ci95_by_video[0] > 0 or self.ci95_by_video[1] < 0)


@dataclass(frozen=True)
class Comparison:
    metrics: "dict[str, Metric]"
    difference: dict[str, Difference]


@dataclass(frozen=True)
class SetResult:
    """One test set: the results of the model and of each comparison, on the same frames with the same protocol.

    sounding: number of frames that the run's calibration counts as sounding, for each kind of sound; None without
    calibration.
    """

    set: str
    stage: int
    result: "Result"
    comparisons: dict[str, Comparison]
    predictions: Path
    file: Path
    sounding: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        compared = {
            name: {
                "metrics": {metric: value.to_json() for metric, value in comparison.metrics.items()},
                "difference": {
                    metric: {"value": value.value, "ci95_by_video": value.ci95_by_video and list(value.ci95_by_video)}
                    for metric, value in comparison.difference.items()
                },
            }
            for name, comparison in self.comparisons.items()
        }
        about = {"set": self.set, "stage": self.stage, "predictions": str(self.predictions)}
        heard = {} if self.sounding is None else {"sounding": self.sounding}
        return {**about, **self.result.to_json(), "comparisons": compared, **heard}


@dataclass(frozen=True)
class Evaluated:
    run: Path
    sets: dict[str, SetResult]


@verb
def evaluate(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    sets: Annotated[Sequence[str] | None, "score only this test set of the run; may be repeated; default: all"] = None,
    metric: Metrics = None,
    negatives: Negatives = None,
    resamples: Resamples = 2000,
    progress: Progress | None = None,
) -> Evaluated:
    """Score heat maps: those of a run on its test sets, or any model's against a benchmark or your own boxes.

    Every published protocol has a name and axes that can be changed; --protocol all shows how much the choice
    matters. Baselines are scored on the same frames: the model with a wrong sound, its maps
    without sound, stage one's maps, the largest object, colour saliency, the centre, and all ones.

    A run's heat maps are kept in predictions/SET.h5, its results in results/SET.PROTOCOL.json. Intervals are
    bootstraps over videos. Under torchrun the processes share the frames; the results are the same.

    From Python: this function scores a run; `avloc.evaluate_predictions` scores a file of heat maps.
    """
    from avloc.engine.class_maps import refuse_untrained
    from avloc.engine.experiment import keep_config, open_run
    from avloc.engine.model_card import write_model_card
    from avloc.errors import AvlocError

    experiment, where = open_run(config, run, set)
    if not experiment.evaluate:
        raise AvlocError(
            f"{experiment.source.source}: evaluate: missing section; name test sets with store, split, protocol"
        )
    wanted = list(experiment.evaluate) if sets is None else list(sets)
    unknown = [name for name in wanted if name not in experiment.evaluate]
    if unknown:
        raise AvlocError(
            f"{experiment.source.source}: no test set {unknown[0]!r}; it has {', '.join(experiment.evaluate)}"
        )
    refuse_untrained(experiment, where, wanted)
    processes.join()
    if processes.is_first():
        keep_config(experiment, where)
    processes.barrier()
    found, told = {}, progress or untold
    for name in wanted:
        one = _evaluate_set(experiment, where, name, metric, resamples, negatives or (), told)
        if one is not None:
            found[name] = one
    if processes.is_first():
        write_model_card(experiment, where)
    processes.leave()
    return Evaluated(where.path, found)


def _evaluate_set(
    experiment: Any,
    run: Any,
    name: str,
    metric: Sequence[str] | None,
    resamples: int,
    negatives: Sequence[str],
    tell: Progress,
) -> SetResult | None:
    """None in all processes but the first, which scores the predictions of all."""
    from avloc.engine.class_maps import class_table, refuse_other_classes, table_of_names
    from avloc.engine.comparing import selected
    from avloc.engine.experiment import device_of
    from avloc.engine.finished import result_file
    from avloc.engine.inference import ready, told
    from avloc.engine.kept_maps import keep_maps
    from avloc.engine.object_maps import maps_of_objects
    from avloc.engine.other_sounds import maps_of_other_sounds
    from avloc.engine.resolved import fingerprint_of, resolved
    from avloc.engine.retrieval import retrieval_of
    from avloc.engine.sounding import heard_by_calibration
    from avloc.engine.stacked import to_score
    from avloc.engine.stages import load_stage
    from avloc.engine.stores import open_test
    from avloc.engine.testing import loader_of, maps_of_all, score_set, see_and_hear
    from avloc.made_with import made_with
    from avloc.protocols import named
    from avloc.scoring.of_predictions import with_other_sounds
    from avloc.scoring.stored import fingerprint_of_maps
    from avloc.scoring.stored import store as add_to_stored

    test = experiment.evaluate[name]
    number = experiment.number_of(test.stage)
    stage = experiment.stage(number)
    device = device_of(stage.train.device)
    open_test(experiment, name)  # before any weights are downloaded for it
    localizer = ready(load_stage(experiment, run, number), experiment.inference, device)
    see_and_hear(localizer, test, name)
    if test.maps == "class":
        localizer = maps_of_objects(experiment, run, number, localizer, test.temperature).to(device)
    store = open_test(experiment, name, localizer)
    frames = to_score(store, test, experiment.seed, name)
    loader = loader_of(localizer, store, stage, frames.plan, device)
    protocol = named(test.protocol).with_axes(**test.axes)
    table = class_table(experiment, run, protocol, store, localizer)
    names = localizer.map_names
    shown = table_of_names(localizer, store) if names is not None and table is None else table

    def tell_of_set(done: int, total: int, text: str) -> None:
        tell(done, total, f"{name}: {text}")

    every = maps_of_all(experiment, run, localizer, number, loader, frames, tell_of_set)
    others = maps_of_other_sounds(localizer, loader, frames.plan, negatives, experiment.seed)
    found_again = (
        retrieval_of(localizer, loader, frames, resamples, experiment.seed) if metric and RETRIEVAL in metric else None
    )
    refuse_other_classes(every["model"], table, localizer, store, test)
    heard = heard_by_calibration(experiment, run, localizer, number, loader, frames, every)
    if not processes.is_first():
        return None
    stored = keep_maps(experiment, run, localizer, name, frames.truth.ids, every, others, shown)
    scored = {
        variant: score_set(protocol, maps, frames, table, resamples, experiment.seed) for variant, maps in every.items()
    }
    result = scored.pop("model")
    if others:  # including kinds evaluated earlier: thresholds depend on all kinds together
        with_other_sounds([result], every["model"], frames.truth, {"negative_maps": stored, "seed": experiment.seed})
    wanted = None if metric is None else [name for name in metric if name != RETRIEVAL]
    result.extra |= {} if found_again is None else {RETRIEVAL: found_again}
    # an error if the protocol does not report it
    kept_metrics = {} if metric and not wanted else selected(result.metrics, wanted)
    comparisons = {
        variant: Comparison(other.metrics, _differences(result, other, resamples, experiment.seed))
        for variant, other in scored.items()
    }
    file = result_file(experiment, run, name)
    found = SetResult(name, number, result, comparisons, run.predictions / f"{name}.h5", file, heard)
    result.made_with = made_with(
        str(device),
        configuration=fingerprint_of(resolved(experiment)),
        store=store.fingerprint,
        predictions=fingerprint_of_maps(frames.truth.ids, every["model"]),
    )
    if inference := told(experiment.inference):
        result.made_with["inference"] = inference
    run.refuse_moved()
    add_to_stored(file, found.to_json())  # with all of its metrics, whichever are shown now
    result.metrics = kept_metrics
    for variant, one in comparisons.items():
        comparisons[variant] = Comparison(_only(one.metrics, result.metrics), _only(one.difference, result.metrics))
    return found


def _only(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _differences(result: "Result", other: "Result", resamples: int, seed: int) -> dict[str, Difference]:
    """Model minus baseline, clip by clip, in every metric that both report.

    Only clips that both have count: some protocols leave out clips for which a method gives no map.
    """
    from avloc.engine.comparing import clip_values
    from avloc.statistics import paired_difference

    found = {}
    known = {row["id"]: row for row in other.per_clip}
    rows = [row for row in result.per_clip if row["id"] in known]
    mine = clip_values(rows, result.protocol.axes(), result.metrics)
    theirs = clip_values([known[row["id"]] for row in rows], other.protocol.axes(), other.metrics)
    videos = [row["video"] for row in rows]
    for name in result.metrics:
        if name in mine and name in theirs:
            value, interval = paired_difference(mine[name], theirs[name], videos, resamples, seed)
            found[name] = Difference(value, interval if resamples else None)
    return found
