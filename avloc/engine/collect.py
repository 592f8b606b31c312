"""Run a function over every clip of a split, in store order, whatever the number of processes."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from avloc import processes
from avloc.data.loader import Batch, Loader
from avloc.data.plans import Plan, draw_plan


class Collector:
    """Collect rows over the splits of a training; a function of its seed.

    Frames are drawn at random and augmented as in training, which is how DSOL's released code extracts its features,
    unless `augment` is False. The loaders are keyed ``train`` and ``validation``.
    """

    def __init__(
        self, localizer: nn.Module, loaders: Mapping[str, Loader], batch_size: int, seed: int, augment: bool = True
    ):
        self.localizer, self.loaders, self.batch_size = localizer, loaders, batch_size
        self.seed, self.augment = seed, augment

    def __call__(self, function: Callable[[Batch], dict[str, Tensor]], split: str = "train") -> dict[str, Tensor]:
        """Rows on the CPU, by name; nothing for a split that is not there."""
        if split not in self.loaders:
            return {}
        loader = self.loaders[split]
        # The frames are drawn before the negatives, so the plan shows the same frames with and without these.
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
    whole_batches: bool = False,
) -> dict[str, Tensor]:
    """The function's rows for every row of the plan, in its order, on the CPU; the localizer in evaluation mode.

    tell: is given how many rows are done, now and then. whole_batches: processes share out batches instead of rows, so
    that a row has the same neighbours, and the same value to the last bit, whatever the number of processes.
    """
    world, rank = processes.world_size(), processes.rank()
    share = -(-len(plan) // world)
    if whole_batches:
        share = -(-share // batch_size) * batch_size
    # Every process gives as many rows, the last ones repeat the end of the plan and are cut off again.
    mine = np.minimum(np.arange(rank * share, (rank + 1) * share), len(plan) - 1)
    if whole_batches:  # without the repeated ones, which would be neighbours of the last rows
        mine = mine[: max(len(plan) - rank * share, 1)]
    part = Plan(plan.clips[mine], plan.picks[mine], sounds=None if plan.sounds is None else plan.sounds[mine])
    was_training = localizer.training
    localizer.eval()
    try:
        found: dict[str, list[Tensor]] = {}
        batches = loader.of(part, batch_size, None if augment_seed is None else augment_seed + rank)
        for number, batch in enumerate(batches, start=1):
            for name, rows in function(batch).items():
                found.setdefault(name, []).append(rows.detach())
            if tell is not None:
                tell(min(number * batch_size * world, len(plan)))
    finally:
        localizer.train(was_training)
    return {name: _gathered(torch.cat(rows), share)[: len(plan)].cpu() for name, rows in found.items()}


def _gathered(rows: Tensor, share: int) -> Tensor:
    """The rows of all processes, of which each holds `share` or fewer; the last row stands for those that lack."""
    if processes.world_size() == 1:
        return rows
    lacking = share - len(rows)
    return processes.gather_rows(torch.cat([rows, rows[-1:].expand(lacking, *rows.shape[1:])]) if lacking else rows)
