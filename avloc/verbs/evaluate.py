"""`avloc evaluate --run`: how right a run's maps are on its test sets, beside rules that do not listen."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc.options import Config, Metrics, Negatives, Resamples, RunFolder, Set, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.engine.predicting import Frames, Maps
    from avloc.scoring.result import Metric, Result

log = logging.getLogger("avloc.evaluate")

#: what is asked for by this name is no metric of the protocol, but of the method's vectors
RETRIEVAL = "retrieval"
#: which maps are kept as predictions, and what is added to the name of the set
KEPT = {"model": "", "wrong sound": ".wrong-sound", "stage one": ".stage1"}


@dataclass(frozen=True)
class Difference:
    """How much more the model has than a comparison on the same clips, with its 95 % interval over videos (None: no
    resamples were asked for)."""

    value: float
    ci95_by_video: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.ci95_by_video is not None and (self.ci95_by_video[0] > 0 or self.ci95_by_video[1] < 0)


@dataclass(frozen=True)
class Comparison:
    metrics: "dict[str, Metric]"
    difference: dict[str, Difference]


@dataclass(frozen=True)
class SetResult:
    """One test set: the model's result and what each comparison gets on the same frames by the same protocol.

    sounding: how many frames count as sounding by the run's calibration, of each kind of sound; None without one.
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
    matters. Baselines that ignore the sound are scored on the same frames: the model with a wrong sound, its maps
    without sound, stage one's maps, the largest object, colour saliency, the centre, and all ones.

    A run's heat maps are kept in predictions/SET.h5, its results in results/SET.PROTOCOL.json. Intervals are
    bootstraps over videos.

    From Python: this function scores a run, `avloc.evaluate_predictions` a file of heat maps.
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
    keep_config(experiment, where)
    found, tell = {}, progress or untold
    for number, name in enumerate(wanted):
        tell(number, len(wanted), name)
        found[name] = _evaluate_set(experiment, where, name, metric, resamples, negatives or ())
    tell(len(wanted), len(wanted), "")
    write_model_card(experiment, where)
    return Evaluated(where.path, found)


def _evaluate_set(
    experiment: Any, run: Any, name: str, metric: Sequence[str] | None, resamples: int, negatives: Sequence[str]
) -> SetResult:
    from avloc.engine.class_maps import class_table, refuse_other_classes, table_of_names
    from avloc.engine.comparing import selected
    from avloc.engine.experiment import device_of
    from avloc.engine.object_maps import maps_of_objects
    from avloc.engine.other_sounds import maps_of_other_sounds
    from avloc.engine.predicting import frames_to_score
    from avloc.engine.retrieval import retrieval_of
    from avloc.engine.sounding import counted_sounding
    from avloc.engine.stages import load_stage
    from avloc.engine.stores import open_test
    from avloc.engine.testing import loader_of, maps_of_all, see_and_hear
    from avloc.files import write_json
    from avloc.predictions import write_predictions
    from avloc.protocols import named
    from avloc.scoring.of_predictions import with_other_sounds

    test = experiment.evaluate[name]
    number = experiment.number_of(test.stage)
    stage = experiment.stage(number)
    device = device_of(stage.train.device)
    open_test(experiment, name)  # before weights are fetched for it
    localizer = load_stage(experiment, run, number).to(device)
    see_and_hear(localizer, test, name)
    if test.maps == "class":
        localizer = maps_of_objects(experiment, run, number, localizer, test.temperature).to(device)
    store = open_test(experiment, name, localizer)
    frames = frames_to_score(store, test.frames, experiment.seed, name)
    loader = loader_of(localizer, store, stage, frames.plan, device)
    protocol = named(test.protocol).with_axes(**test.axes)
    table = class_table(experiment, run, protocol, store, localizer)
    names = localizer.map_names
    shown = table_of_names(localizer, store) if names is not None and table is None else table
    every = maps_of_all(experiment, run, localizer, number, loader, frames)
    others = maps_of_other_sounds(localizer, loader, frames.plan, negatives, experiment.seed)
    refuse_other_classes(every["model"], table, localizer, store, test)
    kept = {**KEPT, localizer.looks: ".deaf"}
    for variant, maps in every.items():
        if variant in kept:
            path = run.predictions / f"{name}{kept[variant]}.h5"
            assignment = shown if shown is not None and maps.shape[1] == shown.shape[1] else None
            run.refuse_moved()
            write_predictions(
                path,
                frames.truth.ids,
                maps,
                classes=names if names is not None and len(names) == maps.shape[1] else None,
                assignment=assignment,
                negative_maps=others if variant == "model" else None,
                attributes={**_about(experiment, test, number), "variant": variant},
            )
    scored = {
        variant: _score(protocol, maps, frames, table, resamples, experiment.seed) for variant, maps in every.items()
    }
    result = scored.pop("model")
    if others:
        with_other_sounds([result], every["model"], frames.truth, {"negative_maps": others, "seed": experiment.seed})
    wanted = None if metric is None else [name for name in metric if name != RETRIEVAL]
    if metric is not None and RETRIEVAL in metric:
        result.extra[RETRIEVAL] = retrieval_of(localizer, loader, frames, resamples, experiment.seed)
    kept_metrics = (
        {} if wanted == [] and metric else selected(result.metrics, wanted)
    )  # refuses what it does not report
    comparisons = {
        variant: Comparison(other.metrics, _differences(result, other, resamples, experiment.seed))
        for variant, other in scored.items()
    }
    file = run.results / f"{name}.{protocol.name.replace(':', '.')}.json"
    heard = counted_sounding(experiment, run, localizer, number, loader, frames, every)
    found = SetResult(name, number, result, comparisons, run.predictions / f"{name}.h5", file, heard)
    run.refuse_moved()
    write_json(file, found.to_json())  # with all of its metrics, whichever of them are asked for now
    result.metrics = kept_metrics
    for variant, one in comparisons.items():
        comparisons[variant] = Comparison(_only(one.metrics, result.metrics), _only(one.difference, result.metrics))
    return found


def _only(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _score(protocol: Any, maps: "Maps", frames: "Frames", table: Any, resamples: int, seed: int) -> "Result":
    """A class-agnostic map stands for every class of a class-aware protocol: it cannot tell them apart."""
    import numpy as np

    from avloc.scoring import score

    if table is not None and maps.shape[1] != table.shape[1]:
        maps = np.repeat(maps[:, :1], len(table), axis=1)
        table = np.eye(len(table), dtype=bool)
    elif table is None and maps.shape[1] > 1 and protocol.unit != "greedy":  # which matches maps to sources itself
        maps = np.fmax.reduce(maps, axis=1, keepdims=True)  # NaN: a map that other clips have
    return score(protocol, maps, frames.truth, assignment=table, resamples=resamples, seed=seed)


def _differences(result: "Result", other: "Result", resamples: int, seed: int) -> dict[str, Difference]:
    """Model less comparison, clip by clip, in every metric that both report."""
    from avloc.engine.comparing import clip_values
    from avloc.statistics import paired_difference

    found = {}
    mine, theirs = (clip_values(one.per_clip, one.protocol.axes(), one.metrics) for one in (result, other))
    videos = [row["video"] for row in result.per_clip]
    for name in result.metrics:
        if name in mine and name in theirs:
            value, interval = paired_difference(mine[name], theirs[name], videos, resamples, seed)
            found[name] = Difference(value, interval if resamples else None)
    return found


def _about(experiment: Any, test: Any, number: int) -> dict[str, Any]:
    return {
        "method": experiment.method,
        "stage": number,
        "store": str(test.store),
        "split": test.split,
        "frames": test.frames,
    }
