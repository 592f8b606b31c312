"""A backbone of timm as steps that run one after the other, so that what its frozen ones give can be kept."""

from typing import Any

import torch
from torch import Tensor

from avloc.nn import timm_models


def steps_of(network: Any, size: int) -> list[str]:
    """The names of modules that, run one after the other, give the network's grid; empty where they do not.

    They are the network's children, those named blocks or stages taken apart. Whether this is all that the network does, timm
    does not say, so it is tried on a frame of noise: a vision transformer, which adds positions in between, has no such steps.
    """
    frames = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    names, found = [], frames
    with torch.no_grad():
        wanted = timm_models.grid(network, frames)
        for name in _names(network):
            try:
                found = network.get_submodule(name)(found)
            except (RuntimeError, ValueError, TypeError, AttributeError, IndexError):
                return []
            names.append(name)
            alike = found.shape == wanted.shape and (
                found.is_meta or torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)
            )
            if alike:
                return names
    return []


def frozen_steps(network: Any, steps: list[str]) -> list[str]:
    """The first steps that nothing trains, if any of them has parameters."""
    count = 0
    while count < len(steps) and not any(p.requires_grad for p in network.get_submodule(steps[count]).parameters()):
        count += 1
    frozen = steps[:count]
    return frozen if any(True for name in frozen for _ in network.get_submodule(name).parameters()) else []


def run(network: Any, steps: list[str], features: Tensor) -> Tensor:
    for name in steps:
        features = network.get_submodule(name)(features)
    return features


def _names(network: Any) -> list[str]:
    found = []
    for name, child in network.named_children():
        parts = [f"{name}.{part}" for part, _ in child.named_children()] if name in ("blocks", "stages") else []
        found += parts or [name]
    return found
