"""How a command that takes long tells how far it is."""

import time
from collections.abc import Callable
from datetime import timedelta

#: things done, things in all, and in words what is being done
Progress = Callable[[int, int, str], None]


def untold(done: int, total: int, text: str) -> None:
    """The progress that nobody asked for."""


class Pace:
    """How quickly things come, counted from the first call on: what was done by then came from an earlier run."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def speed(self, done: int) -> float:
        """Things a second; 0 where none was done yet."""
        now = time.monotonic()
        if self._first is None or done < self._first[0]:  # less than before: another count has begun
            self._first = done, now
        before, began = self._first
        return (done - before) / max(now - began, 1e-9) if done > before else 0.0

    def __call__(self, done: int, total: int) -> str:
        """Rate and time left in words, such as "2.5/s, ETA 0:00:12" or "30.1 s each, ETA 0:05:01"; "" before the first."""
        speed = self.speed(done)
        if not speed:
            return ""
        rate = f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each"
        return f"{rate}, ETA {timedelta(seconds=round((total - done) / speed))}" if done < total else rate


def part_of(tell: Progress, number: int, steps: int, name: str) -> Progress:
    """The progress of one of several steps, shown as that of the whole."""
    pace = Pace()

    def shown(done: int, total: int, text: str) -> None:
        share = f"{done}/{total} " if total else ""
        left = pace(done, total) if total else ""
        tell(number, steps, f"{name}: {share}{', '.join(part for part in (text, left) if part)}")

    shown(0, 0, "")
    return shown
