"""Classes of clips from the user's table, whose ids are matched with the names of clips."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from avloc.errors import DataError
from avloc.joins import match
from avloc.leftovers import Join, joined
from avloc.naming import brief, utf8_name
from avloc.tables import CLASSES, IDS, read_table


class Tags:
    """The classes of each name; none if there is no table."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._table = {} if path is None else _classes(path)
        self._of: dict[str, list[str]] = {}
        self.classes = tuple(sorted({label for labels in self._table.values() for label in labels}))

    def give(self, names: Iterable[str]) -> tuple[Join, ...]:
        """Match the names of all clips with the table, and report unmatched names of either side."""
        if self.path is None:
            return ()
        found = match(self._table, names, alone=False)
        for name, own in found.pairs.items():
            self._of.setdefault(own, []).extend(self._table[name])
        words = ("ids match no clip", "clips have no label", "ids match more than one clip")
        return (joined(utf8_name(self.path.name), found, *words, shared="ids match the same clip as another"),)

    def of(self, name: str, classes: Sequence[str]) -> list[int]:
        """Indices of the classes of a clip; DataError for a class that the store does not have."""
        own = set(self._of.get(name, ()))
        unknown = sorted(own - set(classes))
        if unknown:
            raise DataError(
                f"{name}: its class {brief(unknown[0])!r} is not a class of the benchmark; leave out --labels or --benchmark"
            )
        return sorted(classes.index(label) for label in own)


def _classes(path: Path) -> dict[str, list[str]]:
    """Classes by id, from lines "id,class" or columns named in a header; an id with several classes has a line for each."""
    table = read_table(path, 2, "lines of id,class")
    of, label = table.column(IDS, 0), table.column(CLASSES, 1)
    found: dict[str, list[str]] = {}
    for line, row in table.rows:
        if len(row) <= max(of, label) or not row[of].strip() or not row[label].strip():
            raise DataError(f"{path}:{line}: found {brief(','.join(row))!r}; expected id,class")
        found.setdefault(row[of].strip(), []).append(row[label].strip())
    return found
