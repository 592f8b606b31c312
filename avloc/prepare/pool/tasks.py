"""Runs tasks in processes. A task is a list of items; if a process dies or hangs on an item, only that item is lost."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from avloc.errors import DataError
from avloc.prepare.pool.template import DIED, Template

#: (arguments, item, description of the failure) -> the arguments of the task without that item
Mend = Callable[[tuple[Any, ...], int, str, str], tuple[Any, ...]]
#: finished items of the running tasks, and how many of them failed
Told = Callable[[int, int], None]
Tasks = deque[tuple[Any, tuple[Any, ...]]]

CRASHED, LATE = "crashed its decoder", "took too long"
LOOK = 1.0  # s between two checks of the time limits
BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from avloc.prepare.pool.template import stand_by; stand_by(int(sys.argv[2]), json.loads(sys.argv[3]))"
)


def run_tasks(
    work: Callable[..., Any],
    tasks: Mapping[Any, tuple[Any, ...]] | Tasks,
    jobs: int,
    timeout: float,
    mend: Mend,
    told: Told = lambda done, failed: None,
    folder: str | None = None,
) -> Generator[tuple[Any, Any], None, None]:
    """(key, work(*arguments, tell)) as the tasks end, in `jobs` processes; in this one where `jobs` is 0.

    tasks: arguments by key; or a queue of both, which the consumer of the results may extend. See
    `avloc.prepare.pool.process` for `tell`. timeout: seconds of silence after `tell("at", item)`. When a process dies,
    its task is retried alone after all others, so that an item is not blamed for a lack of memory; if it dies again,
    the item is left out. A process that hangs is killed and its item left out. DataError if processes die without an
    item. folder: working folder of the processes, None: this one.
    """
    waiting, suspects = deque(tasks.items()) if isinstance(tasks, Mapping) else tasks, Tasks()
    if not jobs:
        yield from _here(work, waiting, told)
        return
    if not waiting:
        return
    template = Template(BEGIN, _modules(work, waiting[0][1]), folder)
    crew: list[_Worker] = []
    deaths: dict[Any, int] = {}
    try:
        crew += (_Worker(template) for _ in range(min(jobs, len(waiting))))
        while waiting or suspects or any(worker.busy for worker in crew):
            _hand_out(crew, work, waiting, suspects)
            for worker in _ready(crew):
                ended = worker.listen(timeout)
                if ended is None:
                    continue
                what, value = ended
                if what == "result":
                    yield worker.key, value
                    worker.rest()
                    continue
                if what == "error":
                    raise value
                if what == LATE:
                    again = mend(worker.arguments, worker.at, LATE, f"no clip in {timeout:g} s")  # type: ignore[arg-type]
                    waiting.appendleft((worker.key, again))
                else:
                    deaths[worker.key] = deaths.get(worker.key, 0) + 1
                    suspects.append((worker.key, _after_death(worker, deaths[worker.key], value, mend)))
                worker.replace()
            told(sum(worker.done for worker in crew), sum(worker.failed for worker in crew))
    finally:
        for worker in crew:
            with suppress(DataError, OSError):  # the template has died, and they end with it
                worker.end()
        template.close()


def _hand_out(crew: list["_Worker"], work: Callable[..., Any], waiting: Tasks, suspects: Tasks) -> None:
    """A waiting task for each idle worker; a suspect only when nothing else runs."""
    for worker in crew:
        if not worker.busy and waiting:
            worker.begin(work, *waiting.popleft())
    if suspects and not any(worker.busy for worker in crew):
        crew[0].begin(work, *suspects.popleft())


def _after_death(worker: "_Worker", deaths: int, how: str, mend: Mend) -> tuple[Any, ...]:
    """The arguments to try the task with again: all of them after its first death, then without the item."""
    if deaths == 1:
        return worker.arguments
    if worker.at is None:
        raise DataError(DIED)
    return mend(worker.arguments, worker.at, CRASHED, f"its process ended {how}")


def _modules(work: Callable[..., Any], arguments: tuple[Any, ...]) -> set[str]:
    """The modules that a worker needs for a task; the main script is not an importable module."""
    return {kind.__module__ for kind in (work, *map(type, arguments))} - {"builtins", "__main__"}


def _here(work: Callable[..., Any], waiting: Tasks, told: Told) -> Iterator[tuple[Any, Any]]:
    while waiting:
        key, arguments = waiting.popleft()
        counts = [0, 0]

        def tell(what: str, value: Any, counts: list[int] = counts) -> None:
            if what == "done":
                counts[0] += 1
                counts[1] += value
                told(*counts)

        yield key, work(*arguments, tell)


def _ready(crew: list["_Worker"]) -> list["_Worker"]:
    """Workers that have sent something or may have exceeded the time limit. While this process is stopped (Ctrl-Z), no
    time counts.
    """
    began = time.monotonic()
    wait([worker.connection for worker in crew if worker.busy], LOOK)
    halted = time.monotonic() - began - LOOK
    if halted > LOOK:
        for worker in crew:
            worker.since += halted
    return [worker for worker in crew if worker.busy]


class _Worker:
    """One process and its state: the task `key`, the item `at` since `since`, and the numbers of items `done` and `failed`."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.number: int | None
        self.connection, self.number = template.fork()
        self.rest()

    def rest(self) -> None:
        self.busy, self.key, self.arguments = False, None, ()
        self.at: Any = None
        self.since, self.done, self.failed = time.monotonic(), 0, 0

    def begin(self, work: Callable[..., Any], key: Any, arguments: tuple[Any, ...]) -> None:
        self.rest()
        self.busy, self.key, self.arguments = True, key, arguments
        with suppress(ConnectionError):  # it died: listening notices that
            self.connection.send((work, arguments))

    def listen(self, timeout: float) -> tuple[str, Any] | None:
        """How the task ended ("result", "error", "died" or LATE); None while it runs."""
        try:
            while self.connection.poll():
                what, value = self.connection.recv()
                if what == "at":
                    self.at, self.since = value, time.monotonic()
                elif what == "done":
                    self.done, self.failed = self.done + 1, self.failed + value
                else:
                    return what, value
        except (EOFError, ConnectionError):
            number, self.number = self.number, None
            return "died", _how(self.template.ended(number)) if number is not None else ""
        late = self.at is not None and time.monotonic() - self.since > timeout
        return (LATE, None) if late else None

    def replace(self) -> None:
        """Start a new process in place of one that hangs or has died."""
        self.end()
        self.connection, self.number = self.template.fork()
        self.rest()

    def end(self) -> None:
        self.connection.close()
        if self.number is not None:
            os.kill(self.number, signal.SIGKILL)  # its process id is not reused until the template has waited for it
            self.template.ended(self.number)
            self.number = None


def _how(status: int) -> str:
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
