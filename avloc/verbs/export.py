"""`avloc export`: a trained model as one file, for `avloc.load` or for other programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from avloc.options import verb

if TYPE_CHECKING:
    from avloc.engine.experiment import Experiment
    from avloc.engine.loaded import Model
    from avloc.engine.settings import Data


@dataclass(frozen=True)
class ModelFile:
    """file: the exported file. inputs: name and shape of each, "B" for the number of clips. difference: the largest one
    between its maps and the model's on `clips` real clips, relative to their largest value; None if it was not checked.
    """

    file: Path
    format: str
    method: str
    stage: int
    inputs: dict[str, list[Any]]
    bytes: int
    difference: float | None = None
    clips: int = 0


@verb
def export(
    run: Annotated[Path | None, "folder of the run"] = None,
    weights: Annotated[
        str | None, "a .safetensors file, or the name of a method without training, instead of a run"
    ] = None,
    format: Annotated[
        Literal["safetensors", "torch-export", "onnx"],
        "safetensors for avloc.load, torch-export (.pt2) or onnx for other programs",
    ] = "safetensors",
    out: Annotated[Path | None, "file to write; default: RUN/METHOD-stageN with the ending of the format"] = None,
    check: Annotated[bool, "run the exported file on real clips and compare its maps with the model's"] = False,
    store: Annotated[Path | None, "store of these clips; default: the one that the stage was trained on"] = None,
    split: Annotated[
        str | None, "split of these clips; default: the validation split of the stage, or the first that --store has"
    ] = None,
    stage: Annotated[int | None, "stage to export; default: the last trained one"] = None,
) -> ModelFile:
    """Write a trained model as one file with a description: for avloc.load, for torch.export or for ONNX.

    The file also contains the names of the maps and the calibration. Inputs of torch-export and onnx are the
    outputs of the method's views; `avloc info` of the run shows these views. With --check the outputs are compared.
    """
    from avloc.engine.exporting import ENDINGS, difference, full_card, inputs_of, write
    from avloc.engine.loaded import load
    from avloc.errors import AvlocError

    if (run is None) == (weights is None):
        raise AvlocError("expected either --run or --weights")
    model = load(weights if run is None else run, stage)  # type: ignore[arg-type]  # one of them is given
    experiment = None if model.run is None else _experiment(model)
    name = f"{model.method}-stage{model.stage}{ENDINGS[format]}"
    file = out or (Path(name) if run is None else run / name)
    if model.weights is not None and file.exists() and file.samefile(model.weights):
        raise AvlocError(f"{file}: is the input itself; choose another --out")
    batches = []
    if check or format != "safetensors":
        batches = _batches(model, experiment, store, split)
    write(model, full_card(model, experiment), format, file, batches[0] if batches else None)
    shapes = (
        {}
        if not batches
        else {key: ["B", *value.shape[1:]] for key, value in inputs_of(model.localizer, batches[0]).items()}
    )
    found = None
    if check:
        try:
            found = difference(model, format, file, batches)
        except AvlocError:
            file.unlink(missing_ok=True)  # leave no file that does not work as described
            raise
    return ModelFile(
        file,
        format,
        model.method,
        model.stage,
        shapes,
        file.stat().st_size,
        found,
        sum(map(len, batches)) if check else 0,
    )


def _experiment(model: "Model") -> "Experiment":
    from avloc.engine.experiment import open_run

    return open_run(None, model.run)[0]


def _batches(model: "Model", experiment: "Experiment | None", store: Path | None, split: str | None) -> list[Any]:
    """Two batches of real clips with different sizes."""
    import numpy as np

    from avloc.data.loader import Loader
    from avloc.data.plans import Plan
    from avloc.engine.exporting import CLIPS
    from avloc.engine.stores import open_data, open_named
    from avloc.errors import AvlocError

    stage = None if experiment is None else experiment.stage(model.stage)
    data = None if stage is None else stage.data
    if store is not None:
        part = open_named(store, split or _any_split(store, data), model.localizer, "sound.seconds", model.method)
    elif experiment is None or data is None:
        raise AvlocError("no store with clips is known; name one with --store and --split")
    else:
        part = open_data(experiment, model.stage, split or data.validation or data.train, model.localizer)
    loader = Loader(part, model.localizer, model.device, resident=False)
    clips = np.arange(min(len(part), 2 * CLIPS - 1), dtype=np.int64)
    plan = Plan(clips, np.zeros_like(clips))
    return list(loader.of(plan, CLIPS))


def _any_split(store: Path, data: "Data | None") -> str:
    """A split of a given store with clips: if it has them, the stage's validation or training split, else its first."""
    from avloc.data.store import Store

    splits = Store.open(store).splits
    usual = [] if data is None else [data.validation, data.train]
    return next((name for name in (*usual, *splits) if name is not None and splits.get(name)), "all")
