"""`avloc import-weights`: the authors' published checkpoints as stages of avloc."""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc.errors import AvlocError
from avloc.options import Ask, Set, verb

if TYPE_CHECKING:
    from torch import Tensor

    from avloc.engine.experiment import Experiment
    from avloc.engine.run import Run
    from avloc.methods.base import Localizer, Published


@dataclass(frozen=True)
class Imported:
    run: Path
    method: str
    stage: int
    clusters: int
    weights: Path


def import_weights(method: str, stage: int, path: Path | str, dictionary: Path | str | None = None) -> "Localizer":
    """A stage of a method with the authors' weights, in evaluation mode.

    path: their .pth file, or a folder if the authors published several; nothing in them is executed; prefixes of
    wrappers (``module.``, ``state_dict``) are removed, and the number of clusters and the variant are inferred.
    dictionary: their .npy of the object dictionary (K, C), for stage two; without it stage two's `locate` gives one map
    of all sounding positions.

    AvlocError for a file that is not such a checkpoint or is of the other stage, naming the mismatch.
    """
    from avloc.config import Section, bind

    published = _published(method, stage, Path(path))

    def build(number: int) -> "Localizer":
        made: Localizer = bind(Section(str(path), published.arguments[number - 1]), published.module.STAGES[number - 1])
        return made

    return published.fill(build, None if dictionary is None else Path(dictionary)).eval()


@verb
def import_into_run(
    method: Annotated[str, "method of the checkpoint, such as dsol"],
    stage: Annotated[int, "stage of the checkpoint", Ask(least=1, most=2)],
    path: Annotated[
        Path, "the authors' checkpoint, a .pth file; nothing in it is executed when it is read", Ask(name="--from")
    ],
    run: Annotated[Path, "run to write the weights to; created if it does not exist"],
    dictionary: Annotated[Path | None, "the authors' object dictionary for stage two, a .npy file (K, 512)"] = None,
    config: Annotated[
        Path | None,
        "configuration whose data and test sets a new run uses; default: the method's published configuration",
    ] = None,
    set: Set = (),
) -> Imported:
    """Import the authors' published weights into a run, for evaluate, visualize and stage two.

    The model of a new run follows the weights. --set overrides the configuration of a new run, or settings of
    the model that cannot be inferred from the weights.

    From Python: `avloc.import_weights` returns the model without a run.
    """
    from avloc.engine.run import Run

    published, where = _published(method, stage, path), Run(run)
    with where.claimed("is training in this run, or importing weights into it"):
        return _import(published, where, dictionary, config, set)


def _import(
    published: "_Published", where: "Run", dictionary: Path | None, config: Path | None, set: Sequence[str]
) -> Imported:
    from avloc.engine.card import metadata_of_import
    from avloc.engine.checkpoints import save_weights
    from avloc.engine.experiment import keep_config, read_experiment

    method, stage, path = published.method, published.stage, published.path
    fresh = not where.config.exists()
    if not fresh and (config is not None or set):
        raise AvlocError(f"{where.config}: exists already; leave out --config and --set")
    experiment = _started(published, where, config, set) if fresh else read_experiment(where.config)
    localizer = published.fill(lambda number: experiment.build(number, pretrained=published.known.own), dictionary)
    phase = localizer.weights_from[0]
    file = where.stage(stage) / f"{phase}.safetensors"
    if file.exists():
        raise AvlocError(f"{file}: exists already; choose another --run")
    if fresh:
        keep_config(experiment, where)
    # as the run keeps it: an import that was interrupted in between then ends with the same bytes
    card = metadata_of_import(read_experiment(where.config).source.values)
    save_weights(localizer, file, **card, method=method, stage=stage, phase=phase, epoch=0, imported_from=path.name)
    return Imported(where.path, method, stage, int(published.arguments[0].get("clusters", 0)), file)


