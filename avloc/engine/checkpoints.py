"""Weights in safetensors, the state of a training beside them; nothing is unpickled that could run code."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from avloc.errors import RunError
from avloc.files import replacing, write_bytes

MEMORY = "memory."


def save_weights(localizer: nn.Module, path: Path, **about: Any) -> None:
    """The localizer's state dict and memory, with `about` (method, stage, epoch ...) as text beside them."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in localizer.state_dict().items()}
    tensors |= {
        MEMORY + name: value.detach().cpu().contiguous() for name, value in getattr(localizer, "memory", {}).items()
    }
    write_bytes(path, _in_order(save(tensors, {name: str(value) for name, value in about.items()})))


def _in_order(content: bytes) -> bytes:
    """The same file with its metadata in order: safetensors writes it in another one each time."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def load_weights(localizer: Any, path: Path, method: str, stage: int) -> dict[str, str]:
    """Fill the localizer from `path`; what was said about it. RunError for weights of another method, stage or shape."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise RunError(f"{path}: no such file; `avloc train-stage{stage}` writes it") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: not whole safetensors weights ({error}); train stage {stage} again") from None
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
    """The fingerprint of the store that the weights in a stage's folder were trained on; None where none tells."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
        except (OSError, SafetensorError):
            continue
        if "data" in about:
            return str(about["data"])
    return None


def tensor_shape(path: Path, name: str) -> tuple[int, ...] | None:
    """The shape of one tensor in a weights file; None where it has none of that name, or cannot be read at all."""
    try:
        with safe_open(path, framework="pt") as file:
            return tuple(file.get_slice(name).get_shape()) if name in file.keys() else None  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


def save_state(path: Path, state: dict[str, Any]) -> None:
    """A training's state, tensors and plain values only."""
    with replacing(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # torch's zip writer reports a full disk so
            full = any(words in str(error) for words in ("write", "unexpected pos"))
            raise OSError(os.strerror(28) if full else str(error)) from error


def load_state(path: Path) -> dict[str, Any]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise RunError(
            f"{path}: not a whole training state ({type(error).__name__}); remove it to go on from the one before"
        ) from error
