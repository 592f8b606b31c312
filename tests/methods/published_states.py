"""State dicts with authors' names and shapes, whose values are a formula."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import resnet18

COARSE_TO_FINE = Path(__file__).resolve().parents[3] / "shared" / "specs" / "coarse_to_fine_state_keys.json"


def coarse_to_fine_keys() -> dict[str, Any]:
    """The authors' parameters of both versions: names and shapes."""
    if not COARSE_TO_FINE.exists():
        pytest.skip("the list of the authors' parameters lies in ../shared, which is not here")
    return json.loads(COARSE_TO_FINE.read_text())


def renamed(module: torch.nn.Module, ours: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """A module's state under the authors' names. ours: by the beginning of their name, that of ours."""
    state = {}
    for name, value in module.state_dict().items():
        theirs, own = next(pair for pair in ours.items() if name.startswith(pair[1]))
        state[theirs + name.removeprefix(own)] = value
    return state


def filled(shape: tuple[int, ...], number: int) -> torch.Tensor:
    values = torch.sin(torch.arange(math.prod(shape), dtype=torch.float32) * 0.7 + number).reshape(shape)
    return values.abs() + 0.5 if len(shape) == 1 else values / math.prod(shape[1:]) ** 0.5


def resnet_state(network: str, channels: int) -> dict[str, torch.Tensor]:
    """A ResNet-18 without its classifier under `network`., for inputs of so many channels."""
    shapes = {name: tuple(value.shape) for name, value in resnet18().state_dict().items() if not name.startswith("fc.")}
    shapes["conv1.weight"] = (64, channels, 7, 7)
    return {
        f"{network}.{name}": torch.tensor(7) if "num_batches" in name else filled(shape, number)
        for number, (name, shape) in enumerate(shapes.items())
    }
