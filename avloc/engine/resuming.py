"""Going on with a training: the newest state that is whole, if weights and log are those of the same training."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from avloc import processes
from avloc.engine import checkpoints
from avloc.engine.agreement import read_log, refuse_other_training, states_in, write_log
from avloc.errors import RunError
from avloc.files import why
from avloc.methods.base import Localizer

log = logging.getLogger("avloc.train")
Entry = dict[str, Any]


@dataclass
class Place:
    """Where a training stands: the next epoch of which phase, epochs done in all, the log so far, the best so far."""

    phase: int = 0
    epoch: int = 0
    done: int = 0
    best: dict[str, float] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)


def resume(
    localizer: Localizer,
    optimizers: Mapping[int, torch.optim.Optimizer],
    folder: Path,
    about: Mapping[str, Any],
    merit: Callable[[Entry], float],
) -> Place:
    """Fill localizer and optimizers from the newest whole state of the folder, and say where it stands.

    merit: how good an epoch is, by which weights were kept. A damaged state gives way to the one before, which a line says.
    RunError where none is whole, for a state of another training, and where weights and log are not of the same one.
    """
    states = states_in(folder)
    if not states:
        return Place()
    path, state = _newest(states)
    try:
        for name, value in about.items():
            known = state["about"].get(name, str(value))  # an older state does not hold all of them
            if known != str(value):
                raise RunError(f"{folder} was trained with {name} {known}, now it is {value}; choose another --run")
        place = _place(state)
        refuse_other_training(folder, place.log, _kept(place, merit), about)
        localizer.load_state_dict(state["weights"])
        device = next(localizer.parameters()).device
        localizer.memory = {name: value.to(device) for name, value in state["memory"].items()}
        for number, values in state["optimizers"].items():
            optimizers[number].load_state_dict(values)
    except torch.OutOfMemoryError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        raise RunError(
            f"{path}: a state of another make than this training ({why(error)}); choose another --run"
        ) from None
    if processes.is_first() and read_log(folder) != place.log:  # it was killed between the two files
        write_log(folder, place.log)
    log.info("going on after epoch %d", place.done)
    return place


def _newest(states: Sequence[Path]) -> tuple[Path, dict[str, Any]]:
    damaged: list[str] = []
    for path in reversed(states):
        try:
            found = checkpoints.load_state(path)
        except checkpoints.DamagedState as error:
            damaged.append(str(error))
            continue
        if damaged:
            log.warning("%s; the training goes on from the one before, %s", damaged[0], path.name)
        return path, found
    raise RunError(
        f"{damaged[0]}, and no other state is left; the weights beside it can be used as they are, to train on choose another "
        "--run"
    )


def _place(state: Mapping[str, Any]) -> Place:
    """Where a state stands; ValueError and the like where it makes no sense."""
    found = Place(state["phase"], state["epoch"], state["done"], dict(state["best"]), json.loads(state["log"]))
    numbers = (found.phase, found.epoch, found.done)
    if any(type(number) is not int or number < 0 for number in numbers) or found.done != len(found.log):
        raise ValueError(f"it is after {found.done} epochs, and its log has {len(found.log)}")
    if set(found.best) != {entry["phase"] for entry in found.log} or "method" not in state["about"]:
        raise ValueError("its log has other phases")
    return found


def _kept(place: Place, merit: Callable[[Entry], float]) -> dict[str, int]:
    """Of each phase the epoch whose weights were kept: the first one that no later one beats."""
    kept: dict[str, int] = {}
    best: dict[str, float] = {}
    for entry in place.log:
        phase, value = entry["phase"], merit(entry)
        if phase in place.best and (phase not in best or value > best[phase]):
            best[phase], kept[phase] = value, entry["epoch"]
    return kept
