"""`avloc run`: all steps of a method, in order; finished ones are skipped."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from avloc import processes
from avloc.options import POSITIONAL, DryRun, LogTo, RunFolder, Set, verb
from avloc.progress import Progress, part_of, untold

if TYPE_CHECKING:
    from avloc.engine.experiment import Experiment
    from avloc.engine.rehearsing_stage import Rehearsed
    from avloc.engine.run import Run


@dataclass(frozen=True)
class StepTaken:
    """command: the step as a separate command. state: whether it was done now or before."""

    command: str
    state: Literal["done", "skipped"]
    seconds: float


@dataclass(frozen=True)
class Ran:
    """results: by test set, protocol and metrics as written by `avloc evaluate`; metrics are in [0, 1]."""

    run: Path
    steps: list[StepTaken]
    results: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class RunRehearsed:
    """The result of `avloc run --dry-run`. steps: all commands of the run, by state: would be skipped or done. stages:
    those that would be trained, by number. seconds: the estimated time of training them.
    """

    run: Path
    steps: dict[str, Literal["skip", "do"]]
    stages: "dict[int, Rehearsed]"
    seconds: float


@dataclass(frozen=True)
class Step:
    """shared: under torchrun all processes work on it, otherwise only the first one does."""

    command: str
    finished: Callable[[], bool]
    work: Callable[[Progress], Any]
    shared: bool = True


@verb
def run(
    config: Annotated[
        Path | None,
        "YAML configuration: a file, or the name of one that comes with avloc; leave it out to resume a run",
        POSITIONAL,
    ] = None,
    run: RunFolder = None,
    set: Set = (),
    log_to: LogTo = (),
    figures: Annotated[bool, "also draw the figures and the report page"] = True,
    dry_run: DryRun = False,
    progress: Progress | None = None,
) -> "Ran | RunRehearsed":
    """Run all steps of a method in order: train, cluster and match if the method does so, evaluate, visualize.

    Finished steps are skipped, so the same command resumes after an interruption, and repeats the steps whose inputs
    have changed. Prepare data first, with `avloc prepare`. `avloc calibrate` is not one of the steps. With
    torchrun the processes share training, clustering and evaluation.
    """
    from avloc.engine.experiment import open_run
    from avloc.engine.object_maps import refuse_class_maps

    experiment, where = open_run(config, run, set, longer=True)
    refuse_class_maps(experiment, experiment.evaluate)
    steps = steps_of(experiment, where, config, list(set), figures, log_to)
    _refuse_later_settings(experiment, steps)
    if dry_run:
        return _rehearse(experiment, where, config, list(set), steps, progress)
    taken, tell = [], progress or untold
    with processes.together():
        for number, step in enumerate(steps):
            shown = part_of(tell, number, len(steps), step.command)
            started = time.perf_counter()
            # the first process decides: the others may look while it is still writing
            skipped = processes.first_says(processes.is_first() and step.finished())
            if not skipped and (step.shared or processes.is_first()):
                step.work(shown)
            seconds = round(time.perf_counter() - started, 1)
            taken.append(StepTaken(step.command, "skipped" if skipped else "done", seconds))
        processes.barrier()
    tell(len(steps), len(steps), "done")
    return Ran(where.path, taken, results_of(experiment, where))


def _refuse_later_settings(experiment: "Experiment", steps: Sequence[Step]) -> None:
    """AvlocError for settings that would stop a later step, before the first one takes its hours."""
    from avloc.engine.training import refuse_settings

    todo = {step.command: step for step in steps}
    for number in sorted(experiment.stages)[1:]:
        step = todo.get(f"train-stage{number}")
        if step is not None and not step.finished():
            refuse_settings(experiment, experiment.stage(number), number)


def _rehearse(
    experiment: "Experiment",
    where: "Run",
    config: Path | None,
    overrides: list[str],
    steps: list[Step],
    progress: Progress | None,
) -> RunRehearsed:
    """Try every stage that is not trained yet."""
    from avloc.engine.rehearsing_stage import rehearse_stage

    todo: dict[str, Literal["skip", "do"]] = {one.command: "skip" if one.finished() else "do" for one in steps}
    numbers = [number for number in experiment.stages if todo.get(f"train-stage{number}") == "do"]
    tell, stages = progress or untold, {}
    for place, number in enumerate(numbers):
        shown = part_of(tell, place, len(numbers), f"train-stage{number}")
        stages[number] = rehearse_stage(number, config, where.path, overrides, shown)
    return RunRehearsed(where.path, todo, stages, sum(one.seconds for one in stages.values()))


def steps_of(
    experiment: "Experiment",
    where: "Run",
    config: Path | None,
    overrides: list[str],
    figures: bool,
    log_to: Sequence[str] = (),
) -> list[Step]:
    """The steps of an experiment, in order, without steps that another run has done (`start.stage1`)."""
    from avloc import evaluate, train_stage1, train_stage2, visualize
    from avloc.engine.stages import clusters_objects, needs_training

    at = (config, where.path, overrides)
    steps = []
    trains = {1: train_stage1, 2: train_stage2}
    for number in sorted(experiment.stages):
        elsewhere = number == 1 and experiment.start.stage1 is not None
        if elsewhere or not needs_training(experiment, number):
            continue
        if number == 2 and clusters_objects(experiment):
            steps += _clustering(experiment, where, at)
        steps.append(_training(experiment, where, number, trains[number], at, log_to))
    if any(test.maps == "class" for test in experiment.evaluate.values()) and not clusters_objects(experiment):
        steps += _clustering(experiment, where, at)
    if experiment.evaluate:
        steps.append(_recorded(experiment, where, "evaluate", lambda shown: evaluate(*at, progress=shown)))
        if figures:
            steps.append(
                _recorded(
                    experiment,
                    where,
                    "visualize",
                    lambda shown: visualize(config, [where.path], overrides, progress=shown),
                )
            )
    return steps


def _clustering(experiment: "Experiment", where: "Run", at: tuple[Any, ...]) -> list[Step]:
    """None if the clusters are those of another run."""
    from avloc import cluster, match_clusters
    from avloc.engine.finished import is_clustered, is_matched

    if experiment.start.stage1 is not None:
        return []
    steps = [Step("cluster", lambda: is_clustered(experiment, where), lambda shown: cluster(*at))]
    if _has_solo_clips(experiment):
        steps.append(Step("match-clusters", lambda: is_matched(where), lambda shown: match_clusters(*at), False))
    return steps


def _training(
    experiment: "Experiment", where: "Run", number: int, train: Any, at: tuple[Any, ...], log_to: Sequence[str]
) -> Step:
    from avloc.engine.finished import is_trained

    return Step(
        f"train-stage{number}",
        lambda: is_trained(experiment, where, number),
        lambda shown: train(*at, log_to=log_to, progress=shown),
    )


def _recorded(experiment: "Experiment", where: "Run", command: str, work: Callable[[Progress], Any]) -> Step:
    """A step whose files do not tell what they were made from: the run records it."""
    from avloc.engine import finished

    results = finished.result_files(experiment, where)
    files = [where.report] if command == "visualize" else list(results.values())

    def is_finished() -> bool:
        if not all(file.exists() for file in files):
            return False
        if not finished.is_recorded(where, command, finished.inputs_of_evaluation(experiment, where), files):
            return False
        # `avloc evaluate` may have written them since, with other settings
        return command == "visualize" or all(
            finished.is_as_configured(experiment, name, file) for name, file in results.items()
        )

    def take(shown: Progress) -> None:
        work(shown)
        if processes.is_first():
            repeat = ("visualize",) if command == "evaluate" else ()
            finished.record(where, command, finished.inputs_of_evaluation(experiment, where), repeat)

    return Step(command, is_finished, take, shared=command != "visualize")


def _has_solo_clips(experiment: "Experiment") -> bool:
    """Whether clusters can be matched with classes: there are training clips of exactly one class."""
    from avloc.engine.stores import open_data

    store = open_data(experiment, 1, experiment.stage(1).data.train, direct=False)
    return bool((store.labels.sum(1) == 1).any())


def results_of(experiment: "Experiment", where: "Run") -> dict[str, dict[str, Any]]:
    """The protocol and metrics that `avloc evaluate` wrote for each test set."""
    from avloc.engine.finished import result_files
    from avloc.errors import DataError, RunError
    from avloc.standings.results import read_results

    found = {}
    for name, file in result_files(experiment, where).items():
        if file.exists():
            try:
                result = read_results(file)[0]
            except DataError as error:
                raise RunError(
                    f"{error}; remove it and repeat `avloc run --run {where.path}`, which scores again"
                ) from None
            metrics = {metric: one["value"] for metric, one in result["metrics"].items()}
            found[name] = {"protocol": result["protocol"], "metrics": metrics}
    return found
