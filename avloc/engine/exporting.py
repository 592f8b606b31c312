"""A model as one file for other programs: safetensors with its full description, torch.export's .pt2, or ONNX."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avloc.data.loader import Batch
from avloc.engine.card import Card, metadata_of, without_places
from avloc.engine.checkpoints import save_weights
from avloc.engine.experiment import Experiment
from avloc.engine.loaded import Model, load
from avloc.errors import AvlocError
from avloc.files import replacing
from avloc.made_with import versions
from avloc.methods.base import Localizer
from avloc.naming import first_line

Format = Literal["safetensors", "torch-export", "onnx"]
ENDINGS: dict[str, str] = {"safetensors": ".safetensors", "torch-export": ".pt2", "onnx": ".onnx"}
CLIPS = 3  # in the batch used for the export; the file accepts any number
OPSET = 18
NONE: dict[str, Any] = {"frames": None, "motion": None}  # inputs that most methods do not use
#: tolerance between outputs, relative to the largest value of the maps
CLOSE = 1e-3


class Locate(nn.Module):
    """`locate` as a function of plain tensors: frame (B, 3, H, W) and sound as the method's view gives it, and, of a method
    that looks at all frames of a clip, frames (B, F, 3, H, W), of one that looks at the optical flow, motion (B, 2, H, W)."""

    def __init__(self, localizer: Localizer):
        super().__init__()
        self.localizer = localizer

    def forward(
        self, frame: Tensor, sound: Tensor, frames: Tensor | None = None, motion: Tensor | None = None
    ) -> Tensor:
        return self.localizer.locate(Batch(frame, sound, frames=frames, motion=motion)).float()


def inputs_of(localizer: Localizer, batch: Batch) -> dict[str, Tensor]:
    """The inputs by name, in the order of `Locate.forward`."""
    found = {"frame": batch.frame, "sound": batch.sound}
    if localizer.needs.every_frame and batch.frames is not None:
        found["frames"] = batch.frames
    if batch.motion is not None:
        found["motion"] = batch.motion
    return found


def full_card(model: Model, experiment: Experiment | None) -> Card:
    """The description in the model's weights, plus what only its run has: the names of its maps and its calibration."""
    card = model.card
    return replace(
        card,
        format=2,
        config=card.config if experiment is None or card.config else without_places(experiment.source.values),
        maps=tuple(model.classes or ()),
        views=card.views or {"rate": model.rate, "seconds": model.seconds, "size": model.size},
        versions=card.versions or versions(),
        calibration=None if model.calibration is None else model.calibration.to_json(),
    )


def write(model: Model, card: Card, form: Format, out: Path, batch: Batch | None) -> None:
    """AvlocError of one line if the method cannot be exported in this form. batch: real inputs, for all but safetensors."""
    if form == "safetensors":
        if not model.localizer.needs_training:
            raise AvlocError(f"{model.method} needs no training, so it has no weights: load it by its name")
        save_weights(model.localizer, out, **metadata_of(card))
        return
    assert batch is not None
    inputs = inputs_of(model.localizer, batch)
    locate = Locate(model.localizer).eval()
    say = json.dumps(card.to_json(), ensure_ascii=False)
    with replacing(out) as temporary:
        try:
            with _silent(), torch.no_grad():
                if form == "torch-export":
                    _write_torch(locate, inputs, temporary, say)
                else:
                    _write_onnx(locate, inputs, temporary, say)
        except (AvlocError, OSError):
            raise
        except Exception as error:  # torch can raise anything for a network that it cannot trace
            raise AvlocError(
                f"{model.method} stage {model.stage} cannot be exported as {form}: {first_line(error)}; "
                "use --format safetensors"
            ) from None


def _write_torch(locate: nn.Module, inputs: dict[str, Tensor], path: Path, say: str) -> None:
    free: dict[str, Any] = NONE | {name: {0: torch.export.Dim.AUTO} for name in inputs}
    program = torch.export.export(locate, (), kwargs=NONE | inputs, dynamic_shapes=free, strict=False)
    torch.export.save(program, path, extra_files={"avloc.json": say})
    # some networks are only traced for the number of clips at hand, which shows when the file runs on another number
    torch.export.load(path).module()(**(NONE | {name: value[:1] for name, value in inputs.items()}))


def _write_onnx(locate: nn.Module, inputs: dict[str, Tensor], path: Path, say: str) -> None:
    onnx = _module("onnx")
    names = list(inputs)
    torch.onnx.export(
        locate, (), str(path), kwargs=dict(inputs), input_names=names, output_names=["maps"], opset_version=OPSET,
        dynamic_axes={name: {0: "clips"} for name in [*names, "maps"]}, dynamo=False,
    )  # fmt: skip
    model = onnx.load(str(path))
    entry = model.metadata_props.add()
    entry.key, entry.value = "avloc", say
    onnx.save(model, str(path))


def outputs(form: Format, path: Path, model: Model, batch: Batch) -> NDArray[np.float32]:
    """The maps (B, K, h, w) of the written file for a batch."""
    inputs = inputs_of(model.localizer, batch)
    with torch.no_grad():
        if form == "safetensors":
            again = load(path, device=str(model.device)).localizer
            return Locate(again)(**inputs).cpu().numpy()
        if form == "torch-export":
            program = torch.export.load(path).module()
            return program(**(NONE | inputs)).cpu().numpy()
    session = _module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run(["maps"], {name: value.cpu().numpy() for name, value in inputs.items()})[0]
    return found


def difference(model: Model, form: Format, path: Path, batches: list[Batch]) -> float:
    """The largest difference between the file's maps and the model's, relative to the model's largest value.

    AvlocError if it is more than `CLOSE`, or the shapes differ.
    """
    worst = 0.0
    for batch in batches:
        with torch.no_grad():
            expected = Locate(model.localizer)(**inputs_of(model.localizer, batch)).cpu().numpy()
        try:
            with _silent():
                found = outputs(form, path, model, batch)
        except AvlocError:
            raise
        except Exception as error:
            raise AvlocError(f"{path}: does not run on {len(batch)} clips: {first_line(error)}") from None
        if found.shape != expected.shape:
            raise AvlocError(f"{path}: gives maps of shape {found.shape}, the model {expected.shape}")
        scale = max(float(np.abs(expected).max()), 1e-12)
        worst = max(worst, float(np.abs(found - expected).max()) / scale)
    if not worst <= CLOSE:
        raise AvlocError(f"{path}: its maps differ from the model's by {worst:.2g} of their largest value")
    return worst


def _module(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise AvlocError(f"--format onnx needs the package {name}: pip install 'avloc[onnx]'") from None


@contextmanager
def _silent() -> Iterator[None]:
    """torch logs a lot while it traces; errors are reported in one line instead."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
