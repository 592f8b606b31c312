"""`avloc import-weights`: the authors' published checkpoints as our stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.errors import AvlocError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from avloc.methods.base import Localizer


@dataclass(frozen=True)
class Imported:
    run: Path
    method: str
    stage: int
    clusters: int
    weights: Path


def import_weights(method: str, stage: int, path: Path | str, dictionary: Path | str | None = None) -> "Localizer":
    """A stage of a method with the authors' weights, in evaluation mode.

    path: their .pth file, or the folder of them where the authors published several; read without executing anything
    in them; prefixes of wrappers (``module.``, ``state_dict``) are understood, the number of clusters and the variant
    are inferred. dictionary: their .npy of the object dictionary (K, C), for stage two; without it stage two's `locate`
    gives the map of all sounding places.
    AvlocError for a file that is no such checkpoint or of the other stage, naming what does not fit.
    """
    return _imported(method, stage, Path(path), None if dictionary is None else Path(dictionary))[0].eval()


def import_into_run(method: str, stage: int, path: Path, run: Path, dictionary: Path | None = None) -> Imported:
    """The same into a run's folder, for evaluate and visualize; a fresh folder gets a configuration that fits."""
    from avloc.config import dump
    from avloc.engine.checkpoints import save_weights
    from avloc.engine.run import Run
    from avloc.files import write_text

    localizer, arguments = _imported(method, stage, path, dictionary)
    where = Run(Path(run))
    if not where.config.exists():
        write_text(where.config, dump({"method": method, "seed": 0, **_sections(arguments)}))
    phase = localizer.weights_from[0]
    file = where.stage(stage) / f"{phase}.safetensors"
    if file.exists():
        raise AvlocError(f"{file}: there are weights already; choose another --run, or remove them")
    save_weights(localizer, file, method=method, stage=stage, phase=phase, epoch=0, imported_from=path.name)
    return Imported(where.path, method, stage, int(arguments[0].get("clusters", 0)), file)


def _sections(arguments: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    expected = {"store": "data/music", "train": "solo_training_1"}
    return {f"stage{n}": {"model": model, "data": expected, "train": {}} for n, model in enumerate(arguments, start=1)}


def _imported(
    method: str, stage: int, path: Path, dictionary: Path | None
) -> "tuple[Localizer, tuple[dict[str, Any], ...]]":
    from avloc.config import Section, bind
    from avloc.engine.experiment import load_method
    from avloc.nn.published import without_wrapper

    module = load_method(method)
    if not hasattr(module, "import_state"):
        raise AvlocError(f"{method}: no published checkpoints are known for this method")
    if not 1 <= stage <= len(module.STAGES):
        raise AvlocError(f"{method} has {len(module.STAGES)} stages; there is no stage {stage}")
    files: dict[str, str] = getattr(module, "FILES", {})
    state = _states_in(path, files) if path.is_dir() and files else _state_of(path)
    try:
        arguments = module.arguments_of(without_wrapper(state))
        one = bind(Section(str(path), arguments[0]), module.STAGES[0])
        two = bind(Section(str(path), arguments[1]), module.STAGES[1]) if stage == 2 else None
        localizer = module.import_state(state, stage, one, two, _dictionary(dictionary))
    except AvlocError as error:
        raise AvlocError(f"{path}: {error}") from None
    return localizer, arguments


def _states_in(folder: Path, files: Mapping[str, str]) -> "Mapping[str, Tensor]":
    """One state dict out of several files, the names of each behind its prefix."""
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

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise AvlocError(f"{path}: no such file; give the authors' checkpoint") from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AvlocError(f"{path}: not a checkpoint of plain tensors ({reason})") from None
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise AvlocError(f"{path}: holds no state dict (names and tensors); give the authors' checkpoint")
    return state


def _dictionary(path: Path | None) -> "np.ndarray | None":
    import numpy as np

    if path is None:
        return None
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise AvlocError(f"{path}: not a .npy array ({error}); give the authors' object dictionary") from None
    if found.ndim != 2:
        raise AvlocError(f"{path}: shape {found.shape}; expected the object dictionary (K, C)")
    return found
