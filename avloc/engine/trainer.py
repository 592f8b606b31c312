"""The loop that trains: it follows a Localizer's plan of Phases and names no method."""

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from avloc import processes
from avloc.data.loader import Batch, Loader, seed_of
from avloc.engine import checkpoints
from avloc.engine.agreement import states_in, write_log
from avloc.engine.collect import Collector
from avloc.engine.resuming import Place, resume
from avloc.engine.validation import overlaps
from avloc.errors import AvlocError, RunError
from avloc.methods.base import Localizer, Objective, Phase, Train
from avloc.progress import Progress, untold


class _Objective(nn.Module):
    """An objective as a module's forward, so that DDP can average its gradients."""

    def __init__(self, localizer: Localizer):
        super().__init__()
        self.localizer = localizer
        self.objective: Objective = localizer.loss

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.objective(batch)


def fit(
    localizer: Localizer,
    loaders: Mapping[str, Loader],
    train: Train,
    folder: Path,
    seed: int,
    about: Mapping[str, Any],
    progress: Progress = untold,
    before_writing: Callable[[], None] = lambda: None,
    card: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Train one stage in `folder` and return its log, an entry an epoch.

    loaders: ``train`` and, where there is one, ``validation``. about: method, stage and data fingerprint; a state in the
    folder that says otherwise is refused. Each epoch ends in an atomic state: an interrupted training goes on from the
    last one and ends exactly as an uninterrupted one would. Each phase leaves `<phase>.safetensors`, selected by
    `train.select`. before_writing: called before each file is written; what it raises ends the training. card: what the weights
    say of themselves beside `about`.
    """
    phases = localizer.phases(train)
    total = sum(phase.epochs for phase in phases)
    if not total:
        raise AvlocError(f"train.epochs is {train.epochs}, so there is nothing to train; raise it")
    place = resume(localizer, _optimizers(phases), folder, about, lambda entry: _merit(entry, train.select))
    objective = _Objective(localizer)
    stepped = _across_processes(objective)
    while place.phase < len(phases):
        phase = phases[place.phase]
        objective.objective = phase.objective
        if place.epoch == 0 and phase.before is not None:
            progress(place.done, total, f"{phase.name}: preparing")
            phase.before(Collector(localizer, loaders, train.batch_size, seed_of(seed, place.done) % 2**31))
        while place.epoch < phase.epochs:
            entry = _epoch(localizer, stepped, phase, place, loaders, train, seed, (total, progress))
            place.epoch, place.done = place.epoch + 1, place.done + 1
            place.log.append(entry)
            progress(place.done, total, _summary(entry))
            finished = place.epoch == phase.epochs
            _keep(localizer, phases, place, finished, train, folder, about, before_writing, card or {})
        place.phase, place.epoch = place.phase + 1, 0
    return place.log


def _epoch(
    localizer: Localizer,
    objective: nn.Module,
    phase: Phase,
    place: Place,
    loaders: Mapping[str, Loader],
    train: Train,
    seed: int,
    report: tuple[int, Progress],
) -> dict[str, Any]:
    started = time.perf_counter()
    loader = loaders["train"]
    steps = loader.steps(train.batch_size)
    torch.manual_seed(seed_of(seed, place.done, processes.rank()))
    localizer.train()
    sums: dict[str, Tensor] = {}
    for step, batch in enumerate(loader.training(train.batch_size, seed, place.done)):
        factor = rate_factor(train, phase, place.epoch * steps + step, phase.epochs * steps)
        with _autocast(train, loader.device):
            terms = objective(batch)
        loss = torch.stack([term.float() for term in terms.values()]).sum()
        for optimizer in phase.optimizers:
            optimizer.zero_grad(set_to_none=train.zero_grad_none)
        loss.backward()
        for optimizer in phase.optimizers:
            _step(optimizer, factor)
        for name, term in terms.items():
            sums[name] = sums.get(name, torch.zeros((), device=loader.device)) + term.detach().float()
        if step % 10 == 0:
            report[1](place.done, report[0], f"{phase.name}: step {step + 1} of {steps}")
    means = {name: float(processes.mean(value / steps)) for name, value in sums.items()}
    if not all(math.isfinite(value) for value in means.values()):
        raise AvlocError(
            f"training diverged in epoch {place.done + 1} ({phase.name}: {means}); lower train.lr or use precision fp32; "
            "the last whole epoch is kept"
        )
    entry: dict[str, Any] = {"phase": phase.name, "epoch": place.done + 1, "loss": sum(means.values()), **means}
    entry["validation"] = _validate(localizer, phase, loaders, train)
    entry["seconds"] = round(time.perf_counter() - started, 3)
    return entry


def _step(optimizer: torch.optim.Optimizer, factor: float) -> None:
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] *= factor
    optimizer.step()
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def rate_factor(train: Train, phase: Phase, step: int, steps: int) -> float:
    """On the learning rates in a step of all `steps` of the phase."""
    factor = phase.rate
    if step < train.warmup:
        factor *= (step + 1) / train.warmup if train.warmup_rate is None else train.warmup_rate
    if train.schedule == "cosine":
        factor *= 0.5 * (1 + math.cos(math.pi * step / steps))
    epoch = step * phase.epochs // steps
    return factor * train.gamma ** sum(epoch >= milestone for milestone in train.milestones)


def _autocast(train: Train, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=train.precision == "bf16")


@torch.no_grad()
def _validate(localizer: Localizer, phase: Phase, loaders: Mapping[str, Loader], train: Train) -> dict[str, float]:
    """Means over the validation split: the objective's terms and their sum, the phase's measures, and the maps' IoU."""
    if "validation" not in loaders:
        return {}
    loader = loaders["validation"]
    localizer.eval()
    sums: dict[str, float] = {}
    with _autocast(train, loader.device):
        for batch in loader.in_order(train.batch_size, seed=0, augment=train.val_transform == "train"):
            terms = phase.objective(batch)
            figures = {"loss": torch.stack([term.float() for term in terms.values()]).sum()}
            figures |= phase.measure(batch) if phase.measure else {}
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch)
        found = {name: value / len(loader.store) for name, value in sums.items()}
        if len(loader.store.boxes.clip):
            found |= overlaps(localizer, loader, train.batch_size)
    return found


