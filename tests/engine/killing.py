"""Trainings that are killed at a step of their choice, in a child process, as a machine that fails would."""

import os
import signal
from collections.abc import Callable
from typing import Any

from avloc.engine import trainer


def _told(tell: Callable[[str], None], train: Callable[[], Any]) -> None:
    """Train, and tell the name of the phase before each step."""
    own = trainer.train_step

    def told(localizer: Any, objective: Any, phase: Any, *rest: Any) -> Any:
        tell(phase.name)
        return own(localizer, objective, phase, *rest)

    trainer.train_step = told
    try:
        train()
    finally:
        trainer.train_step = own


def steps_of(train: Callable[[], Any]) -> int:
    """How many steps a training makes."""
    made: list[str] = []
    _told(made.append, train)
    return len(made)


def stopped_at(step: int, phase: str, stop: Callable[[], None], train: Callable[[], Any]) -> None:
    """Train, and stop before step number `step`, from 0, of the phases of that name."""
    made: list[str] = []

    def tell(now: str) -> None:
        if now == phase and made.count(phase) == step:
            stop()
        made.append(now)

    _told(tell, train)


def killed_at(step: int, phase: str, train: Callable[[], Any]) -> bool:
    """The same in a child process that kill -9 ends; whether it got as far as that."""
    child = os.fork()
    if not child:
        try:
            stopped_at(step, phase, lambda: os.kill(os.getpid(), signal.SIGKILL), train)
        finally:
            os._exit(1)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
