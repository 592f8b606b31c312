"""Runs a function over every clip of a split, in store order, with any number of processes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc import processes
from avloc.data.loader import Batch, Loader
from avloc.data.plans import Plan, draw_plan


class Collector:
    """Collects rows over the splits of a training; depends only on its seed.

    Frames are drawn at random and augmented as in training, which is how DSOL's released code extracts its features,
    unless `augment` is False. The loaders are keyed ``train`` and ``validation``.
    """

    def __init__(
        self, localizer: nn.Module, loaders: Mapping[str, Loader], batch_size: int, seed: int, augment: bool = True
    ):
        self.localizer, self.loaders, self.batch_size = localizer, loaders, batch_size
        self.seed, self.augment = seed, augment

    def __call__(self, function: Callable[[Batch], dict[str, Tensor]], split: str = "train") -> dict[str, Tensor]:
        """Rows on the CPU, by name; nothing for a missing split."""
        if split not in self.loaders:
            return {}
        loader = self.loaders[split]
        # frames are drawn before the negatives, so the plan shows the same frames with and without these
        plan = draw_plan(loader.store, (self.seed,), negatives=False, shuffle=False)
        return collect(self.localizer, function, loader, plan, self.batch_size, self.seed if self.augment else None)


@torch.no_grad()
def collect(
    localizer: nn.Module,
    function: Callable[[Batch], dict[str, Tensor]],
    loader: Loader,
    plan: Plan,
    batch_size: int,
    augment_seed: int | None = None,
    tell: Callable[[int], None] | None = None,
) -> dict[str, Tensor]:
    """The function's rows for every row of the plan, in order, on the CPU; the localizer is in evaluation mode.

    The processes take batches in turn, so that batches are the same with any number of processes. tell: called with the
    number of finished rows, batch by batch.
    """
    count, world = -(-len(plan) // batch_size), processes.world_size()
    # every process gathers the same number of rows: those without any left repeat the last batch, which is cut off again
    steps = [min(step, count - 1) for step in range(processes.rank(), -(-count // world) * world, world)]
    was_training = localizer.training
    localizer.eval()
    try:
        found: dict[str, list[Tensor]] = {}
        for number, batch in enumerate(loader.of(plan, batch_size, augment_seed, steps), start=1):
            for name, rows in function(batch).items():
                found.setdefault(name, []).append(_filled(rows.detach(), batch_size) if world > 1 else rows.detach())
            if tell is not None:
                tell(min(number * batch_size * world, len(plan)))
    finally:
        localizer.train(was_training)
    return {name: _in_order(joined(rows), batch_size)[: len(plan)].cpu() for name, rows in found.items()}


def _filled(rows: Tensor, count: int) -> Tensor:
    """The rows of the last batch, which may be smaller, padded with zeros."""
    return rows if len(rows) == count else torch.cat([rows, rows.new_zeros(count - len(rows), *rows.shape[1:])])


def _in_order(rows: Tensor, batch_size: int) -> Tensor:
    """The rows of all processes in the order of a single process."""
    world = processes.world_size()
    if world == 1:
        return rows
    if rows.ndim == 4:
        rows = _padded(rows, max(processes.gather(rows.shape[1])))
    every = processes.gather_rows(rows)
    return every.unflatten(0, (world, -1, batch_size)).transpose(0, 1).flatten(0, 2)


def joined(parts: list[Tensor]) -> Tensor:
    """Rows of batches concatenated; if the number of maps (n, K, h, w) differs, missing ones are NaN."""
    if parts[0].ndim != 4 or len({part.shape[1] for part in parts}) == 1:
        return torch.cat(parts)
    most = max(part.shape[1] for part in parts)
    return torch.cat([_padded(part, most) for part in parts])


def _padded(maps: Tensor, most: int) -> Tensor:
    """Maps (n, K, h, w) with as many maps of NaN as there are fewer than `most`."""
    return F.pad(maps, (0, 0, 0, 0, 0, most - maps.shape[1]), value=float("nan"))
