"""Watches whether the source still exists while it is read: an unmounted disk is not the fault of thousands of files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avloc.errors import DataError
from avloc.prepare.parts.items import Item, was_there
from avloc.prepare.pool.tasks import CRASHED, LATE
from avloc.prepare.writing.reading import NO_MEMORY

LEAST = 4  # missing files before anything is reported
LOOKED_AT = 20_000  # files checked at most, to estimate how many are missing
_NOT_THE_SOURCE = (CRASHED, LATE, NO_MEMORY)


class SourceWatch:
    """Counts files that existed when they were listed and are unreadable now; DataError if they are more than half.

    there: all items of the store that had files when they were listed. known: ids of those that an earlier run could
    not read, which tell nothing new.
    """

    def __init__(self, source: Path, items: Iterable[Item], known: set[str]) -> None:
        self.source = source
        self.there = [item for item in items if was_there(item)]
        self._new = {item.id for item in self.there} - known
        self.tried = self.gone = self.looked = 0
        self.reasons: Counter[str] = Counter()

    def add(self, outcomes: Sequence[Mapping[str, Any]]) -> None:
        """After each task: if most of the tried files are gone, check the others."""
        for outcome in outcomes:
            if outcome["id"] not in self._new:
                continue
            self.tried += 1
            if outcome.get("passing") and outcome["reason"] not in _NOT_THE_SOURCE:
                self.gone += 1
                self.reasons[outcome["reason"]] += 1
        if self.gone >= LEAST and 2 * self.gone > self.tried and self.gone >= 2 * self.looked:
            self.looked = self.gone
            step = -(-len(self.there) // LOOKED_AT)
            looked_at = self.there[::step]
            lost = sum(not _readable(self.source / item.path) for item in looked_at)
            if 2 * lost > len(looked_at):
                self._refuse(lost, len(looked_at))

    def end(self) -> None:
        if self.gone >= LEAST and 2 * self.gone > len(self.there):
            self._refuse(self.gone, len(self.there))

    def _refuse(self, lost: int, count: int) -> None:
        why = ", ".join(f"{reason}: {number}" for reason, number in self.reasons.most_common(3))
        raise DataError(
            f"{self.source}: {lost} of {count} listed files cannot be read any more ({why}); is it mounted? Finished work "
            "is kept: run the command again when they are back"
        )


def refuse_lost(source: Path, out: Path, prepared: int, lost: Sequence[str]) -> None:
    """DataError if most of what an earlier run prepared is gone, because the existing clips would be thrown away."""
    if 2 * len(lost) > prepared:
        raise DataError(
            f"{source}: {len(lost)} of {prepared} files that {out} was prepared from cannot be found any more, such as "
            f"{lost[0]}; is it mounted? Nothing was changed; to prepare what is left, choose another --out"
        )


def _readable(path: Path) -> bool:
    """Whether it exists; folders of pictures count too. "Video.h5:12" is a row of that file."""
    try:
        if path.is_dir():
            return True
        if not path.is_file():
            path = path.with_name(path.name.rpartition(":")[0] or path.name)
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            file.read(1)
    except (OSError, ValueError):
        return False
    return True
