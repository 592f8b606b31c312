"""One step of training: forward, backward, and the optimizers of the phase."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from avloc.data.loader import Batch
from avloc.engine import contract
from avloc.engine.objectives import on_other_parts
from avloc.engine.stepping import Steps, autocast
from avloc.methods.base import Localizer, Phase, Train

#: measures a part of a step by its name: forward, backward, optimizer
Clock = Callable[[str], AbstractContextManager[None]]


def no_clock(part: str) -> AbstractContextManager[None]:
    return nullcontext()


def train_step(
    localizer: Localizer,
    objective: nn.Module,
    phase: Phase,
    batch: Batch,
    made: Steps,
    factor: float,
    at: tuple[int, int] = (0, 1),
    first: bool = False,
    clock: Clock = no_clock,
) -> dict[str, Tensor]:
    """The objective's terms, after every optimizer of the phase has made its step, if one is due.

    objective: see `Objectives`. factor: of the learning rates. at: index of the batch in the epoch, and their number.
    first: check the terms.
    """
    device = batch.frame.device
    try:
        with clock("forward"), autocast(made.train, device):
            terms: dict[str, Tensor] = objective(batch)
    except RuntimeError as error:
        raise on_other_parts(localizer, phase, contract.explained(localizer, "loss", error)) from error
    if first:
        contract.refuse_terms(localizer, phase, terms, device)
    with clock("backward"):
        loss = torch.stack([term.float() for term in terms.values()]).sum()
        due = made.backward(loss, phase.optimizers, *at)
    if due:
        with clock("optimizer"):
            made.step(phase.optimizers, factor)
            made.average.add(localizer)
    return terms


def rate_factor(train: Train, phase: Phase, step: int, steps: int) -> float:
    """The factor of the learning rates in a step, out of `steps` of the phase."""
    factor = phase.rate
    done = step // train.accumulate  # steps of the optimizers, which are after so many batches
    if done < train.warmup:
        factor *= (done + 1) / train.warmup if train.warmup_rate is None else train.warmup_rate
    if train.schedule == "cosine":
        factor *= 0.5 * (1 + math.cos(math.pi * step / steps))
    if train.schedule == "restarts":
        cycle = train.restart * steps // phase.epochs
        factor *= 0.5 * (1 + math.cos(math.pi * (step % cycle) / cycle))
    epoch = step * phase.epochs // steps
    return factor * train.gamma ** sum(epoch >= milestone for milestone in train.milestones)


def channels_last(localizer: nn.Module) -> None:
    """Use the memory format for convolutions that is faster on most machines."""
    for module in localizer.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)