def _keep(
    localizer: Localizer,
    phases: list[Phase],
    place: Place,
    finished: bool,
    train: Train,
    folder: Path,
    about: Mapping[str, Any],
    before_writing: Callable[[], None],
    card: Mapping[str, str],
) -> None:
    """The selected weights of the phase and the state to go on from; only the first process writes."""
    phase, entry = phases[place.phase], place.log[-1]
    merit = _merit(entry, train.select)
    if phase.name not in place.best or merit > place.best[phase.name]:
        place.best[phase.name] = merit
        if processes.is_first():
            path = folder / f"{phase.name}.safetensors"
            before_writing()
            checkpoints.save_weights(localizer, path, **card, **about, phase=phase.name, epoch=entry["epoch"])
    if processes.is_first():
        following = (place.phase + 1, 0) if finished else (place.phase, place.epoch)
        optimizers = _optimizers(phases)
        state = {
            "phase": following[0], "epoch": following[1], "done": place.done, "best": place.best, "log": json.dumps(place.log),
            "about": {name: str(value) for name, value in about.items()},
            "optimizers": {n: o.state_dict() for n, o in optimizers.items() if o.state and _used(o, phases[following[0] :])},
            "weights": {name: value.cpu() for name, value in localizer.state_dict().items()},
            "memory": {name: value.cpu() for name, value in localizer.memory.items()},
        }  # fmt: skip
        before_writing()
        checkpoints.save_state(folder / f"state-{place.done:06d}.pt", state)
        before_writing()
        write_log(folder, place.log)
        for old in states_in(folder)[: -train.keep_states]:
            old.unlink()
    processes.barrier()


def _merit(entry: dict[str, Any], select: str) -> float:
    """How good an epoch is, higher is better; RunError when the validation split cannot tell."""
    if select == "last":
        return float(entry["epoch"])
    if select not in entry["validation"]:
        raise RunError(
            f"train.select is {select!r}, but the validation split gives {', '.join(entry['validation']) or 'nothing'}; "
            "name a data.validation split (with boxes for iou), or select: last"
        )
    return -entry["validation"]["loss"] if select == "loss" else entry["validation"][select]


def _optimizers(phases: list[Phase]) -> dict[int, torch.optim.Optimizer]:
    found: list[torch.optim.Optimizer] = []
    for phase in phases:
        found += [optimizer for optimizer in phase.optimizers if not any(optimizer is other for other in found)]
    return dict(enumerate(found))


def _used(optimizer: torch.optim.Optimizer, phases: list[Phase]) -> bool:
    return any(optimizer is other for phase in phases for other in phase.optimizers)


def _across_processes(objective: _Objective) -> nn.Module:
    if processes.world_size() == 1:
        return objective
    return nn.parallel.DistributedDataParallel(objective, find_unused_parameters=True)


def _summary(entry: dict[str, Any]) -> str:
    shown = {
        "loss": entry["loss"],
        **{name: entry["validation"][name] for name in ("accuracy", "iou") if name in entry["validation"]},
    }
    return f"{entry['phase']}: " + "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
