"""A whole file, how it is damaged, what reads it, and what must not be believed."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avloc.errors import AvlocError
from tests.commands import invoke

Damage = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Input:
    """A whole file, how it is damaged, and what reads it. whole: what is wrong with what was read, see `attempt`.

    taken: whether it is read when nothing is wrong with it.
    """

    path: Path
    damage: Damage
    read: Callable[[], Any]
    whole: Callable[[Any], str | None] = lambda found: None
    taken: bool = True


def damaged(one: Input, chance: random.Random) -> Callable[[], Any]:
    """Reads the file with something wrong in it; it is whole again afterwards."""
    content = one.path.read_bytes()

    def work() -> Any:
        one.path.write_bytes(one.damage(content, chance))
        try:
            return one.read()
        finally:
            one.path.write_bytes(content)

    return work


def same(expected: Any) -> Callable[[Any], str | None]:
    """What was read must be what was written: for files that carry a checksum."""

    def whole(found: Any) -> str | None:
        return None if equal(expected, found) else "it holds other values than were written"

    return whole


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return (
            one.dtype == other.dtype and one.shape == other.shape and one.numpy().tobytes() == other.numpy().tobytes()
        )
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return type(one) is type(other) and bool(one == other)


def command(*words: object) -> None:
    """A command must succeed, end in a line and status 2, or find something wrong, status 1."""
    found = invoke(*words)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    last = found.stderr.strip().splitlines()[-1:] or [""]
    if found.exit_code not in (0, 1, 2) or (found.exit_code == 2 and not last[0].startswith("avloc: ")):
        raise AssertionError(f"status {found.exit_code}: {last[0][:200]}")
    if found.exit_code == 2:
        raise AvlocError(last[0])


def anew(out: Path, words: tuple[object, ...]) -> None:
    """A command whose result is of no further interest."""
    try:
        command(*words)
    finally:
        shutil.rmtree(out, ignore_errors=True)
