"""The objective of each phase as training steps call it: compiled if the settings say so, and across processes."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from avloc import processes
from avloc.data.loader import Batch
from avloc.engine import contract
from avloc.engine.stepping import autocast
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Objective, Phase, Train
from avloc.nn.synced_norms import sync_norms

log = logging.getLogger("avloc.train")
TOLERANCE = {"fp32": 1e-3, "bf16": 5e-2, "fp16": 5e-2, "auto": 5e-2}  # relative tolerance of a compiled loss


class Stepped(nn.Module):
    """An objective as a module's forward, so that DDP can average its gradients."""

    def __init__(self, localizer: Localizer):
        super().__init__()
        self.localizer = localizer
        self.objective: Objective = localizer.loss

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.objective(batch)


class Objectives:
    """The objectives of one training. What is determined on a phase's first batch applies to all phases of that name."""

    def __init__(self, localizer: Localizer, train: Train) -> None:
        self.localizer, self.train = localizer, train
        self.stepped = Stepped(localizer)
        self._compiled: dict[str, Objective] = {}
        self._leaves_out: dict[str, bool] = {}
        self._averaging: nn.Module | None = None
        self._looking = False  # whether it looks for parameters without gradients

    def of(self, phase: Phase, batch: Batch) -> nn.Module:
        """batch: the first one of the phase in this process, if the phase is new."""
        self.stepped.objective = phase.objective
        if self.train.compile:
            if phase.name not in self._compiled:
                self._compiled[phase.name] = self._compile(phase, batch)
            self.stepped.objective = self._compiled[phase.name]
        return self.stepped if processes.world_size() == 1 else self._across(phase, batch)

    def _across(self, phase: Phase, batch: Batch) -> nn.Module:
        """Average gradients over the processes.

        Parameters without gradients must be searched for in every step, otherwise all processes wait for them; but only
        in phases that leave parameters out, because an empty search costs time and makes PyTorch warn.
        """
        if phase.name not in self._leaves_out:
            found = not self.localizer.same_parts or self._leaves_parts_out(phase, batch)
            self._leaves_out[phase.name] = any(processes.gather(found))
        looking = self._leaves_out[phase.name]
        if self._averaging is None or looking != self._looking:
            self._averaging, self._looking = None, looking  # the old wrapper releases the parameters first
            self._averaging = nn.parallel.DistributedDataParallel(self.stepped, find_unused_parameters=looking)
        return self._averaging

    def _leaves_parts_out(self, phase: Phase, batch: Batch) -> bool:
        with without_trace(self.localizer), autocast(self.train, batch.frame.device):
            terms = phase.objective(batch)
        contract.refuse_terms(self.localizer, phase, terms, batch.frame.device)
        reached = reached_by(terms.values())
        return any(one.requires_grad and id(one) not in reached for one in self.localizer.parameters())

    def _compile(self, phase: Phase, batch: Batch) -> Objective:
        """The compiled objective, or the objective itself if compiling fails or changes its losses."""
        started = time.perf_counter()
        learning = [one for one in self.localizer.parameters() if one.requires_grad]
        try:
            # so that dropout draws the same numbers as without compiling
            compiled: Objective = torch.compile(phase.objective, options={"fallback_random": True})
            with autocast(self.train, batch.frame.device):
                with without_trace(self.localizer):
                    plain = {name: float(term.detach()) for name, term in phase.objective(batch).items()}
                with without_trace(self.localizer):
                    terms = compiled(batch)
                    quick = {name: float(term.detach()) for name, term in terms.items()}
                    loss = torch.stack([term.float() for term in terms.values()]).sum()
                    torch.autograd.grad(loss, learning, allow_unused=True)  # the backward pass is only compiled here
        except Exception as error:  # compilers can fail in any way
            said = str(error).strip() or "no reason"
            return self._as_it_is(phase, f"it does not compile ({type(error).__name__}: {said.splitlines()[0][:200]})")
        tolerance = TOLERANCE[self.train.precision]
        for name, value in plain.items():
            if not abs(quick.get(name, float("nan")) - value) <= tolerance * max(abs(value), tolerance):
                return self._as_it_is(phase, f"compiled, {name} is {quick.get(name)} instead of {value}")
        log.info("phase %s: compiled in %.0f s, with the same losses", phase.name, time.perf_counter() - started)
        return compiled

    def _as_it_is(self, phase: Phase, why: str) -> Objective:
        log.warning("phase %s is trained without train.compile: %s", phase.name, why)
        return phase.objective


def reached_by(terms: Iterable[Tensor]) -> set[int]:
    """The ids of all parameters on which the terms depend."""
    found: set[int] = set()
    seen = set()
    left = [term.grad_fn for term in terms if term.grad_fn is not None]
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        left += [following for following, _ in node.next_functions if following is not None]
    return found


@contextmanager
def without_trace(localizer: Localizer) -> Iterator[None]:
    """Changes to weights, statistics, memory or random numbers inside are undone."""
    kept = {name: value.clone() for name, value in localizer.state_dict().items()}
    memory = dict(localizer.memory)
    device = next(localizer.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            localizer.load_state_dict(kept)
            localizer.memory = memory


def share_batches(localizer: Localizer, train: Train) -> None:
    """Let contrasts and batch norms use all processes' batches, if the settings say so.

    AvlocError for `train.gather` if no loss can use it, and for `train.sync_bn` if processes would wait for one another.
    """
    if train.gather and not localizer.gathers:
        raise AvlocError(
            f"train.gather is true, but the loss of {type(localizer).__name__} with these settings contrasts no clips of a "
            "batch with one another; leave it out"
        )
    if train.sync_bn and not localizer.same_parts:
        raise AvlocError(
            f"train.sync_bn is true, but {type(localizer).__name__} leaves out batch norms in some batches, so that processes "
            "would wait for one another; leave it out"
        )
    for part in localizer.modules():
        if isinstance(part, Localizer):
            part.gather = train.gather
    others = sync_norms(localizer) if train.sync_bn else 0
    if others:
        log.warning("train.sync_bn: %d batch norms of other types only use the batches of their own process", others)


def on_other_parts(localizer: Localizer, phase: Phase, error: Exception) -> Exception:
    """An AvlocError if the processes wait for gradients that did not come; any other error unchanged."""
    if "Expected to have finished reduction in the prior iteration" not in str(error):
        return error
    return AvlocError(
        f"{type(localizer).__name__}: the objective of phase {phase.name!r} leaves out parameters that it reached in its first "
        "batch; write same_parts = False in the class, so that all processes look for them"
    )
