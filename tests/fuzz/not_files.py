"""Something in the place of a file that is no file: a pipe that nobody writes to, a socket, an endless device, a folder."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.fuzz.areas import AREAS
from tests.fuzz.kept import kept_processes
from tests.fuzz.made import Made
from tests.fuzz.outcomes import Tally, attempt, little_memory
from tests.fuzz.reading import Input

PATIENCE = 30  # s for what waits for a pipe


def _pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path, short: Path) -> None:
    """short: a place whose name is short enough for a socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        name = short / "s"
        listener.bind(str(name))
        name.rename(path)


def _device(path: Path, _: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path, _: Path) -> None:
    path.mkdir()


def _nothing(path: Path, _: Path) -> None:
    """It is missing."""


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "pipe": _pipe, "socket": _socket, "device": _device, "folder": _folder, "nothing": _nothing,
}  # fmt: skip


def not_files(made: Made, area: str, kind: str, short: Path) -> Tally:
    """An area with each kind of its files once replaced."""
    tally = Tally()
    with little_memory(), ExitStack() as cheaper:
        cheaper.enter_context(kept_processes())
        for number, one in enumerate(AREAS[area][1](made)):
            which = f"{number} ({one.path.name} is a {kind})"
            attempt(tally, which, lambda one=one: _read(one, kind, short), patience=PATIENCE)
    return tally


def _read(one: Input, kind: str, short: Path) -> Any:
    with _away(one.path, short):
        KINDS[kind](one.path, short)
        try:
            return one.read()
        finally:
            shutil.rmtree(one.path) if one.path.is_dir() and not one.path.is_symlink() else one.path.unlink(
                missing_ok=True
            )


@contextmanager
def _away(path: Path, place: Path) -> Iterator[None]:
    """Within, there is no such file."""
    path.rename(place / "kept")
    try:
        yield
    finally:
        (place / "kept").rename(path)
