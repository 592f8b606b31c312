"""What the trainer requires of a Localizer, checked on the first batch, before an epoch is spent on something wrong."""

import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avloc.data.loader import Batch
from avloc.engine.method_modules import BEFORE
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Phase
from avloc.naming import shortened

#: words of PyTorch's errors about tensors that do not fit together
_OF_SHAPES = re.compile(r"\b(sizes?|shapes?|dimensions?|channels|broadcast)\b", re.IGNORECASE)
_TORCH = str(Path(torch.__file__).parent)


class Misfit(AvlocError):
    """Tensors that do not fit together, in most cases because the settings of the model do not."""


def refuse_senses(localizer: Localizer) -> None:
    """AvlocError for a Localizer without its views, or with a flag that `needs` replaced."""
    for flag, value in vars(localizer).items():
        if flag in BEFORE and isinstance(value, bool | int):
            raise AvlocError(
                f"{_name(localizer)}.{flag} is {value!r}; expected needs = Needs({flag}={value!r}), which replaces it"
            )
    for name in ("frame", "sound"):
        view = getattr(localizer, name, None)
        if not callable(view):
            found = "missing" if view is None else f"a {type(view).__name__}"
            raise AvlocError(
                f"{_name(localizer)}.{name} is {found}; expected a view such as avloc.FrameView or avloc.LogMel, set in the "
                "constructor"
            )


def refuse_plan(localizer: Localizer, phases: Any) -> None:
    """AvlocError for a plan that is not a list of phases, each with optimizers of the Localizer's own parameters."""
    where = f"{_name(localizer)}.phases"
    if not isinstance(phases, Sequence) or not all(isinstance(phase, Phase) for phase in phases):
        raise AvlocError(f"{where} returned {_described(phases)}; expected a list of avloc.Phase")
    own = {id(parameter) for parameter in localizer.parameters()}
    for phase in phases:
        if not phase.optimizers:
            raise AvlocError(f"{where}: phase {phase.name!r} has no optimizer; expected at least one")
        stepped = [one for optimizer in phase.optimizers for group in optimizer.param_groups for one in group["params"]]
        if any(id(parameter) not in own for parameter in stepped):
            raise AvlocError(
                f"{where}: phase {phase.name!r} steps a parameter that is not the Localizer's; assign it to the "
                "Localizer, so that it is saved"
            )


def refuse_terms(localizer: Localizer, phase: Phase, terms: Any, device: torch.device, learnt: bool = True) -> None:
    """AvlocError unless an objective returned named finite scalars on the device; learnt: at least one with a gradient."""
    where = f"{_name(localizer)}.{getattr(phase.objective, '__name__', 'loss')}"
    if not isinstance(terms, Mapping) or not terms:
        raise AvlocError(f"{where} returned {_described(terms)}; expected a dict of named scalar tensors")
    for name, term in terms.items():
        what = f"{where}: the term {name!r} is"
        if not isinstance(term, Tensor) or term.ndim != 0:
            raise AvlocError(f"{what} {_described(term)}; expected a scalar tensor, shape ()")
        if term.device.type != device.type:
            raise AvlocError(f"{what} on {term.device}; expected {device}, where the batch is")
        if not torch.isfinite(term.detach()):
            raise AvlocError(
                f"{what} {float(term.detach()):g} on the first batch of phase {phase.name!r}; expected a finite number"
            )
    if learnt and not any(term.requires_grad for term in terms.values()):
        raise AvlocError(f"{where}: no term has a gradient; expected one that depends on the Localizer's parameters")


def refuse_maps(localizer: Localizer, maps: Any, batch: Batch) -> None:
    """AvlocError unless `locate` returned finite heat maps (B, K, h, w) of the batch, on its device."""
    where, clips = f"{_name(localizer)}.locate", len(batch)
    wanted = f"expected heat maps (B, K, h, w) with B = {clips}"
    if not isinstance(maps, Tensor):
        raise AvlocError(f"{where} returned {_described(maps)}; {wanted}")
    if maps.ndim != 4 or len(maps) != clips or 0 in maps.shape:
        raise AvlocError(f"{where} returned shape {tuple(maps.shape)}; {wanted}")
    if not maps.is_floating_point():
        raise AvlocError(f"{where} returned {maps.dtype}; {wanted} of floats")
    if maps.device.type != batch.frame.device.type:
        raise AvlocError(f"{where} returned maps on {maps.device}; expected {batch.frame.device}, where the batch is")
    if localizer.maps_differ:
        maps = maps[~maps.isnan().flatten(2).all(2)]
    if not torch.isfinite(maps).all():
        raise AvlocError(f"{where} returned maps that are not finite (nan or infinity); {wanted} of finite numbers")


@torch.no_grad()
def try_locate(localizer: Localizer, batch: Batch) -> None:
    """`locate` on a training batch, checked; it changes no weights, statistics or random numbers."""
    was_training = localizer.training
    devices = [batch.frame.device] if batch.frame.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        localizer.eval()
        try:
            refuse_maps(localizer, localizer.locate(batch), batch)
        except RuntimeError as error:
            raise explained(localizer, "locate", error) from error
        finally:
            localizer.train(was_training)


def explained(localizer: Localizer, function: str, error: RuntimeError) -> Exception:
    """An AvlocError for tensors on two devices, or of shapes that do not fit together; any other error unchanged."""
    # both are RuntimeErrors; PyTorch raises the second for an operation that a device does not have
    if isinstance(error, torch.OutOfMemoryError | NotImplementedError):
        return error
    found = on_other_device(localizer, function, error)
    first = str(error).partition("\n")[0]
    if found is not error or not _OF_SHAPES.search(first):
        return found
    lines = [line for line in traceback.extract_tb(error.__traceback__) if not line.filename.startswith(_TORCH)]
    place = f"{'/'.join(Path(lines[-1].filename).parts[-2:])}:{lines[-1].lineno}"
    return Misfit(f"{_name(localizer)}.{function}: tensors do not fit together at {place}: {first.rstrip('.')}")


def on_other_device(localizer: Localizer, function: str, error: RuntimeError) -> Exception:
    """An AvlocError for tensors on two devices; any other error unchanged."""
    text = str(error)
    if "same device" not in text and "is on cpu" not in text and "is not on the expected device" not in text:
        return error
    first = text.splitlines()[0]
    return AvlocError(
        f"{_name(localizer)}.{function}: {first}; make new tensors on the device of the batch, and register others as buffers"
    )


def _name(localizer: Localizer) -> str:
    return type(localizer).__name__


def _described(value: Any) -> str:
    """The type of a value, for a tensor also its shape."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if value is None or isinstance(value, float | int | str):
        return shortened(value)
    if isinstance(value, Sequence | Mapping) and not value:
        return f"an empty {type(value).__name__}"
    return f"a {type(value).__name__}"
