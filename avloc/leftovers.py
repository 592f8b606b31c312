"""The unmatched names of a join in one line: logged, stored with a store, or refused."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from avloc.errors import DataError
from avloc.joins import Matched
from avloc.naming import brief, printable, some

logger = logging.getLogger(__name__)

SHOWN = 3  # names per line
KEPT = 5  # names kept in a store
ASIDE = "set aside"


@dataclass(frozen=True)
class Left:
    """Unmatched names of one kind: their number, a description, the first of them.

    kind: "missing", "unused" or "ambiguous"; "set aside" if a list selects others, which is no mistake.
    """

    kind: str
    count: int
    words: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        dots = ", ..." if self.count > min(len(self.names), SHOWN) else ""
        words = (
            re.sub(r"^((?:\w+ )?\w+)s (are|have|match) ", _in_singular, self.words) if self.count == 1 else self.words
        )
        return f"{self.count} {words}: {', '.join(self.names[:SHOWN])}{dots}"


_SINGULAR = {"are": "is", "have": "has", "match": "matches"}


def _in_singular(plural: "re.Match[str]") -> str:
    return f"{plural[1]} {_SINGULAR[plural[2]]} "


@dataclass(frozen=True)
class Join:
    """The unmatched names of a join. what: the file or folder that names come from. matched: number of matched names."""

    what: str
    matched: int
    left: tuple[Left, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        return f"{self.what}: {'; '.join(map(str, self.left))}"

    def warning(self) -> str:
        """Without names that were set aside."""
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
    ambiguous: str = "listed ids match more than one file",
    aside: str = "",
    shared: str = "listed ids match the same file as another",
) -> Join:
    """The join of a file or folder `what`, described by texts such as "ids match no video".

    Kinds without a text are expected and not reported. aside: the text for names that were deliberately not selected.
    """
    total = len(matched.pairs) + len(matched.missing) + len(matched.ambiguous) + len(matched.shared)
    left = []
    if matched.missing and missing:
        left.append(Left("missing", len(matched.missing), f"of {total} {missing}", _few(matched.missing)))
    if matched.ambiguous:
        named = [f"{_name(name)} ({some(several)})" for name, several in islice(matched.ambiguous.items(), KEPT)]
        left.append(Left("ambiguous", len(matched.ambiguous), f"of {total} {ambiguous}", tuple(named)))
    if matched.shared:
        named = [f"{_name(name)} ({_name(own)})" for name, own in islice(matched.shared.items(), KEPT)]
        left.append(Left("ambiguous", len(matched.shared), f"of {total} {shared}", tuple(named)))
    if matched.unused and (unused or aside):
        kind = "unused" if unused else ASIDE
        left.append(Left(kind, len(matched.unused), unused or aside, _few(matched.unused)))
    return Join(printable(what), len(matched.pairs), tuple(left))


def _few(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_name(name) for name in names[:KEPT])


def _name(name: str) -> str:
    return brief(printable(name))


def told(joins: Iterable[Join], strict: bool = False) -> tuple[Join, ...]:
    """Log the joins with unmatched names, one line each; with `strict` the first is a DataError instead."""
    left = tuple(join for join in joins if join.left)
    for join in left:
        if join.wrong and strict:
            raise DataError(f"{join.warning()}; --strict requires every name to have a match")
        if join.wrong:
            logger.warning("%s", join.warning())
        else:
            logger.info("%s", join)
    return left
