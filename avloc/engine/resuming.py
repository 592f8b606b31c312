"""The state from which a training resumes: the newest that is complete and has the expected form."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from avloc.engine import checkpoints
from avloc.errors import RunError
from avloc.files import why

log = logging.getLogger("avloc.train")
Entry = dict[str, Any]


def newest_whole(states: Sequence[Path]) -> tuple[Path, dict[str, Any]]:
    """The newest of the states, oldest first, that is not damaged; RunError if there is none."""
    damaged: list[str] = []
    for path in reversed(states):
        try:
            found = checkpoints.load_state(path)
        except checkpoints.DamagedState as error:
            damaged.append(str(error))
            continue
        if damaged:
            log.warning("%s; training resumes from the previous one, %s", damaged[0], path.name)
        return path, found
    raise RunError(
        f"{damaged[0]}, and no other state is left; the weights can be used, but to continue training choose "
        "another --run"
    )


@contextmanager
def of_this_make(path: Path) -> Iterator[None]:
    """If a state lacks something or has too much, the error becomes a RunError of one line."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        raise RunError(f"{path}: not a state of this training ({why(error)}); choose another --run") from None


def entries_of(state: Mapping[str, Any]) -> list[Entry]:
    """The log in a state; ValueError or similar if the state is inconsistent."""
    entries: list[Entry] = json.loads(state["log"])
    if any(type(state[name]) is not int or state[name] < 0 for name in ("phase", "epoch", "done")):
        raise ValueError("its phase, epoch or done is not a number")
    if state["done"] != len(entries):
        raise ValueError(f"it is after {state['done']} epochs, and its log has {len(entries)}")
    if set(dict(state["best"])) != {entry["phase"] for entry in entries} or "method" not in state["about"]:
        raise ValueError("its log has other phases")
    return entries


def kept_epochs(best: Mapping[str, float], entries: Sequence[Entry], merit: Callable[[Entry], float]) -> dict[str, int]:
    """For each phase, the epoch whose weights were kept: the first one that no later one beats."""
    kept: dict[str, int] = {}
    highest: dict[str, float] = {}
    for entry in entries:
        phase, value = entry["phase"], merit(entry)
        if phase in best and (phase not in highest or value > highest[phase]):
            highest[phase], kept[phase] = value, entry["epoch"]
    return kept
