"""How a long command reports its progress."""

import time
from collections.abc import Callable
from datetime import timedelta

#: items done, the total, and a description of the current work
Progress = Callable[[int, int, str], None]


def untold(done: int, total: int, text: str) -> None:
    """The progress function that does nothing."""


class Pace:
    """The rate of items, counted from the first call on: items done before that came from an earlier run."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def speed(self, done: int) -> float:
        """Items per second; 0 if none is done yet."""
        now = time.monotonic()
        if self._first is None or done < self._first[0]:  # fewer than before: a new count has started
            self._first = done, now
        before, began = self._first
        return (done - before) / max(now - began, 1e-9) if done > before else 0.0

    def __call__(self, done: int, total: int) -> str:
        """Rate and time left as text, such as "2.5/s, ETA 0:00:12" or "30.1 s each, ETA 0:05:01"; "" before the first."""
        speed = self.speed(done)
        if not speed:
            return ""
        rate = f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each"
        return f"{rate}, ETA {timedelta(seconds=round((total - done) / speed))}" if done < total else rate


def part_of(tell: Progress, number: int, steps: int, name: str) -> Progress:
    """The progress of one of several steps, shown as part of the whole."""
    pace = Pace()

    def shown(done: int, total: int, text: str) -> None:
        share = f"{done}/{total} " if total else ""
        left = pace(done, total) if total else ""
        tell(number, steps, f"{name}: {share}{', '.join(part for part in (text, left) if part)}")

    shown(0, 0, "")
    return shown
