"""A state within an epoch (`train.save_every`): what a training needs there besides its weights and optimizers."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avloc import processes
from avloc.engine import checkpoints

log = logging.getLogger("avloc.train")
FILE = "within-epoch.pt"  # a single one, in the stage's folder; the state after the epoch replaces it


@dataclass
class Within:
    """A position within an epoch, of one process.

    step: batches done. seconds: their duration. sums: of each loss over these batches. random: states of PyTorch's
    generators, used by dropout; views have a separate seed for each batch.
    """

    step: int
    seconds: float
    sums: dict[str, Tensor]
    random: dict[str, Tensor]

    def restore_random(self, device: torch.device) -> None:
        torch.set_rng_state(self.random["cpu"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(self.random["cuda"], device)


def within_now(step: int, seconds: float, sums: Mapping[str, Tensor], device: torch.device) -> Within:
    random = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    return Within(step, seconds, {name: value.cpu() for name, value in sums.items()}, random)


def to_state(within: Within) -> list[dict[str, Any]]:
    """Plain values and tensors, with an entry for each process; every process must call it."""
    return processes.gather(vars(within))


def from_state(entries: list[dict[str, Any]], device: torch.device) -> Within:
    """This process's own entry."""
    found = Within(**entries[processes.rank()])
    if type(found.step) is not int or found.step < 1:
        raise ValueError("its step is not a positive whole number")
    found.sums = {name: value.to(device) for name, value in found.sums.items()}
    return found


def newest_within(folder: Path, done: int) -> tuple[Path, dict[str, Any]] | None:
    """The state within the epoch after `done` epochs; None if there is none, or none that can be used, which is logged."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        state = checkpoints.load_state(path)
    except checkpoints.DamagedState as error:
        log.warning("%s; training resumes from the end of epoch %d", error, done)
        return None
    if state.get("done", -1) < done:
        return None  # the training was killed before it removed it
    count = len(state.get("within", ()))
    if count != processes.world_size():
        log.warning(
            "%s was written by %d processes, now there are %d, with other batches: training resumes from the end of epoch %d",
            path, count, processes.world_size(), done,
        )  # fmt: skip
        return None
    return path, state
