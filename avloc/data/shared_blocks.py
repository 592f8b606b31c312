"""Blocks of shared memory through which worker processes return what they have read."""

import os
import shutil
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.files import reserve

Arrays = dict[str, NDArray[Any]]
Block = SharedMemory
ROOM = "/dev/shm"  # their folder on Linux; writing more than fits would crash the process
ALIGNED = 64  # bytes


@dataclass(frozen=True)
class Left:
    """The position of an array in a block."""

    start: int
    shape: tuple[int, ...]
    kind: str


class Blocks:
    """At most `most` blocks, each as large as the largest batch seen so far; none before the first batch."""

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self.free: deque[Block] = deque()
        self.every: list[Block] = []

    def take(self) -> Block | None:
        """A block for a batch; None if the batch has to be sent in another way."""
        if not self.size:
            return None
        while self.free:
            block = self.free.popleft()
            if block.size >= self.size:
                return block
            self.every.remove(block)
            _remove(block)
        if len(self.every) >= self.most or not _room_for(self.size):
            return None
        try:
            block = SharedMemory(create=True, size=self.size)
        except OSError:
            return None
        try:
            reserve(Path(ROOM, block.name), block.size)
        except FileNotFoundError:  # where shared memory is no file
            pass
        except OSError:
            _remove(block)
            return None
        self.every.append(block)
        return block

    def give_back(self, block: Block | None) -> None:
        if block is not None:
            self.free.append(block)

    def seen(self, arrays: Arrays) -> Arrays:
        """The same arrays; blocks created from now on have room for this much."""
        self.size = max(self.size, _places(arrays)[1])
        return arrays

    def close(self) -> None:
        for block in self.every:
            _remove(block)
        self.every, self.free = [], deque()


def _room_for(size: int) -> bool:
    """Twice as much, because others may be using some of it."""
    return not os.path.isdir(ROOM) or shutil.disk_usage(ROOM).free > 2 * size


def _remove(block: Block) -> None:
    with suppress(BufferError):  # an array in it is still in use; its memory is freed with the array
        block.close()
    block.unlink()


_attached: dict[str, Block] = {}


def left_in(name: str | None, arrays: Arrays) -> dict[str, Left] | Arrays:
    """In a worker: copy the arrays into a block and return their positions; the arrays themselves if they do not fit."""
    if name is None:
        return arrays
    places, size = _places(arrays)
    if name not in _attached:
        _attached[name] = SharedMemory(name)
    block = _attached[name]
    if block.size < size:
        return arrays
    for key, array in arrays.items():
        _view(block, places[key])[...] = array
    return places


def fetched(told: dict[str, Left] | Arrays, block: Block | None) -> Arrays:
    """What a worker left in a block, without copying it, or sent itself."""
    return {key: _view(block, one) if isinstance(one, Left) and block else one for key, one in told.items()}  # type: ignore[misc]


def _view(block: Block, left: Left) -> NDArray[Any]:
    return np.ndarray(left.shape, left.kind, block.buf, left.start)


def _places(arrays: Arrays) -> tuple[dict[str, Left], int]:
    """Positions of concatenated arrays, and their total bytes."""
    places, start = {}, 0
    for key, array in arrays.items():
        places[key] = Left(start, array.shape, array.dtype.str)
        start += -(-array.nbytes // ALIGNED) * ALIGNED
    return places, start
