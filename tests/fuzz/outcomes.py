"""What may become of an input: a right result, or one line that a person can act on. Everything else is a finding."""

import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import avloc
from avloc.errors import AvlocError, ConfigError

PACKAGE = Path(avloc.__file__).parent
SLOW = 20  # s of processor time that one input may take
SILENT = 300  # s that it may take on a machine that is busy with other things, or wait for something


class Hung(BaseException):
    """An input took too long."""


@dataclass
class Tally:
    """inputs, refused: how many there were, and how many ended in a line. findings: what was wrong -> which inputs."""

    inputs: int = 0
    refused: int = 0
    findings: dict[str, list[str]] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)

    def found(self, what: str, which: str) -> None:
        self.count[what] += 1
        self.findings.setdefault(what, []).append(which)

    def lines(self) -> list[str]:
        return [f"{self.count[what]} x {what}, first {which[0]}" for what, which in self.findings.items()]


def attempt(
    tally: Tally,
    which: str,
    work: Callable[[], Any],
    whole: Callable[[Any], str | None] = lambda _: None,
    patience: int = SILENT,
) -> None:
    """Do the work for one input. whole: what is wrong with a result that was believed, None where it is right.

    patience: seconds that it may take.
    """
    tally.inputs += 1
    try:
        with limited(patience):
            found = work()
    except AvlocError as error:
        tally.refused += 1
        text = str(error)
        if not text.strip() or ("\n" in text and not isinstance(error, ConfigError)):
            tally.found(f"a message of several lines, or none: {text[:200]!r}", which)
    except Hung:
        tally.found("hangs", which)
    except Exception as error:
        tally.found(
            f"{type(error).__name__} at {_place(error)}: {str(error)[:120]!r}".replace(str(Path.cwd()), ""), which
        )
    else:
        wrong = whole(found)
        if wrong is not None:
            tally.found(f"believed: {wrong}", which)


def _place(error: BaseException) -> str:
    """The last line of ours that the error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(PACKAGE))]
    if not frames:
        return "no line of avloc"
    return f"{Path(frames[-1].filename).relative_to(PACKAGE)}:{frames[-1].lineno}"


@contextmanager
def limited(patience: int = SILENT) -> Iterator[None]:
    """No more than SLOW seconds of work, and `patience` seconds in all."""

    def late(*_: Any) -> None:
        raise Hung

    before = [signal.signal(one, late) for one in (signal.SIGALRM, signal.SIGPROF)]
    signal.alarm(patience)
    signal.setitimer(signal.ITIMER_PROF, SLOW)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for one, handler in zip((signal.SIGALRM, signal.SIGPROF), before, strict=True):
            signal.signal(one, handler)


@contextmanager
def little_memory(room: int = 4 << 30) -> Iterator[None]:
    """Of address space no more than `room` bytes beyond what is in use: a file that claims terabytes ends in an error."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
