"""What a command shows: results on stdout (a table, or JSON), log and progress on stderr; errors in one line."""

import dataclasses
import functools
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import typer

from avloc import processes
from avloc.errors import AvlocError, ConfigError
from avloc.naming import MESSAGE, brief, printable
from avloc.progress import Progress, untold


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose AvlocErrors end in their message and status 2, and Ctrl-C in how to go on and status 130."""

    @functools.wraps(command)
    def guard(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except AvlocError as error:
            for line in str(error).split("\n") if isinstance(error, ConfigError) else [str(error)]:
                print(f"avloc: {brief(printable(line), MESSAGE)}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print(f"\navloc: interrupted; nothing is lost, go on with: {_command_line()}", file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return guard


def _command_line() -> str:
    import shlex

    return shlex.join(["avloc", *sys.argv[1:]])


def plain(value: Any) -> Any:
    """A result as JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if hasattr(value, "to_json"):
            return plain(value.to_json())
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def print_json(value: Any) -> None:
    if processes.is_first():
        text = json.dumps(plain(value), indent=1, ensure_ascii=False)
        # JSON leaves them as they are, and a terminal would obey the first of them
        print(re.sub("[\x7f-\x9f\ud800-\udfff]", lambda letter: f"\\u{ord(letter[0]):04x}", text))


def say(text: object = "", end: str = "\n") -> None:
    """Text on stdout, from the first process alone; what a terminal would obey in it is spelled out."""
    if processes.is_first():
        print(printable(text, "\n\t"), end=end)


def console(stderr: bool = False) -> Any:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # as print does; rich would end the process with status 1

    return Piped(stderr=stderr, highlight=False)


def table(
    title: str,
    columns: list[str],
    rows: list[list[Any]],
    right: tuple[int, ...] = (),
) -> None:
    """A table on stdout; columns whose numbers are in `right` hold figures.

    Names and paths are never broken, however narrow the terminal. Sentences are wrapped between words where they would not
    fit, on a terminal only: a file or a program that reads stdout gets one line for each line of a cell.
    """
    from rich.table import Table
    from rich.text import Text

    if not processes.is_first():
        return
    heading = [Text(printable(column)) for column in columns]
    # as text, not as the markup of rich: ids and classes come from files
    cells = [[Text("" if cell is None else printable(cell, "\n")) for cell in row] for row in rows]
    screen = console()
    widths = _widths([heading, *cells], screen.width if screen.is_terminal else None)
    shown = Table(
        title=Text(printable(title)) if title else None,
        title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0),
    )  # fmt: skip
    for number, (column, width) in enumerate(zip(heading, widths, strict=True)):
        side: Literal["left", "right"] = "right" if number in right else "left"
        shown.add_column(column, justify=side, width=width)
    for row in cells:
        shown.add_row(*row)
    screen.width = max(sum(widths) + 2 * len(widths), Text(printable(title)).cell_len, 1)
    if screen.is_terminal:
        screen.print(shown, crop=False)
        return
    with screen.capture() as held:
        screen.print(shown, crop=False)
    for line in held.get().splitlines():
        print(line.rstrip())


def _widths(rows: list[list[Any]], room: int | None) -> list[int]:
    """The width of each column: its longest line, or less for columns of sentences where `room` does not suffice, but never
    less than its longest word."""
    lines = [[line for cell in column for line in cell.split("\n")] for column in zip(*rows, strict=True)]
    widest = [max(line.cell_len for line in column) for column in lines]
    words = [max((word.cell_len for line in column for word in line.split(" ")), default=0) for column in lines]
    if room is None:
        return widest
    found = list(widest)
    while sum(found) + 2 * (len(found) - 1) > room:
        # the column that is widest beyond its longest word gives way
        give = max(range(len(found)), key=lambda n: (found[n] > words[n], found[n]))
        if found[give] <= words[give]:
            break
        found[give] -= 1
    return found


class _Lined(logging.Handler):
    """Writes to whatever stderr is when something is said."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # a full disc, or nobody reads it: no reason to end a training
            print(self.format(record), file=sys.stderr, flush=True)


class _Printable(logging.Formatter):
    """Each message in one line of no more than a few hundred characters, without anything that a terminal obeys."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = brief(printable(record.message), MESSAGE)
        return super().formatMessage(record)


def start_log(verbose: bool) -> None:
    """The log on stderr: warnings, and with `verbose` everything; without a terminal a line for each, however long.

    Letters that stdout cannot hold are spelled out from here on, wherever it goes.
    """
    from rich.logging import RichHandler

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    screen = console(stderr=True)
    handler: logging.Handler = _Lined()
    form = "%(levelname)-8s %(message)s"
    if screen.is_terminal:
        handler, form = RichHandler(console=screen, show_path=False, show_time=False, markup=False), "%(message)s"
    handler.setFormatter(_Printable(form))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("avloc").setLevel(logging.INFO if verbose else logging.WARNING)


@contextmanager
def progress(title: str, many: bool = False) -> Iterator[Progress]:
    """A progress bar on stderr with elapsed and remaining time; without a terminal a line now and then.

    many: of things so many that those left and how many come in a second are worth saying.
    """
    if not processes.is_first():
        yield untold
        return
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _ManyLines(title) if many else _Lines(title)
        return
    from rich import progress as bars

    text = bars.TextColumn("{task.fields[text]}", markup=False)
    columns: tuple[bars.ProgressColumn, ...] = (
        (bars.BarColumn(20), text, bars.TextColumn("ETA"), bars.TimeRemainingColumn())
        if many
        else (bars.BarColumn(), bars.MofNCompleteColumn(), bars.TimeElapsedColumn(), bars.TimeRemainingColumn(), text)
    )
    with bars.Progress(bars.TextColumn("[bold]{task.description}"), *columns, console=screen) as bar:
        task = bar.add_task(title, total=None, text="")

        def update(done: int, total: int, text: str) -> None:
            said = _said(done, total, text, bar.tasks[0].speed) if many else text
            bar.update(task, completed=done, total=total, text=printable(said))

        yield update


class _Lines:
    """Progress for a log file: at most a line every ten seconds, and the last."""

    def __init__(self, title: str) -> None:
        self.title, self.shown = title, time.monotonic()

    def __call__(self, done: int, total: int, text: str) -> None:
        if done == total or time.monotonic() - self.shown >= 10:
            self.shown = time.monotonic()
            print(printable(f"{self.title}: {self.line(done, total, text)}".rstrip()), file=sys.stderr, flush=True)

    def line(self, done: int, total: int, text: str) -> str:
        return f"{done}/{total} {text}"


class _ManyLines(_Lines):
    """The same, with those left and how many come in a second; what was done at the first call came from an earlier run."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.first: tuple[int, float] | None = None

    def line(self, done: int, total: int, text: str) -> str:
        assert self.first is not None
        before, began = self.first
        speed = (done - before) / max(time.monotonic() - began, 1e-9)
        rest = f", ETA {timedelta(seconds=round((total - done) / speed))}" if speed > 0 and done < total else ""
        return _said(done, total, text, speed) + rest

    def __call__(self, done: int, total: int, text: str) -> None:
        if self.first is None or done < self.first[0]:  # less than before: another count has begun
            self.first = done, time.monotonic()
        super().__call__(done, total, text)


def _said(done: int, total: int, text: str, speed: float | None) -> str:
    parts = [f"{done:,} done", text, f"{total - done:,} left", f"{speed:.1f}/s" if speed else ""]
    return ", ".join(part for part in parts if part)
