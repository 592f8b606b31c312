"""Names that meet files: which belong together, what has no partner on either side, and what could be either of two.

A name is found as others spell it: after Unicode normalisation (NFC) and with either slash, with or without the ending of its
media, with as many of its folders as are needed. Of two spellings the one nearest to the text counts; what fits two names
equally well is ambiguous and belongs to neither.
"""

import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.endings import bare

#: how near a spelling is. OTHERWISE: as whoever looks for files may know. From FOLDERS on one side leaves folders out.
EXACT, SPELLED, ENDINGS, OTHERWISE, FOLDERS, FEWER, NOT = range(7)
ALL = -1


def spelled(name: str) -> str:
    """The name in Unicode's NFC, with slashes as Unix has them."""
    text = name if name.isascii() else unicodedata.normalize("NFC", name)
    return text.replace("\\", "/").removeprefix("./")


def _key(name: str) -> str:
    """Folders and the name without ending, as they are compared."""
    return bare(spelled(name))


class Index:
    """Names that can be found by other spellings of them, in constant time each."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names: Mapping[str, Any] = names if isinstance(names, dict) else dict.fromkeys(names)
        #: number of folders -> the last part of a name with so many of its folders -> such names; of all names, whatever
        #: folders they have, under ALL
        self._levels: dict[int, dict[str, list[str]]] = {}

    def find(self, name: str) -> tuple[int, list[str]]:
        """How near the nearest names are (EXACT to NOT), and all that are that near."""
        if name in self.names:
            return EXACT, [name]
        key = _key(name)
        if whole := self._level(ALL).get(key, []):
            text = spelled(name)
            alike = [known for known in whole if spelled(known) == text]
            return (SPELLED, alike) if alike else (ENDINGS, whole)
        folders = key.count("/")
        if deeper := self._level(folders).get(key, []):
            return FOLDERS, deeper
        for _ in range(folders):  # its last parts are the whole of a name here
            key = key.partition("/")[2]
            if fewer := self._level(ALL).get(key, []):
                return FEWER, fewer
        return NOT, []

    def _level(self, folders: int) -> dict[str, list[str]]:
        """Names by their key; by its last part and so many folders, those that have more."""
        if folders not in self._levels:
            level = self._levels[folders] = {}
            for name in self.names:
                key = _key(name)
                if folders == ALL:
                    level.setdefault(key, []).append(name)
                elif key.count("/") > folders:
                    level.setdefault("/".join(key.rsplit("/", folders + 1)[1:]), []).append(name)
        return self._levels[folders]


#: how near the nearest are, and all that are that near, of what a name may mean
Find = Callable[[str], tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Matched:
    """pairs: name -> the one that it means. missing: names that mean nothing. ambiguous: name -> those that it could mean.
    unused: what nothing means. shared: name -> the one that it could mean, and another name just as well."""

    pairs: Mapping[str, str]
    missing: tuple[str, ...]
    ambiguous: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def doubtful(self) -> dict[str, tuple[str, ...]]:
        """Names that have no partner because of several that could be meant, or that could mean one: name -> these."""
        return {**self.ambiguous, **{name: (own,) for name, own in self.shared.items()}}


def match(asked: Iterable[str], there: Iterable[str], find: Find | None = None, alone: bool = True) -> Matched:
    """Which of the names `there` each of those `asked` for means.

    find: how, by default as `Index(there)` does. alone: what is there belongs to one name at most; of several that mean it
    the nearest spelling counts, and where they are equally near, none has it. Otherwise several spellings of one name may
    mean it, but names that differ in their folders never do.
    """
    there = dict.fromkeys(there)
    find = find or Index(there).find
    pairs: dict[str, str] = {}
    near: dict[str, int] = {}
    missing: list[str] = []
    ambiguous: dict[str, tuple[str, ...]] = {}
    shared: dict[str, str] = {}
    wanting: dict[str, list[str]] = {}
    for name in dict.fromkeys(asked):
        level, found = find(name)
        if not found:
            missing.append(name)
        elif len(found) > 1:
            ambiguous[name] = tuple(found)
        else:
            pairs[name], near[name] = found[0], level
            wanting.setdefault(found[0], []).append(name)
    for names in wanting.values():
        if len(names) < 2:
            continue
        nearest = min(near[name] for name in names)
        rivals = [name for name in names if alone or near[name] >= FOLDERS]
        best = sum(near[name] == nearest for name in names)
        for name in rivals:
            if near[name] > nearest:
                del pairs[name]
                missing.append(name)
            elif best > 1:
                shared[name] = pairs.pop(name)
    touched = {*pairs.values(), *shared.values(), *(own for several in ambiguous.values() for own in several)}
    return Matched(pairs, tuple(missing), ambiguous, tuple(name for name in there if name not in touched), shared)


def sorted_out(
    names: Iterable[str], missing: Container[str], ambiguous: Mapping[str, tuple[str, ...]], unused: Iterable[str] = ()
) -> Matched:
    """A join whose partners were looked for elsewhere: all names but the missing and the ambiguous have one."""
    left = [name for name in names if name not in ambiguous]
    pairs = {name: name for name in left if name not in missing}
    return Matched(pairs, tuple(name for name in left if name not in pairs), ambiguous, tuple(unused))
