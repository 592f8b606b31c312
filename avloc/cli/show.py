"""The output of a command: results on stdout (a table, or JSON), log and progress on stderr; errors in one line."""

import dataclasses
import functools
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import typer

from avloc import processes
from avloc.cli import shown_progress
from avloc.cli.faults import fault_of
from avloc.errors import AvlocError, ConfigError
from avloc.naming import MESSAGE, brief, printable
from avloc.room import ask_for_room


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose AvlocErrors exit with their message and status 2, and Ctrl-C with a hint how to resume and status 130."""

    @functools.wraps(command)
    def guard(*arguments: Any, **options: Any) -> Any:
        try:
            ask_for_room()
            return command(*arguments, **options)
        except AvlocError as error:
            for line in (
                str(error).split("\n") if isinstance(error, ConfigError) else [of_worker(*map(str, error.args[:1]))]
            ):
                print(f"avloc: {brief(printable(line), MESSAGE)}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print(f"\navloc: interrupted; nothing is lost, resume with: {_command_line()}", file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            give_up_stdout()
            raise typer.Exit(0) from None
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            print(f"avloc: {brief(printable(fault), MESSAGE)}", file=sys.stderr)
            raise typer.Exit(2) from None

    return guard


def shown(work: Callable[[], None]) -> None:
    """Show a result; AvlocError if stdout does not accept it, which is only known after the last byte is flushed."""
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_stdout()
        raise AvlocError(f"stdout: cannot be written ({error.strerror}); the command's files are complete") from None


def give_up_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def of_worker(message: str = "") -> str:
    """The message of an error raised in a worker process of the loader: torch prefixes it with the traceback."""
    _, traceback, rest = message.partition("Original Traceback")
    return rest.strip().splitlines()[-1].partition(": ")[2] if traceback else message


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
        # JSON leaves them unescaped, and a terminal would obey the first of them
        print(re.sub("[\x7f-\x9f\ud800-\udfff]", lambda letter: f"\\u{ord(letter[0]):04x}", text))


def say(text: object = "", end: str = "\n") -> None:
    """Text on stdout, only from the first process; control characters are escaped."""
    if processes.is_first():
        print(printable(text, "\n\t"), end=end)


def console(stderr: bool = False) -> Any:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # like print; rich would end the process with status 1

    return Piped(stderr=stderr, highlight=False)


def table(
    title: str,
    columns: list[str],
    rows: list[list[Any]],
    right: tuple[int, ...] = (),
) -> None:
    """A table on stdout; columns whose indices are in `right` contain numbers.

    Names and paths are never broken, however narrow the terminal. Long sentences are wrapped between words, but only on
    a terminal: a file or a program that reads stdout gets one line for each line of a cell.
    """
    from rich.table import Table
    from rich.text import Text

    if not processes.is_first():
        return
    heading = [Text(printable(column)) for column in columns]
    # as plain text, not rich markup: ids and classes come from files
    cells = [[Text("" if cell is None else printable(cell, "\n")) for cell in row] for row in rows]
    screen = console()
    widths = _widths([heading, *cells], screen.width if screen.is_terminal else None)
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    # above the table and not of it: rich breaks a title that is wider than its table
    parts = [Text(printable(title), style="table.title"), shown] if title else [shown]
    for number, (column, width) in enumerate(zip(heading, widths, strict=True)):
        side: Literal["left", "right"] = "right" if number in right else "left"
        shown.add_column(column, justify=side, width=width)
    for row in cells:
        shown.add_row(*row)
    wide = max(sum(widths) + 2 * len(widths), Text(printable(title)).cell_len, 1)
    screen.size = (wide, screen.height)  # before version 15, rich ignores the width alone if TERM is dumb
    if screen.is_terminal:
        screen.print(*parts, sep="\n", crop=False)
        return
    with screen.capture() as held:
        screen.print(*parts, sep="\n", crop=False)
    for line in held.get().splitlines():
        print(line.rstrip())


def _widths(rows: list[list[Any]], room: int | None) -> list[int]:
    """The width of each column: its longest line, or less for sentences if `room` is small, at least its longest word."""
    lines = [[line for cell in column for line in cell.split("\n")] for column in zip(*rows, strict=True)]
    widest = [max(line.cell_len for line in column) for column in lines]
    words = [max((word.cell_len for line in column for word in line.split(" ")), default=0) for column in lines]
    if room is None:
        return widest
    found = list(widest)
    while sum(found) + 2 * (len(found) - 1) > room:
        # shrink the column that exceeds its longest word most
        give = max(range(len(found)), key=lambda n: (found[n] > words[n], found[n]))
        if found[give] <= words[give]:
            break
        found[give] -= 1
    return found


class _Lined(logging.Handler):
    """Writes to the stderr of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # a full disk or a closed pipe is no reason to end a training
            print(self.format(record), file=sys.stderr, flush=True)


class _Printable(logging.Formatter):
    """Each message in one line of at most a few hundred characters, with control characters escaped."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = brief(printable(record.message), MESSAGE)
        return super().formatMessage(record)


def start_log(verbose: bool, quiet: bool = False) -> None:
    """The log on stderr: warnings, and with `verbose` everything; without a terminal one line each, however long.

    quiet: no progress. Under torchrun only the first process warns, since all would give the same warnings. From here
    on, characters that the encoding of stdout cannot represent are escaped.
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
    say_more(verbose, quiet)
    if not processes.is_first():
        warnings.simplefilter("ignore")
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # read when torch is loaded, which has not happened yet
        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("avloc").setLevel(logging.ERROR)


def say_more(verbose: bool, quiet: bool) -> None:
    """Set how much is logged on stderr; AvlocError if both are given."""
    if verbose and quiet:
        raise AvlocError("--verbose and --quiet contradict each other; leave one of them out")
    logging.getLogger("avloc").setLevel(logging.INFO if verbose else logging.WARNING)
    shown_progress.QUIET = quiet
