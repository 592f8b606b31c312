"""Matches names with files: the pairs, the unmatched names of either side, and the ambiguous ones.

Different spellings match: after Unicode normalisation (NFC), with either slash, with or without the suffix of the
media, with any number of its folders. Of two matches, the more similar spelling wins; a name that matches two equally
well is ambiguous and gets neither.
"""

import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.endings import bare

#: how similar a spelling is. OTHERWISE: by rules of the caller. From FOLDERS on, one side omits folders.
EXACT, SPELLED, ENDINGS, OTHERWISE, FOLDERS, FEWER, NOT = range(7)
ALL = -1


def spelled(name: str) -> str:
    """The name in Unicode NFC, with forward slashes."""
    text = name if name.isascii() else unicodedata.normalize("NFC", name)
    return text.replace("\\", "/").removeprefix("./")


def _key(name: str) -> str:
    """Folders and the name without suffix, in the form used for comparison."""
    return bare(spelled(name))


class Index:
    """Finds names by other spellings, in constant time each."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names: Mapping[str, Any] = names if isinstance(names, dict) else dict.fromkeys(names)
        #: number of folders -> the end of a name with that many folders -> such names; under ALL, of all names,
        #: however many folders they have
        self._levels: dict[int, dict[str, list[str]]] = {}

    def find(self, name: str) -> tuple[int, list[str]]:
        """How similar the best matches are (EXACT to NOT), and all names that match as well."""
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
        for _ in range(folders):  # its end is the whole of a name here
            key = key.partition("/")[2]
            if fewer := self._level(ALL).get(key, []):
                return FEWER, fewer
        return NOT, []

    def _level(self, folders: int) -> dict[str, list[str]]:
        """Names by their key; by the name and this many folders, for those that have more."""
        if folders not in self._levels:
            level = self._levels[folders] = {}
            for name in self.names:
                key = _key(name)
                if folders == ALL:
                    level.setdefault(key, []).append(name)
                elif key.count("/") > folders:
                    level.setdefault("/".join(key.rsplit("/", folders + 1)[1:]), []).append(name)
        return self._levels[folders]


#: finds how similar the best matches of a name are, and all of them
Find = Callable[[str], tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Matched:
    """pairs: name -> its match. missing: names without a match. ambiguous: name -> its several matches. unused: files
    without a name. shared: name -> its match, which another name matches equally well.
    """

    pairs: Mapping[str, str]
    missing: tuple[str, ...]
    ambiguous: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def doubtful(self) -> dict[str, tuple[str, ...]]:
        """Names without a match because of several candidates, or of a rival for one: name -> these."""
        return {**self.ambiguous, **{name: (own,) for name, own in self.shared.items()}}


def match(asked: Iterable[str], there: Iterable[str], find: Find | None = None, alone: bool = True) -> Matched:
    """Match each of the names `asked` with one of those `there`.

    find: the rule, by default that of `Index(there)`. alone: each of those `there` matches at most one name; the most
    similar spelling wins, and if several are equally similar, none does. Otherwise several spellings of one name can
    match it, but never names that differ in their folders.
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
    """A join whose matches were found elsewhere: all names but the missing and the ambiguous have one."""
    left = [name for name in names if name not in ambiguous]
    pairs = {name: name for name in left if name not in missing}
    return Matched(pairs, tuple(name for name in left if name not in pairs), ambiguous, tuple(unused))
