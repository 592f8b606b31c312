"""Symbolic links that lead out of a command's files and folders: they are not followed unless the user asks for it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path

from avloc.naming import brief, printable

OPTION = "--follow-links"


class Bounds:
    """Which paths lead out of the files and folders that were given."""

    def __init__(self, given: Iterable[Path | str], follow: bool = False) -> None:
        self.given, self.follow = tuple(given), follow
        self._real: dict[str, str] = {}
        self._roots = [self._end_of(os.fspath(path)) for path in self.given]

    def lead_out(self, path: Path | str) -> bool:
        """Whether a path, fully resolved, is outside. Costs one access to the file; folders are cached."""
        if self.follow:
            return False
        folder, name = os.path.split(path)
        place = os.path.join(self._end_of(folder), name)
        if os.path.islink(place) or name in ("..", ".", ""):
            place = os.path.realpath(place)
        return not any(place == root or place.startswith(root.rstrip(os.sep) + os.sep) for root in self._roots)

    def _end_of(self, folder: str) -> str:
        if folder not in self._real:
            try:
                self._real[folder] = os.path.realpath(folder)
            except ValueError:  # a null byte: it cannot be a path
                self._real[folder] = os.path.abspath(folder)
        return self._real[folder]


_BOUNDS: ContextVar[Bounds | None] = ContextVar("bounds", default=None)


@contextmanager
def bounds_of(given: Iterable[Path | str], follow: bool) -> Iterator[None]:
    """The files and folders given to a command, and whether it follows links that lead out of them."""
    token = _BOUNDS.set(Bounds(given, follow))
    try:
        yield
    finally:
        _BOUNDS.reset(token)


def following(follow: bool, *given: Path | str) -> AbstractContextManager[None]:
    """Inside, links that lead out are followed if `follow` is true; otherwise the current command decides."""
    return bounds_of(given, True) if follow else nullcontext()


def bounds(*given: Path | str) -> Bounds:
    """Those of the current command, and further paths; if there are neither, no link leads out."""
    found = _BOUNDS.get()
    if found is None:
        return Bounds(given, follow=not given)
    return Bounds((*found.given, *given), found.follow) if given else found


def target(path: Path | str) -> str:
    """ "a.mp4 -> /data/a.mp4", for messages."""
    return f"{brief(printable(path))} -> {brief(printable(os.path.realpath(path)))}"
