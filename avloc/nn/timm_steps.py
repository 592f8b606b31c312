"""A backbone of timm as a sequence of steps, so that the output of its frozen steps can be cached."""

from typing import Any

import torch
from torch import Tensor

from avloc.nn import timm_models


def steps_of(network: Any, size: int) -> list[str]:
    """The names of modules that, run in sequence, give the network's grid; empty if there are none.

    They are the network's children, with those named blocks or stages split further. timm does not tell whether this is
    all that the network does, so it is tried on a frame of noise: a vision transformer, which adds positions in
    between, has no such steps.
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
    """The first steps without trained parameters, if any of them has parameters."""
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
