"""Pretrained weights of an encoder: read and loaded, or refused with a one-line error."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from avloc.checked_weights import metadata
from avloc.errors import AvlocError
from avloc.files import regular, why
from avloc.nn.run_weights import OR_A_RUN, encoder_in, file_of
from avloc.weights import kept, located

AT_RANDOM = ", or null to start from random weights"


def read_plain(path: Path) -> Any:
    """The tensors and plain values that torch saved in a file; nothing in it is executed.

    OSError if the file cannot be opened, ValueError of one line for any other file.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            content = regular(path).read_bytes()
            metadata(content)  # refuses a file of avloc that does not match its checksum
            return load(content)
        return torch.load(regular(path), map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch and pickle can raise anything for files of another kind
        raise ValueError(why(error)) from error


def read_weights(
    weights: str,
    expected: str,
    downloads: Mapping[str, Callable[[], dict[str, Tensor]]],
    otherwise: str = AT_RANDOM,
    part: str = "",
) -> dict[str, Tensor]:
    """A state dict from a file, from the download of that name, or from the file that `avloc weights` stores under it.

    A file can have the state dict under ``model`` or ``state_dict``; the prefix ``module.`` of wrappers is removed.
    expected, otherwise: for errors, which file is expected and the alternatives. part: ``visual`` or ``audio``, for an
    encoder that accepts the folder of a run or one of its weights files too, and takes that encoder of it.
    """
    if weights in downloads:
        try:
            return downloads[weights]()
        except OSError as error:
            raise AvlocError(
                f"weights {weights}: could not be downloaded ({error}); give the path of {expected}{otherwise}"
            ) from error
    try:
        path = located(weights)
        state = read_plain(file_of(path) if part and path.is_dir() else path)
        state = next((state[key] for key in ("state_dict", "model") if isinstance(state.get(key), Mapping)), state)
        state = {name.removeprefix("module."): value for name, value in state.items()}
        return (encoder_in(state, part) if part else None) or state
    except (FileNotFoundError, IsADirectoryError):
        raise AvlocError(
            f"weights {weights}: no such file; give {expected}{OR_A_RUN if part else ''}{otherwise}"
        ) from None
    except (OSError, ValueError, AttributeError) as error:
        raise AvlocError(f"weights {weights}: not {expected} ({error})") from None


def fill(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load all of a module's parameters; AvlocError naming the first that is missing or has another shape."""
    for name, value in module.state_dict().items():
        found = "missing" if name not in state else tuple(getattr(state[name], "shape", ("no tensor",)))
        if found != tuple(value.shape):
            raise AvlocError(
                f"{what}: {name} is {found}; expected {tuple(value.shape)}: the weights are for another network"
            )
    module.load_state_dict(dict(state))


def imagenet() -> dict[str, Tensor]:
    """Torchvision's ResNet-18 for ImageNet, from the folder of `avloc weights` or downloaded; OSError if neither works."""
    if kept("resnet18").exists():
        return dict(read_plain(kept("resnet18")))
    from torchvision.models.resnet import ResNet18_Weights

    with downloading():
        return dict(ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True))


def downloading() -> AbstractContextManager[Any]:
    """Sends torch.hub's message about a download to stderr, because stdout is for the result of a command."""
    return redirect_stdout(sys.stderr)
