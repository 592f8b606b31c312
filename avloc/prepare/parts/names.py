"""How mirrors and lists name the clip of a video that starts at a given second."""

import filecmp
import os
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from avloc.endings import split_ending
from avloc.joins import NOT, OTHERWISE, Index, spelled
from avloc.naming import utf8_name

_TIME = r"(\d+(?:\.\d+)?)"
_ONE, _TWO = re.compile(rf"(.+)_{_TIME}"), re.compile(rf"(.{{11}})_{_TIME}_{_TIME}")
Moment = tuple[str, float]


def moment(name: str) -> Moment | None:
    """(video, second) of ID_START or ID_START_END, with leading zeros or without; None for any other name.

    An end is only accepted after an ID of 11 characters, like YouTube's; otherwise numbered clips would be confused.
    Times at least a thousand apart are milliseconds, as AudioSet's downloaders write them.
    """
    two = _TWO.fullmatch(name)
    if two and float(two[3]) > float(two[2]):
        start, end = float(two[2]), float(two[3])
        return two[1], start / 1000 if end - start >= 1000 else start
    one = _ONE.fullmatch(name)
    return (one[1], float(one[2])) if one else None


class Found:
    """Finds files by the names in lists: by their path, with or without folders, else as FOLDER_STEM, else by other
    spellings of the moment in a name. A video without a time also matches ID_START_END if there is only one stretch of
    it.

    paths: in a folder, with their suffixes. folder_stem: whether FOLDER_STEM is a name of FOLDER/STEM.
    """

    def __init__(self, paths: Iterable[str], folder_stem: bool = True) -> None:
        #: name as text -> path as the system spells it; they differ if a name is not UTF-8
        self.paths: dict[str, str] = {}
        for path in paths:
            name = utf8_name(path)
            while name in self.paths:  # a file whose name is the text form of another one's name
                name += "%"
            self.paths[name] = path
        self._folder_stem = folder_stem
        self._index = Index(self.paths)

    def find(self, name: str) -> tuple[int, list[str]]:
        """How near the nearest files are (see `joins`), and all files that are that near: none, one or several."""
        level, names = self._index.find(name)
        if level == NOT:
            level, names = OTHERWISE, self._combined.get(spelled(name), [])
        if not names:
            start = moment(name)
            names = self._moments.get(start, []) if start is not None else self._stretch(name)
        return (level if names else NOT), [self.paths[name] for name in names]

    def get(self, name: str) -> str | None:
        """The only file that matches; None if there is none or it is ambiguous."""
        _, found = self.find(name)
        return found[0] if len(found) == 1 else None

    def _stretch(self, name: str) -> list[str]:
        only = self._stretches.get(name, ())
        return self._moments[next(iter(only))] if len(only) == 1 else []

    @cached_property
    def _combined(self) -> dict[str, list[str]]:
        """FOLDER_STEM -> names."""
        found: dict[str, list[str]] = {}
        for name in self.paths if self._folder_stem else ():
            parts = split_ending(spelled(name))[0].split("/")
            if len(parts) > 1:
                found.setdefault(f"{parts[-2]}_{parts[-1]}", []).append(name)
        return found

    @cached_property
    def _moments(self) -> dict[Moment, list[str]]:
        found: dict[Moment, list[str]] = {}
        for name, spelling in self._spellings():
            start = moment(spelling)
            if start is not None and name not in found.setdefault(start, []):
                found[start].append(name)
        return found

    @cached_property
    def _stretches(self) -> dict[str, set[Moment]]:
        """Video -> the stretches of its files whose names have an end."""
        found: dict[str, set[Moment]] = {}
        for _, spelling in self._spellings():
            if _TWO.fullmatch(spelling) and (start := moment(spelling)):
                found.setdefault(start[0], set()).add(start)
        return found

    def _spellings(self) -> Iterable[tuple[str, str]]:
        """Each name with every part that may contain a moment: its path without suffix, its stem, FOLDER_STEM."""
        for name in self.paths:
            whole = split_ending(spelled(name))[0]
            yield name, whole
            if "/" in whole:
                yield name, whole.rpartition("/")[2]
        for combined, names in self._combined.items():
            yield from ((name, combined) for name in names)


def one_of(root: Path, paths: Sequence[str]) -> Sequence[str]:
    """The first of files with the same name if all are equal (links to one file, or copies); otherwise all of them."""
    if len(paths) < 2:
        return paths
    first, *others = paths
    try:
        same = all(_same(root / first, root / other) for other in others)
    except OSError:
        same = False
    return paths[:1] if same else paths


def _same(one: Path, other: Path) -> bool:
    if os.path.samefile(one, other):
        return True
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
