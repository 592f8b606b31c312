"""`avloc sweep`: one run for each setting of a grid and each seed, and one table of the results."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc.options import POSITIONAL, Ask, Metrics, Set, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.engine.experiment import Experiment
    from avloc.engine.sweep_grid import Member
    from avloc.engine.sweep_jobs import Job
    from avloc.engine.sweep_table import Found, Setting, Spread


@dataclass(frozen=True)
class Best:
    """The setting that a sweep chooses, by validation.

    figure: the validation metric. others: its lead over the next setting on the seeds that both have, None if there is
    no other or they share no seeds.
    """

    figure: str
    settings: tuple[str, ...]
    ahead: "Spread | None"
    next: tuple[str, ...] = ()


@dataclass(frozen=True)
class Swept:
    """out: the folder of the sweep. settings: the rows of the table. best: None if nothing can be chosen; no_best is
    the reason.

    failed: reasons of failed runs, by name. missing: runs that neither finished nor failed. commands: the command of
    each run, only with `print`. file: sweep.json, None with `print`. metric: the metrics shown in the table, () for the
    first of each test set.
    """

    out: Path
    settings: "list[Setting]"
    best: Best | None
    no_best: str
    failed: dict[str, str]
    missing: list[str]
    commands: list[str]
    file: Path | None
    metric: tuple[str, ...] = ()


@verb
def sweep(
    config: Annotated[Path, "YAML configuration: a file, or the name of one that comes with avloc", POSITIONAL],
    grid: Annotated[
        Sequence[str],
        "KEY=VALUE,VALUE of a setting to vary, such as stage1.train.lr=1e-4,3e-4; may be repeated for all combinations",
    ] = (),
    seeds: Annotated[str | None, "seeds of each setting, such as 0-4 or 0,3,7; default: the configuration's"] = None,
    set: Set = (),
    out: Annotated[Path | None, "folder of the sweep; default: runs/NAME.sweep of the configuration"] = None,
    jobs: Annotated[
        int, "number of runs at a time; 0 starts none and shows the table of finished runs", Ask(least=0)
    ] = 1,
    by: Annotated[
        str | None,
        "validation metric to choose the best setting by; default: the first of iou, accuracy and loss that exists",
    ] = None,
    metric: Metrics = None,
    print: Annotated[bool, "start nothing; print the command of each run, one per line"] = False,
    progress: Progress | None = None,
) -> Swept:
    """Train and evaluate every setting of a grid with every seed, and compare the settings over their seeds.

    Each run has its own folder in OUT and runs all steps of `avloc run`, without figures. Run the same command again
    to resume: finished runs are skipped, failed ones are retried, and you can add settings and seeds. The
    best setting is chosen by a validation metric, never by a test set. OUT/sweep.json contains the table.

    On a cluster, --print gives the commands for a job array; afterwards --jobs 0 shows the table.
    """
    from avloc import processes
    from avloc.engine.experiment import read_experiment
    from avloc.engine.shipped import config_path
    from avloc.engine.sweep_grid import members_of, seeds_of
    from avloc.errors import AvlocError
    from avloc.locks import locked

    if processes.world_size() > 1:
        raise AvlocError(
            "a sweep starts its own processes: start it without torchrun, or run the commands of --print under torchrun"
        )
    if jobs < 0:
        raise AvlocError(f"jobs is {jobs}; expected 0 or more")
    where = config_path(Path(config))
    if any(one.partition("=")[0] == "seed" for one in set) and seeds is not None:
        raise AvlocError("--set seed and --seeds both set the seed; leave one of them out")
    first = read_experiment(where, list(set))
    members = members_of(list(grid), [first.seed] if seeds is None else seeds_of(seeds))
    for one in members:
        read_experiment(where, [*set, *one.overrides])  # report all mistakes before anything starts
    place = out or Path("runs") / f"{where.stem}.sweep"
    orders = [_order(config, place, one, list(set)) for one in members]
    if print:
        commands = [shlex.join(["avloc", *job.words]) for job in orders]
        return Swept(place, [], None, "", {}, [], commands, None)
    with locked(place, ".lock", "is running this sweep"):
        failed = _run_missing(config, orders, jobs, progress or untold) if jobs else {}
        found = _gathered(place, config, list(grid), members, orders, failed, by)
        _refuse_unknown(metric or (), found)
        return replace(found, metric=tuple(metric or ()))


def _refuse_unknown(wanted: Sequence[str], found: Swept) -> None:
    """AvlocError for a metric that no test set reports; a bare ciou also means ciou@0.3 and so on."""
    from avloc.errors import AvlocError

    known = dict.fromkeys(metric for row in found.settings for metrics in row.test.values() for metric in metrics)
    for name in wanted:
        if known and not any(name in (metric, metric.partition("@")[0]) for metric in known):
            raise AvlocError(f"--metric {name}: no test set reports it; they report {', '.join(known)}")


def _order(config: Path, place: Path, member: "Member", overrides: list[str]) -> "Job":
    from avloc.engine.sweep_jobs import Job

    run, settings = place / member.folder, [*overrides, *member.overrides]
    words = [
        "run",
        str(config),
        "--run",
        str(run),
        *(word for one in settings for word in ("--set", one)),
        "--no-figures",
    ]
    return Job(member.folder, run, settings, words, place / "logs" / f"{member.folder}.log")


def _run_missing(config: Path, orders: "list[Job]", jobs: int, tell: Progress) -> dict[str, str]:
    import torch

    from avloc.engine.sweep_jobs import run_all

    waiting = [job for job in orders if not _is_finished(job, config)]
    done = len(orders) - len(waiting)
    tell(done, len(orders), f"{done} finished before" if done else "")

    def ended(name: str) -> None:
        nonlocal done
        done += 1
        tell(done, len(orders), name)

    return run_all(waiting, jobs, torch.cuda.device_count(), ended)


def _is_finished(order: "Job", config: Path) -> bool:
    """Whether every step of a run is finished with these settings; False for a run that `avloc run` would refuse."""
    from avloc.engine.experiment import open_run
    from avloc.engine.run import Run
    from avloc.errors import AvlocError
    from avloc.verbs.run import steps_of

    if not Run(order.run).config.exists():
        return False
    try:
        experiment, where = open_run(config, order.run, order.overrides)
        return all(step.finished() for step in steps_of(experiment, where, None, [], figures=False))
    except AvlocError:
        return False


def _gathered(
    place: Path, config: Path, grid: list[str], members: "list[Member]", orders: "list[Job]", failed: dict[str, str],
    by: str | None,
) -> Swept:  # fmt: skip
    from avloc.engine.experiment import read_experiment
    from avloc.engine.shipped import config_path
    from avloc.engine.sweep_table import choose_figure, settings_of
    from avloc.errors import AvlocError, ConfigError
    from avloc.files import write_json

    found: list[Found] = []
    missing = []
    for member, order in zip(members, orders, strict=True):
        if order.name in failed:
            continue
        if not _is_finished(order, config):
            missing.append(order.name)
            continue
        try:
            found.append((member, *_figures(order, config)))
        except AvlocError as error:  # a damaged file of one run; the others are compared all the same
            failed[order.name] = str(error)
    reason = _why_not(read_experiment(config_path(config), orders[0].overrides))
    try:
        figure = choose_figure(found, by)
    except ConfigError as error:  # after hours of runs, show their table all the same
        figure, reason = None, str(error)
    rows = settings_of(found, figure)
    best = None
    if not reason and figure is None:
        reason = "no run is finished" if not found else "the runs have no validation metric: set a validation split"
    if not reason and figure is not None:
        best = _best(rows, figure)
    swept = Swept(place, rows, best, reason, failed, missing, [], place / "sweep.json")
    about = {"config": str(config), "grid": grid, "seeds": sorted({one.seed for one in members}), "figure": figure}
    write_json(place / "sweep.json", {**about, **to_json(swept)})
    return swept


def to_json(swept: Swept) -> dict[str, Any]:
    """The table as plain values."""
    from dataclasses import asdict

    found = asdict(swept)
    return {key: found[key] for key in ("settings", "best", "no_best", "failed", "missing")}


def _figures(order: "Job", config: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """The validation metrics of the epoch whose weights the last stage uses, and the test results."""
    from avloc.engine.experiment import open_run
    from avloc.engine.validated import figures_of_run
    from avloc.verbs.run import results_of

    experiment, where = open_run(config, order.run, order.overrides)
    return figures_of_run(experiment, where), results_of(experiment, where)


def _why_not(experiment: "Experiment") -> str:
    """Why no setting may be chosen: the validation split is also a test set. "" if one may."""
    from avloc.engine.stages import needs_training
    from avloc.engine.training import tests_on_validation

    numbers = [number for number in experiment.stages if needs_training(experiment, number)]
    if not numbers:
        return f"{experiment.method} is not trained, so there is no validation"
    tested = tests_on_validation(experiment, experiment.stage(max(numbers)))
    return (
        f"the validation split is the test set {tested[0]}: choosing by it would mean choosing on test data"
        if tested
        else ""
    )


def _best(rows: "list[Setting]", figure: str) -> Best | None:
    from avloc.engine.sweep_table import better_first, lower_is_better, spread

    ordered = better_first(rows, figure)
    if not ordered:
        return None
    first, ahead = ordered[0], None
    if len(ordered) > 1 and first.validation and ordered[1].validation:
        mine, theirs = first.validation.values, ordered[1].validation.values
        sign = -1 if lower_is_better(figure) else 1
        shared = {seed: sign * (mine[seed] - theirs[seed]) for seed in mine if seed in theirs}
        ahead = spread(shared) if shared else None
    return Best(figure, first.settings, ahead, ordered[1].settings if len(ordered) > 1 else ())
