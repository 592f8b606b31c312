"""Matches the rows of AVSBench's csv with folders and sounds, and reports what is unmatched on either side."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avloc.endings import SOUNDS
from avloc.joins import Matched, match, spelled
from avloc.leftovers import Join, joined
from avloc.naming import utf8_name
from avloc.walking import listed, walk

STILLS = (".png", ".jpg", ".jpeg")


@dataclass
class Wanted:
    """Names of the csv, and the splits whose rows have them."""

    splits: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str, split: str) -> str:
        self.splits.setdefault(name, set()).add(split)
        return name


class Found:
    """Files or folders by path, and those that match each wanted name.

    what, missing, unused: for the message; see `joined`.
    """

    def __init__(self, what: str, there: Mapping[str, str], wanted: Wanted, missing: str, unused: str) -> None:
        self.what, self._there, self._wanted, self._words = what, there, wanted, (missing, unused)
        self.matched = match(wanted.splits, there)

    def get(self, name: str) -> str | None:
        """The path, relative to the root."""
        own = self.matched.pairs.get(name)
        return None if own is None else self._there[own]

    def several(self, name: str) -> tuple[str, ...]:
        """The paths of names with several matches."""
        return self.matched.doubtful.get(name, ())

    def join(self, splits: Sequence[str]) -> Join:
        """The unmatched names of these splits."""
        chosen = {name for name, own in self._wanted.splits.items() if own.intersection(splits)}
        found = self.matched
        return joined(
            self.what,
            Matched(
                {name: own for name, own in found.pairs.items() if name in chosen},
                tuple(name for name in found.missing if name in chosen),
                {name: own for name, own in found.ambiguous.items() if name in chosen},
                found.unused,
                {name: own for name, own in found.shared.items() if name in chosen},
            ),
            *self._words,
            ambiguous="rows match more than one of them",
            shared="rows match the same one as another",
        )


def folders_of_pictures(root: Path, folder: Path) -> dict[str, str]:
    """Path below `folder` -> path below the root, of folders with pictures."""
    return {
        utf8_name(place): os.path.relpath(folder / place, root)
        for place, names in _walk(folder)
        if any(name.lower().endswith(STILLS) for name in names)
    }


def sounds_in(root: Path, folder: Path) -> dict[str, str]:
    """The same for sounds."""
    return {
        utf8_name(os.path.join(place, name)): os.path.relpath(folder / place / name, root)
        for place, names in _walk(folder)
        for name in names
        if name.lower().endswith(SOUNDS)
    }


def folders_in(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Those one level below folders of these names that are not empty: "v2/UID" -> the same."""
    found: dict[str, str] = {}
    for name in names:
        for place, files in _walk(root / name):
            first = place.split(os.sep)[0]
            if first and files:
                found[utf8_name(f"{name}/{first}")] = os.path.join(name, first)
    return found


def _walk(folder: Path) -> Sequence[tuple[str, list[str]]]:
    return list(walk(folder)) if folder.is_dir() else []


@dataclass
class Numbered:
    """Pictures of one folder by number. strange: those without one of the requested numbers."""

    pictures: dict[int, list[str]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    def get(self, number: int) -> str | None:
        own = self.several(number)
        return own[0] if len(own) == 1 else None

    def several(self, number: int) -> list[str]:
        return self.pictures.get(number, [])


def numbered(root: Path, folder: str | None, video: str, numbers: range) -> Numbered:
    """Pictures VIDEO_n.png, VIDEO.mp4_n.png, or n.png if `video` is empty; none if the folder does not exist."""
    found = Numbered()
    for name in [] if folder is None else listed(root / folder):
        stem, ending = os.path.splitext(name)
        if ending.lower() not in STILLS:
            continue
        rest = spelled(utf8_name(stem)).removeprefix(spelled(video))
        number = rest.rpartition("_")[2] if video else rest
        named = not video or (rest[:1] in ("_", ".") and rest != stem)
        path = os.path.join(folder or "", name)
        if named and number.isdecimal() and int(number) in numbers:
            found.pictures.setdefault(int(number), []).append(path)
        else:
            found.strange.append(utf8_name(path))
    return found


def strange_pictures(what: str, names: Sequence[str]) -> Join:
    return joined(what, Matched({}, (), {}, tuple(names)), unused="pictures match no second of a clip")
