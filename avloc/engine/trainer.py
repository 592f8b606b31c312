"""The training loop: it follows a Localizer's plan of Phases and does not know any method."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from avloc import processes
from avloc.data.loader import Loader, seed_of
from avloc.engine import checkpoints, contract
from avloc.engine.agreement import states_in, write_log
from avloc.engine.collect import Collector
from avloc.engine.longer import out_of_patience, phase_after_stop
from avloc.engine.objectives import Objectives, share_batches
from avloc.engine.states import Place, resume, write_state
from avloc.engine.step import rate_factor, train_step
from avloc.engine.stepping import Steps, autocast
from avloc.engine.validation import overlaps, refuse_select
from avloc.engine.within_epoch import within_now
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Phase, Train
from avloc.progress import Progress, untold

log = logging.getLogger("avloc.train")


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
    also: Callable[[dict[str, Any]], None] = lambda entry: None,
) -> list[dict[str, Any]]:
    """Train one stage in `folder` and return its log, one entry per epoch.

    loaders: ``train`` and, if there is one, ``validation``. about: method, stage and data fingerprint; a state in the
    folder with other values is refused. Each epoch ends with an atomic state, and `train.save_every` writes further
    ones within it: an interrupted training resumes from the last one and ends exactly like an uninterrupted one. Each
    phase leaves `<phase>.safetensors`, selected by `train.select`. before_writing: called before each file is written;
    its exceptions end the training. card: metadata of the weights besides `about`. also: called with the entry of every
    epoch, starting with those of an earlier start.
    """
    share_batches(localizer, train)
    phases = localizer.phases(train)
    contract.refuse_plan(localizer, phases)
    total = sum(phase.epochs for phase in phases)
    if not total:
        raise AvlocError(f"train.epochs is {train.epochs}, so there is nothing to train; increase it")
    made = Steps(train, loaders["train"].device)
    place = resume(localizer, phases, folder, about, lambda entry: _merit(entry, train.select), made)
    for entry in place.log:
        also(entry)
    objectives = Objectives(localizer, train)
    while place.phase < len(phases):
        phase = phases[place.phase]
        begins = place.epoch == 0 and place.within is None
        if begins:
            made.average.values = None
        if begins and phase.before is not None:
            progress(place.done, total, f"{phase.name}: preparing")
            phase.before(Collector(localizer, loaders, train.batch_size, seed_of(seed, place.done) % 2**31))

        def save() -> None:
            write_state(localizer, phases, place, False, train, folder, about, before_writing, made)

        stopped = False
        while place.epoch < phase.epochs:
            entry = _epoch(localizer, objectives, phase, place, loaders, train, seed, made, (total, progress), save)
            place.epoch, place.done, place.within = place.epoch + 1, place.done + 1, None
            place.log.append(entry)
            progress(place.done, total, _summary(entry))
            if train.patience:
                merits = [(one["phase"], _merit(one, train.select)) for one in place.log]
                stopped = out_of_patience(merits, train.patience)
            _keep(localizer, phases, place, stopped, train, folder, about, before_writing, card or {}, made)
            also(entry)
            if stopped:
                log.info("no improvement in %s for %d epochs: phase %s ends", train.select, train.patience, phase.name)
                break
        place.phase, place.epoch = phase_after_stop(phases, place.phase) if stopped else place.phase + 1, 0
    return place.log


def _epoch(
    localizer: Localizer,
    objectives: Objectives,
    phase: Phase,
    place: Place,
    loaders: Mapping[str, Loader],
    train: Train,
    seed: int,
    made: Steps,
    report: tuple[int, Progress],
    save: Callable[[], None],
) -> dict[str, Any]:
    """The log entry of the rest of an epoch. save: writes a state within it."""
    started = time.perf_counter()
    loader = loaders["train"]
    steps = loader.steps(train.batch_size)
    torch.manual_seed(seed_of(seed, place.done, processes.rank()))
    sums: dict[str, Tensor] = {}
    begin = 0
    if place.within is not None:
        started -= place.within.seconds
        begin, sums = place.within.step, place.within.sums
        place.within.restore_random(loader.device)
    saved = begin
    localizer.train()
    objective: nn.Module | None = None
    for step, batch in enumerate(loader.training(train.batch_size, seed, place.done, begin), start=begin):
        factor = rate_factor(train, phase, place.epoch * steps + step, phase.epochs * steps)
        first = step == 0 and place.epoch == 0
        if first:
            contract.try_locate(localizer, batch)
        if objective is None:
            objective = objectives.of(phase, batch)
        terms = train_step(localizer, objective, phase, batch, made, factor, (step, steps), first)
        for name, term in terms.items():
            sums[name] = sums.get(name, torch.zeros((), device=loader.device)) + term.detach().float()
        if step % 10 == 0:
            report[1](place.done, report[0], f"{phase.name}: step {step + 1} of {steps}")
        after = step + 1
        # only when no gradients wait for further batches (`accumulate`)
        if train.save_every and after - saved >= train.save_every and after % train.accumulate == 0 and after < steps:
            place.within = within_now(after, time.perf_counter() - started, sums, loader.device)
            save()
            saved = after
    # batch norms have statistics of their own process's batches; those of the first process are used from here on
    processes.from_first(localizer.buffers())
    processes.from_first((made.average.values or {}).values())
    means = {name: float(processes.mean(value / steps)) for name, value in sums.items()}
    if not all(math.isfinite(value) for value in means.values()):
        raise AvlocError(
            f"training diverged in epoch {place.done + 1} ({phase.name}: {means}); lower train.lr or use precision fp32; "
            "the last complete epoch is kept"
        )
    entry: dict[str, Any] = {"phase": phase.name, "epoch": place.done + 1, "loss": sum(means.values()), **means}
    with made.average.shown(localizer):
        entry["validation"] = _validate(localizer, phase, loaders, train)
    entry["seconds"] = round(time.perf_counter() - started, 3)
    return entry


@torch.no_grad()
def _validate(localizer: Localizer, phase: Phase, loaders: Mapping[str, Loader], train: Train) -> dict[str, float]:
    """Means over the validation split: the objective's terms and their sum, the phase's measures, and the maps' IoU."""
    if "validation" not in loaders:
        return {}
    loader = loaders["validation"]
    localizer.eval()
    own: list[dict[str, float]] = []
    steps = processes.share(-(-len(loader.store) // train.batch_size))
    with autocast(train, loader.device):
        for batch in loader.in_order(train.batch_size, 0, train.val_transform == "train", steps):
            terms = phase.objective(batch)
            figures = {"loss": torch.stack([term.float() for term in terms.values()]).sum()}
            figures |= phase.measure(batch) if phase.measure else {}
            own.append({name: float(value) * len(batch) for name, value in figures.items()})
        sums: dict[str, float] = {}
        for figure in processes.in_turn(processes.gather(own)):  # in order, so that sums are identical to the last bit
            for name, value in figure.items():
                sums[name] = sums.get(name, 0.0) + value
        found = {name: value / len(loader.store) for name, value in sums.items()}
        if len(loader.store.boxes.clip):
            found |= overlaps(localizer, loader, train.batch_size)
    return found


def _keep(
    localizer: Localizer,
    phases: list[Phase],
    place: Place,
    stopped: bool,
    train: Train,
    folder: Path,
    about: Mapping[str, Any],
    before_writing: Callable[[], None],
    card: Mapping[str, str],
    made: Steps,
) -> None:
    """Write the selected weights of the phase and the state to resume from; only the first process writes.

    stopped: the phase ends here, before its last epoch.
    """
    phase, entry = phases[place.phase], place.log[-1]
    merit = _merit(entry, train.select)
    if phase.name not in place.best or merit > place.best[phase.name]:
        place.best[phase.name] = merit
        if processes.is_first():
            path = folder / f"{phase.name}.safetensors"
            before_writing()
            with made.average.shown(localizer):
                checkpoints.save_weights(localizer, path, **card, **about, phase=phase.name, epoch=entry["epoch"])
    write_state(localizer, phases, place, stopped, train, folder, about, before_writing, made)
    if processes.is_first():
        before_writing()
        write_log(folder, place.log)
        for old in states_in(folder)[: -train.keep_states]:
            old.unlink()
    processes.barrier()


def _merit(entry: dict[str, Any], select: str) -> float:
    """The merit of an epoch, higher is better; RunError if the validation split does not provide it."""
    if select == "last":
        return float(entry["epoch"])
    refuse_select(select, entry["phase"], entry["validation"])
    return -entry["validation"]["loss"] if select == "loss" else entry["validation"][select]


def _summary(entry: dict[str, Any]) -> str:
    shown = {
        "loss": entry["loss"],
        **{name: entry["validation"][name] for name in ("accuracy", "iou") if name in entry["validation"]},
    }
    return f"{entry['phase']}: " + "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
