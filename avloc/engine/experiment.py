"""The experiment that a configuration describes: its method's stages, data and training, checked before anything runs."""

import inspect
import logging
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.config import Section, check, dump, flat, read_section
from avloc.engine.method_modules import load_method
from avloc.engine.method_modules import method_names as method_names
from avloc.engine.places import OPTIONS, Kind, Places
from avloc.engine.resolved import fingerprint_of, free_to_change, resolved
from avloc.engine.run import Run
from avloc.engine.sections import check_sections, checked_seed
from avloc.engine.settings import ClusterSettings, Data, Inference, Start, TestSet, problems_of
from avloc.engine.shipped import config_path
from avloc.errors import AvlocError, ConfigError, RunError
from avloc.files import write_json, write_text
from avloc.made_with import made_with

if TYPE_CHECKING:
    import torch

    from avloc.methods.base import Localizer, Train

log = logging.getLogger("avloc")


@dataclass(frozen=True)
class Stage:
    """One checked ``stageN`` section."""

    model: dict[str, Any]
    data: Data  # None for a method that needs no training
    train: "Train"


@dataclass(frozen=True)
class Experiment:
    """A checked configuration. stages: its sections, by number. places: where its run found its stores."""

    method: str
    seed: int
    source: Section
    localizers: tuple["type[Localizer]", ...]
    stages: dict[int, Stage] = field(default_factory=dict)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    start: Start = field(default_factory=Start)
    evaluate: dict[str, TestSet] = field(default_factory=dict)
    inference: Inference = field(default_factory=Inference)
    places: Places | None = None

    def find(self, role: str, written: Path, kind: Kind, given: bool = False) -> Any:
        """A store or run that the configuration names, at its present place: see `Places.find`."""
        return kind.open(written) if self.places is None else self.places.find(role, written, kind, given)

    def other_run(self, role: str, written: Path) -> Run:
        """A run that this one starts from; if it does not exist, the commands that read it report what is missing."""
        return Run(written) if self.places is None else self.places.other_run(role, written)

    def number_of(self, stage: int | None) -> int:
        """The number of a stage; None: the last one."""
        return max(self.stages, default=1) if stage is None else stage

    def stage(self, number: int) -> Stage:
        if not 1 <= number <= len(self.localizers):
            count = len(self.localizers)
            stages = f"{count} stage{'s' * (count > 1)}"
            raise ConfigError(f"{self.source.source}: {self.method} has {stages}: there is no stage {number}")
        if number not in self.stages:
            raise ConfigError(
                f"{self.source.source}: stage{number}: missing section; add model, data and train of stage {number}"
            )
        return self.stages[number]

    def build(self, number: int, pretrained: bool | Container[str] = True) -> "Localizer":
        """A fresh Localizer of a stage, initialised from the seed; pretrained: False does not read the encoders'
        weights; names of arguments read only those.
        """
        import torch

        localizer: Callable[..., Localizer] = self.localizers[number - 1]
        model = dict(self.stage(number).model)
        if pretrained is not True:
            model = {k: one.default for k, one in inspect.signature(localizer).parameters.items()} | model
        for name, value in model.items():
            wanted = pretrained if isinstance(pretrained, bool) else name in pretrained
            if not wanted and is_dataclass(value) and not isinstance(value, type) and hasattr(value, "weights"):
                model[name] = replace(value, weights=None)  # type: ignore[call-arg]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * 1000 + number)
            return localizer(**model)


def read_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """The whole file checked before any data is opened; ConfigError with all mistakes, a line each."""
    return experiment_of(read_section(path, overrides))


def experiment_of(section: Section) -> Experiment:
    """The same for settings that were already read, such as those in a weights file."""
    problems: list[str] = []
    check_sections(section, problems)
    seed = checked_seed(section, problems)
    try:
        stages = load_method(str(section.values.get("method", ""))).STAGES
    except ConfigError as error:
        raise ConfigError(
            "\n".join([*problems, f"{section.where(['method'])}: {str(error).removeprefix('method: ')}"])
        ) from None
    checked: dict[int, Stage] = {}
    for number, localizer in enumerate(stages, start=1):
        if f"stage{number}" in section.values:
            stage = _checked_stage(section.child(f"stage{number}"), localizer, problems)
            if stage is not None:
                checked[number] = stage
    for number in range(len(stages) + 1, 3):
        if f"stage{number}" in section.values:
            problems.append(f"{section.where([f'stage{number}'])}: this method has {len(stages)} stage")
    cluster = check(section.child("cluster"), ClusterSettings, problems)
    start = check(section.child("start"), Start, problems)
    inference = check(section.child("inference"), Inference, problems)
    sets = section.child("evaluate")
    tests = {name: check(sets.child(name), TestSet, problems) for name in sets.values}
    for name, test in tests.items():
        problems += problems_of(sets.child(name), test, len(stages))
    if problems:
        raise ConfigError("\n".join(problems))
    return Experiment(
        str(section.values["method"]), seed, section, stages, checked, ClusterSettings(**cluster), Start(**start),
        {name: TestSet(**test) for name, test in tests.items()}, Inference(**inference),
    )  # fmt: skip


