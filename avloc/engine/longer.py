"""Training that continues beyond the epochs it was started with, and training that stops early."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avloc.errors import ConfigError, RunError
from avloc.methods.base import Phase, Train

Plan = list[list[Any]]  # name, epochs and rate of each phase


def more_epochs(before: Mapping[str, Any], stages: Mapping[int, Any]) -> dict[str, tuple[int, int]]:
    """For each stage whose epochs differ from those of its run, by setting: the old and the new number.

    before: the run's settings by dotted key. stages: the sections of the present configuration.
    """
    found = {}
    for number, stage in stages.items():
        key = f"stage{number}.train.epochs"
        had = before.get(key, Train.epochs)
        if had != stage.train.epochs:
            found[key] = had, stage.train.epochs
    return found


def extendable(train: Train) -> bool:
    """Whether the learning rate of an epoch does not depend on the number of epochs after it."""
    return train.schedule != "cosine"


def refuse_longer(run: Path, number: int, before: int, train: Train) -> None:
    """RunError if a training of `before` epochs cannot become one of `train.epochs`."""
    if train.epochs < before:
        raise RunError(
            f"{run} was started with stage{number}.train.epochs: {before}, now it is {train.epochs}: a training can only be "
            "extended; choose another --run"
        )
    if not extendable(train):
        raise RunError(
            f"{run} was started with stage{number}.train.epochs: {before}, now it is {train.epochs}: with schedule cosine the "
            "learning rate of every epoch depends on their number, so it cannot be extended; choose another --run (schedules "
            "constant and restarts can be)"
        )


def plan_of(phases: Sequence[Phase]) -> Plan:
    return [[phase.name, phase.epochs, phase.rate] for phase in phases]


def refuse_other_plan(
    state: Mapping[str, Any], log: Sequence[Mapping[str, Any]], phases: Sequence[Phase], folder: Path
) -> None:
    """RunError if the finished part is not the start of the present plan.

    A state of an earlier version does not contain its plan, but the log has the phase of each epoch.
    """
    now = plan_of(phases)
    if "plan" in state:
        ended = state["phase"]  # these phases ended; the one after them may have started
        old, new = state["plan"], now
        same = [one == other for one, other in zip(old[:ended], new, strict=False)]
        if ended and len(same) == ended and not same[-1] and ended == len(old):
            # only the last phase may have become longer
            (name, epochs, rate), (wanted, more, other) = old[ended - 1], new[ended - 1]
            same[-1] = name == wanted and rate == other and more >= epochs
        fits = len(same) == ended and all(same) and [one[0] for one in old[ended : ended + 1]] in (
            [], [one[0] for one in new[ended : ended + 1]]
        )  # fmt: skip
    else:
        names = [name for name, epochs, _ in now for _ in range(epochs)]
        fits = [entry["phase"] for entry in log] == names[: len(log)]
    if not fits:
        raise RunError(
            f"{folder} was trained with other phases than the method has with these settings; choose another --run, "
            "or restore train.epochs"
        )


def place_in(state: Mapping[str, Any], phases: Sequence[Phase]) -> tuple[int, int]:
    """The next phase and epoch of a state; a phase that ended after fewer epochs than it has now continues."""
    phase, epoch = state["phase"], state["epoch"]
    if state.get("stopped") and state["finished"]:
        return len(phases), 0  # more epochs do not restore its patience
    if phase and not epoch and not state.get("stopped", False):
        before = sum(one.epochs for one in phases[: phase - 1])
        spent = state.get("spent", state["done"] - before)
        if 0 < spent < phases[phase - 1].epochs:
            return phase - 1, spent
    return phase, epoch


def out_of_patience(merits: Sequence[tuple[str, float]], patience: int) -> bool:
    """Whether none of the last `patience` epochs was the best of its phase so far; never if it is 0.

    merits: for each epoch the name of its phase and its merit, higher is better. Phases of one name count as one,
    because they write one file of weights.
    """
    best: dict[str, float] = {}
    last = 0
    for number, (name, merit) in enumerate(merits):
        if name not in best or merit > best[name]:
            best[name], last = merit, number
    return bool(patience) and len(merits) - 1 - last >= patience


def phase_after_stop(phases: Sequence[Phase], stopped: int) -> int:
    """Where a training continues that ran out of patience in phase number `stopped`: in the first later phase with a
    new name, or at the end of the plan if there is none.
    """
    begun = {phase.name for phase in phases[: stopped + 1]}
    return next((n for n in range(stopped + 1, len(phases)) if phases[n].name not in begun), len(phases))


def refuse_impatient(where: str, train: Train, validation: str | None) -> None:
    """ConfigError for settings with which epochs cannot be compared."""
    if train.select == "last" and train.patience:
        raise ConfigError(
            f"{where}.patience is {train.patience}, but select: last compares no epochs; set its select to loss, accuracy, iou "
            "or located, or patience to 0"
        )
    if train.select != "last" and validation is None:
        raise ConfigError(
            f"{where}.select is {train.select!r}, but there is no validation split; set data.validation, or set "
            "select: last"
        )
