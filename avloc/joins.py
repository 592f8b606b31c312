"""Names that meet files: which belong together, what has no partner on either side, and what could be either of two.

A name is found as others spell it: after Unicode normalisation (NFC) and with either slash, with or without the ending of its
media, with as many of its folders as are needed. Of two spellings the one nearest to the text counts; what fits two names
equally well is ambiguous and belongs to neither.
"""

import logging
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.endings import bare
from avloc.errors import DataError
from avloc.naming import brief, printable, some

logger = logging.getLogger(__name__)

SHOWN = 3  # names in a line
KEPT = 5  # names in a store
ASIDE = "set aside"
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
    unused: what nothing means."""

    pairs: Mapping[str, str]
    missing: tuple[str, ...]
    ambiguous: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]


def match(asked: Iterable[str], there: Iterable[str], find: Find | None = None, alone: bool = True) -> Matched:
    """Which of the names `there` each of those `asked` for means.

    find: how, by default as `Index(there)` does. alone: what is there belongs to one name at most; of several that mean it
    the nearest spelling counts, and where they are equally near, each is ambiguous. Otherwise several spellings of one name
    may mean it, but names that differ in their folders never do.
    """
    there = dict.fromkeys(there)
    find = find or Index(there).find
    pairs: dict[str, str] = {}
    near: dict[str, int] = {}
    missing: list[str] = []
    ambiguous: dict[str, tuple[str, ...]] = {}
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
    for own, names in wanting.items():
        if len(names) < 2:
            continue
        nearest = min(near[name] for name in names)
        best = [name for name in names if near[name] == nearest or not (alone or near[name] >= FOLDERS)]
        for name in names:
            if name not in best:
                del pairs[name]
                missing.append(name)
            elif len(best) > 1 and (alone or near[name] >= FOLDERS):
                del pairs[name]
                ambiguous[name] = (own, *(other for other in best if other != name))
    touched = {*pairs.values(), *(own for several in ambiguous.values() for own in several)}
    return Matched(pairs, tuple(missing), ambiguous, tuple(name for name in there if name not in touched))


def sorted_out(
    names: Iterable[str], missing: Container[str], ambiguous: Mapping[str, tuple[str, ...]], unused: Iterable[str] = ()
) -> Matched:
    """A join whose partners were looked for elsewhere: all names but the missing and the ambiguous have one."""
    left = [name for name in names if name not in ambiguous]
    pairs = {name: name for name in left if name not in missing}
    return Matched(pairs, tuple(name for name in left if name not in pairs), ambiguous, tuple(unused))


@dataclass(frozen=True)
class Left:
    """Names of one kind that a join left over: how many, in words, the first of them.

    kind: "missing", "unused" or "ambiguous"; "set aside" where a list chooses others, which is no mistake.
    """

    kind: str
    count: int
    words: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        dots = ", ..." if self.count > min(len(self.names), SHOWN) else ""
        words = re.sub(r"^(\w+)s (are|have) ", _in_singular, self.words) if self.count == 1 else self.words
        return f"{self.count} {words}: {', '.join(self.names[:SHOWN])}{dots}"


def _in_singular(plural: "re.Match[str]") -> str:
    return f"{plural[1]} {'is' if plural[2] == 'are' else 'has'} "


@dataclass(frozen=True)
class Join:
    """What a join of names left over. what: the file or folder that names come from. matched: names with a partner."""

    what: str
    matched: int
    left: tuple[Left, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        return f"{self.what}: {'; '.join(map(str, self.left))}"

    def warning(self) -> str:
        """Without what was set aside."""
        return f"{self.what}: {'; '.join(str(one) for one in self.left if one.kind != ASIDE)}"

    @property
    def wrong(self) -> bool:
        return any(one.kind != ASIDE for one in self.left)

    def to_json(self) -> dict[str, Any]:
        left = [{**vars(one), "names": list(one.names)} for one in self.left]
        return {"what": self.what, "matched": self.matched, "left": left}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Join":
        """DataError for anything else."""
        try:
            left = [
                Left(str(o["kind"]), int(o["count"]), str(o["words"]), tuple(map(str, o["names"])))
                for o in value["left"]
            ]
            return cls(str(value["what"]), int(value["matched"]), tuple(left))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError(f"unmatched: found {brief(str(value))}; expected what, matched and left") from None


def joined(
    what: str,
    matched: Matched,
    missing: str = "",
    unused: str = "",
    ambiguous: str = "listed ids fit more than one file",
    aside: str = "",
) -> Join:
    """The join of a file or folder `what` in words: each says what is true of the names, "ids match no video".

    Kinds without words are not told, where they are as they should be. aside: of what is unused because it was not chosen.
    """
    total = len(matched.pairs) + len(matched.missing) + len(matched.ambiguous)
    left = []
    if matched.missing and missing:
        left.append(Left("missing", len(matched.missing), f"of {total} {missing}", _few(matched.missing)))
    if matched.ambiguous:
        named = [f"{_name(name)} ({some(several)})" for name, several in list(matched.ambiguous.items())[:KEPT]]
        left.append(Left("ambiguous", len(matched.ambiguous), f"of {total} {ambiguous}", tuple(named)))
    if matched.unused and (unused or aside):
        kind = "unused" if unused else ASIDE
        left.append(Left(kind, len(matched.unused), unused or aside, _few(matched.unused)))
    return Join(printable(what), len(matched.pairs), tuple(left))


def _few(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_name(name) for name in names[:KEPT])


def _name(name: str) -> str:
    return brief(printable(name))


def told(joins: Iterable[Join], strict: bool = False) -> tuple[Join, ...]:
    """Those that left something over, each in one line of the log; with `strict` the first is a DataError instead."""
    left = tuple(join for join in joins if join.left)
    for join in left:
        if join.wrong and strict:
            raise DataError(f"{join.warning()}; --strict allows no names without a partner")
        if join.wrong:
            logger.warning("%s", join.warning())
        else:
            logger.info("%s", join)
    return left