def _started(published: "_Published", run: "Run", config: Path | None, overrides: Sequence[str]) -> "Experiment":
    """The experiment of a new run: data and test sets of a configuration, the model of the weights; checked like any other."""
    from avloc.config import dump, read_section
    from avloc.engine.experiment import read_experiment
    from avloc.engine.shipped import config_path
    from avloc.errors import ConfigError

    usual = config_path(Path(config or published.known.config))
    values = read_section(usual).values
    if config is not None and values.get("method") != published.method:
        raise ConfigError(f"{usual}: method is {values.get('method')!r}, but the weights are for {published.method}")
    values.pop("start", None)  # the authors' weights already include what it would start from
    data = next(values[key]["data"] for key in ("stage1", "stage2") if key in values)
    for number, model in enumerate(published.arguments, start=1):
        section = values.get(f"stage{number}") or {"data": data, "train": {}}
        senses = {key: section["model"][key] for key in ("frame", "sound") if key in section.get("model", {})}
        values[f"stage{number}"] = {"data": section["data"], "model": {**senses, **model}, "train": section["train"]}
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "config.yaml"
        draft.write_text(dump({**values, "method": published.method}), encoding="utf-8")
        try:
            return read_experiment(draft, overrides)
        except ConfigError as error:
            # lines of the draft are of no use, since nobody can see the draft
            raise ConfigError(re.sub(rf"{re.escape(str(draft))}(:\d+)?", str(run.config), str(error))) from None


@dataclass(frozen=True)
class _Published:
    """The authors' weights of a stage. module: of the method. known: how its checkpoints are read. arguments: of its
    stages, as inferred from the weights.
    """

    module: Any
    known: "Published"
    method: str
    stage: int
    path: Path
    state: "Mapping[str, Tensor]"
    arguments: tuple[dict[str, Any], ...]

    def fill(self, build: "Callable[[int], Localizer]", dictionary: Path | None) -> "Localizer":
        """The stage that `build` makes of its number, with the weights loaded."""
        from avloc.clustering import read_dictionary

        known = None if dictionary is None else read_dictionary(dictionary)
        two = build(2) if self.stage == 2 else None
        try:
            filled: Localizer = self.known.import_state(self.state, self.stage, build(1), two, known)
        except AvlocError as error:
            raise AvlocError(f"{self.path}: {error}") from None
        return filled


def _published(method: str, stage: int, path: Path) -> _Published:
    from avloc.engine.method_modules import load_method, published_of
    from avloc.nn.published import without_wrapper

    module = load_method(method)
    known = published_of(module)
    if known is None:
        raise AvlocError(f"{method}: no published checkpoints are known for this method")
    count = len(module.STAGES)
    if not 1 <= stage <= count:
        raise AvlocError(
            f"{method} has {count} stage{'s' * (count > 1)}: there is no stage {stage}; give another --stage"
        )
    state = _states_in(path, known.files) if path.is_dir() and known.files else _state_of(path)
    try:
        arguments = known.arguments_of(without_wrapper(state))
    except AvlocError as error:
        raise AvlocError(f"{path}: {error}") from None
    return _Published(module, known, method, stage, path, state, arguments)


def _states_in(folder: Path, files: Mapping[str, str]) -> "Mapping[str, Tensor]":
    """One state dict from several files, with a prefix for the names of each."""
    missing = [name for name in files if not (folder / name).is_file()]
    if len(missing) == len(files):
        raise AvlocError(f"{folder}: no checkpoint here; expected {', '.join(files)}")
    return {
        prefix + key.removeprefix("module."): value
        for name, prefix in files.items()
        if name not in missing
        for key, value in _state_of(folder / name).items()
    }


def _state_of(path: Path) -> "Mapping[str, Tensor]":
    import torch

    from avloc.nn.pretrained import read_plain

    try:
        state = read_plain(path)
    except FileNotFoundError:
        raise AvlocError(f"{path}: no such file; give the authors' checkpoint") from None
    except (OSError, ValueError) as error:
        raise AvlocError(f"{path}: not a checkpoint of plain tensors ({error})") from None
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    named = isinstance(state, Mapping) and all(isinstance(name, str) for name in state)
    if not named or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise AvlocError(f"{path}: contains no state dict (names and tensors); give the authors' checkpoint")
    return state
