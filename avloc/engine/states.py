"""The state of a training after each epoch, or within one: everything needed to resume as if it had not been interrupted."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from avloc import processes
from avloc.engine import checkpoints, within_epoch
from avloc.engine.agreement import read_log, refuse_other_training, states_in, write_log
from avloc.engine.longer import extendable, phase_after_stop, place_in, plan_of, refuse_other_plan
from avloc.engine.resuming import entries_of, kept_epochs, newest_whole, of_this_make
from avloc.engine.stepping import Steps
from avloc.engine.within_epoch import Within
from avloc.errors import RunError
from avloc.methods.base import Localizer, Phase, Train

log = logging.getLogger("avloc.train")

#: what a later stage was made from, in words
FROM_STAGE_ONE = {"stage1": "from another stage one", "clusters": "with other clusters"}


@dataclass
class Place:
    """The position of a training: the next epoch and its phase, total epochs done, the log so far, the best so far.

    within: the position in that epoch, None at its start.
    """

    phase: int = 0
    epoch: int = 0
    done: int = 0
    best: dict[str, float] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    within: Within | None = None


def write_state(
    localizer: Localizer,
    phases: list[Phase],
    place: Place,
    stopped: bool,
    train: Train,
    folder: Path,
    about: Mapping[str, Any],
    before_writing: Callable[[], None],
    made: Steps,
) -> None:
    """Write the state after an epoch, or at `place.within` in one; every process must call it, the first one writes.

    stopped: the phase ended with the epoch, before its last one.
    """
    within = None if place.within is None else within_epoch.to_state(place.within)
    if not processes.is_first():
        return
    following = (place.phase, place.epoch)
    if stopped:
        following = (phase_after_stop(phases, place.phase), 0)
    elif place.epoch == phases[place.phase].epochs:
        following = (place.phase + 1, 0)
    optimizers = _optimizers(phases)
    # everything that a longer plan may step again
    needed = phases if extendable(train) else phases[following[0] :]
    state = {
        "phase": following[0],
        "epoch": following[1],
        "done": place.done,
        "best": place.best,
        "log": json.dumps(place.log),
        "about": {name: str(value) for name, value in about.items()},
        "epochs": train.epochs,
        "finished": following[0] == len(phases),
        "plan": plan_of(phases),
        "spent": place.epoch,
        "stopped": stopped,
        "optimizers": {n: o.state_dict() for n, o in optimizers.items() if o.state and _used(o, needed)},
        "weights": {name: value.cpu() for name, value in localizer.state_dict().items()},
        "memory": {name: value.cpu() for name, value in localizer.memory.items()},
        # if gradients are kept as zeros, parameters that have one move even if the next phase does not use them
        "zeroed": []
        if train.zero_grad_none
        else [n for n, one in localizer.named_parameters() if one.grad is not None],
        **made.to_state(),
    }
    before_writing()
    if within is not None:
        checkpoints.save_state(folder / within_epoch.FILE, {**state, "within": within})
        return
    checkpoints.save_state(folder / f"state-{place.done:06d}.pt", state)
    (folder / within_epoch.FILE).unlink(missing_ok=True)


def _optimizers(phases: list[Phase]) -> dict[int, torch.optim.Optimizer]:
    found: list[torch.optim.Optimizer] = []
    for phase in phases:
        found += [optimizer for optimizer in phase.optimizers if not any(optimizer is other for other in found)]
    return dict(enumerate(found))


def _used(optimizer: torch.optim.Optimizer, phases: list[Phase]) -> bool:
    return any(optimizer is other for phase in phases for other in phase.optimizers)


def resume(
    localizer: Localizer,
    phases: list[Phase],
    folder: Path,
    about: Mapping[str, Any],
    merit: Callable[[dict[str, Any]], float],
    made: Steps,
) -> Place:
    """Load the localizer, its optimizers and `made` from the newest complete state in the folder, and return its position.

    merit: of an epoch, by which weights were kept. If a state is damaged, the previous one is used, with a warning.
    RunError if none is complete, for a state of another training, and if weights and log do not belong to the same
    training.
    """
    found = _newest(folder)
    if found is None:
        return Place()
    path, state = found
    with of_this_make(path):
        for name, value in about.items():
            known = state["about"].get(name, str(value))  # an older state does not have all of them
            if known != str(value):
                if name in FROM_STAGE_ONE:
                    raise RunError(
                        f"{folder} was trained {FROM_STAGE_ONE[name]} than the run has now; to train this stage again, choose "
                        "another --run, or move this folder away"
                    )
                raise RunError(f"{folder} was trained with {name} {known}, now it is {value}; choose another --run")
        entries = entries_of(state)
        refuse_other_training(folder, entries, kept_epochs(state["best"], entries, merit), about)
        refuse_other_plan(state, entries, phases, folder)
        localizer.load_state_dict(state["weights"])
        device = next(localizer.parameters()).device
        localizer.memory = {name: value.to(device) for name, value in state["memory"].items()}
        optimizers = _optimizers(phases)
        for number, values in state["optimizers"].items():
            optimizers[number].load_state_dict(values)
        parameters = dict(localizer.named_parameters())
        for name in state.get("zeroed", ()):  # an earlier version did not have them
            parameters[name].grad = torch.zeros_like(parameters[name])
        made.from_state(state)
        phase, epoch = place_in(state, phases)
        kept = [optimizers[number] for number in state["optimizers"]]
        within = within_epoch.from_state(state["within"], device) if "within" in state else None
        place = Place(phase, epoch, state["done"], dict(state["best"]), entries, within)
    if processes.is_first() and read_log(folder) != entries:  # killed between the two files
        write_log(folder, entries)
    if place.within is not None:
        log.info("resuming after step %d of epoch %d", place.within.step, state["done"] + 1)
    elif phase < len(phases):
        log.info("resuming after epoch %d", state["done"])
    if "plan" not in state and any(one not in kept for one in _needed_again(phases, phase, epoch)):
        log.warning(
            "%s: finished by an earlier version that saved no optimizer state: the optimizer starts anew", folder
        )
    if phase == len(phases) and state.get("stopped") and state["plan"] != plan_of(phases):
        log.warning("%s: the training was ended by train.patience, so more epochs change nothing", folder)
    return place


def _newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest complete state: within the unfinished epoch, else after the last finished one."""
    states = states_in(folder)
    done = int(states[-1].stem.removeprefix("state-")) if states else 0
    within = within_epoch.newest_within(folder, done)
    if within is not None or not states:
        return within
    return newest_whole(states)


def _needed_again(phases: list[Phase], phase: int, epoch: int) -> list[torch.optim.Optimizer]:
    """Optimizers that were stepped before this epoch of this phase, and will be again."""
    before = phases[: phase + bool(epoch)]
    return [one for one in _optimizers(phases).values() if _used(one, before) and _used(one, phases[phase:])]
