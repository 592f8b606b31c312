"""Progress of a command on stderr: a bar on a terminal, lines otherwise, nothing with --quiet."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from avloc import processes
from avloc.naming import printable
from avloc.progress import Pace, Progress, untold

QUIET = False  # set by --quiet, for the process


@contextmanager
def progress(title: str, many: bool = False, alike: bool = True) -> Iterator[Progress]:
    """A progress bar on stderr with elapsed and remaining time; without a terminal, occasional lines.

    many: there are so many items that the number left and the rate are worth showing. alike: all take about the same
    time, so that the rate predicts the time left.
    """
    if QUIET or not processes.is_first():
        yield untold
        return
    from avloc.cli.show import console

    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _ManyLines(title) if many else _Lines(title, alike)
        return
    from rich import progress as bars

    text = bars.TextColumn("{task.fields[text]}", markup=False)
    columns: tuple[bars.ProgressColumn, ...] = (
        (bars.BarColumn(20), text, bars.TextColumn("ETA"), bars.TimeRemainingColumn())
        if many
        else (bars.BarColumn(), bars.MofNCompleteColumn(), bars.TimeElapsedColumn(), bars.TimeRemainingColumn(), text)
    )
    with bars.Progress(bars.TextColumn("[bold]{task.description}"), *columns, console=screen) as bar:
        task, pace = bar.add_task(title, total=None, text=""), Pace()

        def update(done: int, total: int, text: str) -> None:
            said = _said(done, total, text, bar.tasks[0].speed) if many else _with_pace(text, pace(done, total), alike)
            bar.update(task, completed=done, total=total, text=printable(said))

        yield update


class _Lines:
    """Progress for a log file: at most a line every ten seconds, and the last."""

    def __init__(self, title: str, alike: bool = True) -> None:
        self.title, self.alike, self.pace, self.shown = title, alike, Pace(), time.monotonic()

    def __call__(self, done: int, total: int, text: str) -> None:
        said = self.line(done, total, text)
        if done == total or time.monotonic() - self.shown >= 10:
            self.shown = time.monotonic()
            print(printable(f"{self.title}: {said}".rstrip()), file=sys.stderr, flush=True)

    def line(self, done: int, total: int, text: str) -> str:
        return f"{done}/{total} {_with_pace(text, self.pace(done, total), self.alike)}"


class _ManyLines(_Lines):
    """The same, with the number left and the rate; items done at the first call came from an earlier run."""

    def line(self, done: int, total: int, text: str) -> str:
        speed = self.pace.speed(done)
        rest = f", ETA {timedelta(seconds=round((total - done) / speed))}" if speed > 0 and done < total else ""
        return _said(done, total, text, speed) + rest


def _with_pace(text: str, pace: str, alike: bool) -> str:
    return ", ".join(part for part in (text, pace if alike else "") if part)


def _said(done: int, total: int, text: str, speed: float | None) -> str:
    parts = [f"{done:,} done", text, f"{total - done:,} left", f"{speed:.1f}/s" if speed else ""]
    return ", ".join(part for part in parts if part)
