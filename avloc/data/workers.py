"""Worker processes that read clips. They are started once for a training, whatever splits and phases it has.

They load neither PyTorch nor a manifest: the reader of a split is in a file that each of them opens on first use, and
requests are a few rows of a plan. Results come back through shared memory, or through a pipe if there is no room for
that.
"""

import multiprocessing
import os
import pickle
import shutil
import signal
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from avloc import processes
from avloc.data.clip_reader import Reads, frames_of
from avloc.data.plans import Plan, first_of_two
from avloc.data.read_ahead import ReadAhead
from avloc.data.shared_blocks import Block, Blocks, fetched, left_in
from avloc.errors import DataError

Arrays = dict[str, NDArray[Any]]
AHEAD = 2  # batches per worker that are being read or wait to be used


@dataclass(frozen=True)
class Job:
    """What to read for each part of a plan.

    every: frames per clip if all of them are needed, else 0. frames, sounds: which of both are needed. motion: frames
    per clip if two successive ones are needed for the optical flow, else 0.
    """

    reader: Reads
    every: int
    frames: bool = True
    sounds: bool = True
    motion: int = 0

    def __call__(self, part: Plan) -> Arrays:
        """By the names of a RawBatch: frames (B, H, W, 3) or (B, F, H, W, 3) uint8, sounds (B, S) or (B, T, F)."""
        found: Arrays = {}
        if self.frames:
            found["frames"] = self.reader.frames(part.clips, part.picks)
            if part.negative_clips is not None and part.negative_picks is not None:
                found["negatives"] = self.reader.frames(part.negative_clips, part.negative_picks)
            if part.partner_clips is not None and part.partner_picks is not None:
                found["partners"] = self.reader.frames(part.partner_clips, part.partner_picks)
            if self.every:
                found["every"] = frames_of(self.reader, part.clips, self.every)
            if self.motion:
                first = first_of_two(part, self.motion)
                found["before"] = self.reader.frames(part.clips, first)
                found["after"] = self.reader.frames(part.clips, first + 1)
        if self.sounds:
            found["sounds"] = self.reader.sounds(part.heard)
            if part.partner_sounds is not None:
                found["partner_sounds"] = self.reader.sounds(part.partner_sounds)
        return found


class Workers:
    """`count` processes, at most one for each processor; with 0 everything is read in the calling process.

    ahead: batches that are fetched from the disk beyond those being read, see `ReadAhead`.
    """

    def __init__(self, count: int, ahead: int = 0) -> None:
        self.ahead = ReadAhead(ahead)
        self.count = min(count, processes.processors())  # more would only wait for each other
        self._jobs: dict[int, Job] = {}
        self._pool: ProcessPoolExecutor | None = None
        self._folder: Path | None = None
        self._blocks = Blocks(AHEAD * self.count)
        self._end: Any = None

    def start(self) -> None:
        """Start the processes in the background, if there are any, so that they are ready for the first batch."""
        if self.count and self._pool is None:
            self._folder = Path(tempfile.mkdtemp(prefix="avloc-workers-"))
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, context, _begin, (self._folder,))
            self._end = weakref.finalize(self, _ended, self._pool, self._folder, self._blocks)
            for _ in range(self.count):
                self._pool.submit(os.getpid)

    def close(self) -> None:
        """End the processes; they are started again when something is read."""
        self.ahead.close()
        if self._end is not None:
            self._end()
            self._pool = self._folder = self._end = None
            self._jobs, self._blocks = {}, Blocks(AHEAD * self.count)

    def read(self, job: Job, parts: Iterable[Plan], what: str) -> Iterator[Arrays]:
        """The result of the job for each part, in order. The arrays are overwritten by the next ones.

        what: named in the error if a process ends unexpectedly.
        """
        parts = self.ahead.follow(job, parts)
        if not self.count:
            yield from map(job, parts)
            return
        self.start()
        number, left, blocks = self._number(job), iter(parts), self._blocks
        waiting: deque[tuple[Future[Any], Block | None]] = deque()
        try:
            while True:
                while len(waiting) < AHEAD * self.count and (part := next(left, None)) is not None:
                    block = blocks.take()
                    assert self._pool is not None
                    waiting.append((self._pool.submit(_read, number, part, block.name if block else None), block))
                if not waiting:
                    return
                future, block = waiting[0]
                told = future.result()
                yield blocks.seen(fetched(told, block))
                waiting.popleft()
                blocks.give_back(block)
        except BrokenProcessPool:
            self.close()
            raise DataError(
                f"{what}: a process that was reading it was killed, perhaps because memory ran out (then lower train.workers), "
                'or could not start because the script that trains has no `if __name__ == "__main__":`'
            ) from None
        finally:
            for future, block in waiting:  # running reads may still write for a while
                future.cancel()
                future.add_done_callback(partial(_given_back, blocks, block))

    def _number(self, job: Job) -> int:
        for number, known in self._jobs.items():
            if known is job:
                return number
        number = len(self._jobs)
        assert self._folder is not None
        (self._folder / str(number)).write_bytes(pickle.dumps(job))
        self._jobs[number] = job
        return number


def _given_back(blocks: Blocks, block: Block | None, _: Any) -> None:
    blocks.give_back(block)


def _ended(pool: ProcessPoolExecutor, folder: Path, blocks: Blocks) -> None:
    pool.shutdown(wait=True, cancel_futures=True)
    blocks.close()
    shutil.rmtree(folder, ignore_errors=True)


_folder = Path()
_known: dict[int, Job] = {}


def _begin(folder: Path) -> None:
    """In a worker: the command handles Ctrl-C, and the worker ends with the command."""
    global _folder
    _folder = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent, folder), daemon=True).start()


def _end_with(parent: Any, folder: Path) -> None:
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _read(number: int, part: Plan, block: str | None) -> Any:
    """In a worker: the positions of the arrays in a shared block, or the arrays themselves if they do not fit."""
    if number not in _known:
        _known[number] = pickle.loads((_folder / str(number)).read_bytes())
    return left_in(block, _known[number](part))