def _checked_stage(part: Section, localizer: type["Localizer"], problems: list[str]) -> Stage | None:
    """The settings of one stage; None if there was any mistake so far. A method without training needs no data."""
    from avloc.methods.base import Train

    unknown = [key for key in part.values if key not in ("model", "data", "train")]
    problems += [f"{part.where([key])}: unknown key; expected model, data, train" for key in unknown]
    model = check(part.child("model"), localizer, problems)
    named = "data" in part.values or localizer.needs_training
    data = check(part.child("data"), Data, problems) if named else {}
    train = check(part.child("train"), Train, problems)
    if problems:
        return None
    return Stage(model, Data(**data) if named else None, Train(**train))  # type: ignore[arg-type]


def open_run(
    config: Path | None, run: Path | None, overrides: Sequence[str] = (), longer: bool = False
) -> tuple[Experiment, Run]:
    """The experiment and the Run of a command: `config` starts one (in runs/<its name>), only `run` resumes one, and
    neither resumes the one last started here, in runs/ or by the demo.

    A run keeps the configuration it was started with; a different one for the same run is an error that names the
    difference. longer: except for more epochs of training, if the schedule allows them; `keep_config` then records
    them.
    """
    if run is None:
        run = _latest_run() if config is None else Path("runs") / Path(config).stem
    where = Run(Path(run))
    if config is None and not where.config.exists():
        raise RunError(
            f"{where.path} is not a run: it has no config.yaml; start one with --config FILE --run {where.path}"
        )
    config = where.config if config is None else config_path(Path(config))
    read = read_experiment(config, overrides)
    experiment = replace(read, places=Places(where, config))
    if where.config.exists():
        where.hold()
        _refuse_other_settings(read_experiment(where.config), experiment, where, longer)
    return experiment, where


def _latest_run() -> Path:
    found = [*Path("runs").glob("*/config.yaml"), *Path().glob("*/run/config.yaml")]
    if not found:
        raise AvlocError(
            "no run here (runs/*/config.yaml): give --config FILE to start one, or --run DIR to resume one"
        )
    latest = max(found, key=lambda path: path.stat().st_mtime).parent
    log.warning("no --run given: resuming %s, the run that was started last in this folder", latest)
    return latest


def keep_config(experiment: Experiment, run: Run) -> None:
    """Write all values, the versions and the places of stores into the run, when a command first writes something there."""
    if not run.config.exists():
        values = resolved(experiment)
        device = next((stage.train.device for stage in experiment.stages.values()), "auto")
        write_json(run.made_with, made_with(str(device_of(device)), configuration=fingerprint_of(values)))
        write_text(run.config, dump(values))
        run.hold()
    elif more := _more_epochs(experiment, run):
        run.refuse_moved()
        kept = read_section(run.config, [f"{key}={epochs}" for key, (_, epochs) in more.items()])
        write_text(run.config, dump(kept.values))
        run.hold()
    if experiment.places is not None:
        experiment.places.keep()


def _more_epochs(experiment: Experiment, run: Run) -> dict[str, tuple[int, int]]:
    from avloc.engine.longer import more_epochs

    return more_epochs(flat(read_section(run.config).values), experiment.stages)


def _refuse_other_settings(before: Experiment, experiment: Experiment, run: Run, longer: bool) -> None:
    """A store or run in another place is no difference if it has the same contents; nor is a default that is written out."""
    old, new = flat(resolved(before)), flat(resolved(experiment))
    differing = [key for key in {**old, **new} if old.get(key) != new.get(key) and not free_to_change(key)]
    for key in [key for key in differing if key in OPTIONS and old.get(key) and new.get(key)]:
        if experiment.places is not None and experiment.places.moved(key, str(old[key]), Path(new[key])):
            differing.remove(key)
    if longer:
        from avloc.engine.longer import refuse_longer

        for key, (had, _) in _more_epochs(experiment, run).items():
            number = int(key[len("stage")])
            if differing == [key] or all(one.endswith(".train.epochs") for one in differing):
                refuse_longer(run.path, number, had, experiment.stage(number).train)
            if key in differing:
                differing.remove(key)
    if differing:
        key = differing[0]
        more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
        raise RunError(
            f"{run.path} was started with {key}: {old.get(key)!r}, now it is {new.get(key)!r}{more}; "
            "choose another --run, or restore the setting"
        )


def device_of(name: str) -> "torch.device":
    """``auto`` uses a GPU if there is one; AvlocError for a device that does not exist."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise AvlocError(f"device {name!r}: {str(error).splitlines()[0]}; expected auto, cpu or cuda") from None
    return device
