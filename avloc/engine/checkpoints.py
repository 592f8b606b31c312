"""Weights in safetensors, with the state of a training next to them; nothing is unpickled that could run code."""

import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from avloc.checked_weights import read_weights, with_checksum
from avloc.checksums import DAMAGED, NAME, of_values
from avloc.errors import RunError
from avloc.files import refused, regular, replacing, system_error, why, write_bytes

MEMORY = "memory."


def save_weights(localizer: nn.Module, path: Path, **about: Any) -> None:
    """The localizer's state dict and memory, with `about` (method, stage, epoch ...) as text metadata."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in localizer.state_dict().items()}
    tensors |= {
        MEMORY + name: value.detach().cpu().contiguous() for name, value in getattr(localizer, "memory", {}).items()
    }
    write_bytes(path, with_checksum(save(tensors, {name: str(value) for name, value in about.items()})))


def load_weights(localizer: Any, path: Path, method: str, stage: int) -> dict[str, str]:
    """Load the localizer from `path`; returns the metadata. RunError for weights of another method, stage or shape."""
    content, about = read_weights(path, f"`avloc train-stage{stage}` writes it", f"train stage {stage} again")
    try:
        tensors: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise RunError(f"{path}: not complete safetensors weights ({error}); train stage {stage} again") from None
    found = (about.get("method"), about.get("stage"))
    if found != (method, str(stage)):
        raise RunError(
            f"{path} holds {found[0]} stage {found[1]}, not {method} stage {stage}; give the run of the right method"
        )
    memory = {name[len(MEMORY) :]: value for name, value in tensors.items() if name.startswith(MEMORY)}
    weights = {name: value for name, value in tensors.items() if not name.startswith(MEMORY)}
    try:
        localizer.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise RunError(f"{path} does not fit the model of this configuration: {reason}") from None
    device = next(localizer.parameters()).device
    localizer.memory = {name: value.to(device) for name, value in memory.items()}
    return about


def trained_on(folder: Path) -> str | None:
    """The fingerprint of the store that the weights in a stage's folder were trained on; None if unknown."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            _, about = read_weights(path, "", "")
        except RunError:
            continue
        if "data" in about:
            return str(about["data"])
    return None


def tensor_shape(path: Path, name: str) -> tuple[int, ...] | None:
    """The shape of one tensor in a weights file; None if it does not have it, or cannot be read at all."""
    try:
        with safe_open(regular(path), framework="pt") as file:
            return tuple(file.get_slice(name).get_shape()) if name in file.keys() else None  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


def save_state(path: Path, state: dict[str, Any]) -> None:
    """A training's state, only tensors and plain values, with its checksum."""
    with replacing(path) as temporary:
        try:
            torch.save({**state, NAME: of_values(state)}, temporary)
        except RuntimeError as error:  # how torch's zip writer reports a full disk
            full = any(words in str(error) for words in ("write", "unexpected pos"))
            raise OSError(os.strerror(28) if full else str(error)) from error


class DamagedState(RunError):
    """A state that can be read, but differs from what was written."""


def load_state(path: Path) -> dict[str, Any]:
    """A state as written; errors as in `checked_state`."""
    return checked_state(path)[0]


def checked_state(path: Path) -> tuple[dict[str, Any], bool]:
    """A state, compared with its checksum, and whether it has one: those of earlier versions only have the archive's.

    DamagedState for a state that differs from what was written; RunError if the system cannot read it.
    """
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            if archive.testzip() is not None:
                raise ValueError("its contents do not match its checksums (CRC-32)")
        found = dict(torch.load(path, map_location="cpu", weights_only=True))
        known = found.pop(NAME, None)
        if known not in (None, of_values(found)):
            raise ValueError(DAMAGED)
        return found, known is not None
    except Exception as error:  # torch and zipfile raise a dozen kinds
        if system_error(error) is not None:
            raise RunError(refused(path, error, "run the command again")) from None
        raise DamagedState(f"{path}: not a complete training state ({why(error)})") from None
