"""Parses a list of moments in videos."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import DataError
from avloc.tables import read_table

_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_NAMED = re.compile(r"(.{11})_(\d+(?:\.\d+)?)(?:_(\d+(?:\.\d+)?))?")
LATEST = 1e6  # s: no video is longer
EXPECTED = "expected ID_START, or ID,START or ID,START,END in seconds"


@dataclass(frozen=True)
class Wanted:
    """A clip of a video from `start` to `end` (s). where: its line in the list."""

    id: str
    start: float
    end: float
    where: str

    @property
    def name(self) -> str:
        """The name used by VGGSound's mirrors, with the second in six digits: ID_000030."""
        whole = self.start == int(self.start)
        return f"{self.id}_{int(self.start):06d}" if whole else f"{self.id}_{self.start:.3f}".rstrip("0")

    @property
    def of_youtube(self) -> bool:
        return _ID.fullmatch(self.id) is not None


def read_moments(path: Path, seconds: float) -> list[Wanted]:
    """The clips of a list, each once, in order; `seconds` long if the list has no end times.

    Lines that begin with # are comments, as in AudioSet's files, and the first line may be a header. DataError for any other
    line, with its number.
    """
    if not 0 < seconds <= LATEST:
        raise DataError(f"seconds is {seconds}; expected the length of a clip, more than 0")
    found: dict[str, Wanted] = {}
    for line, row in read_table(path, 1, EXPECTED.removeprefix("expected "), headed=False).rows:
        if row[0].lstrip().startswith("#"):
            continue
        wanted = _wanted([value.strip() for value in row], seconds, f"{path.name}:{line}")
        if wanted is None and not found and line == 1:
            continue  # a header
        if wanted is None:
            raise DataError(f"{path}:{line}: found {','.join(row)[:80]!r}; {EXPECTED}")
        known = found.setdefault(wanted.name, wanted)
        if known.end != wanted.end:
            told = f"{wanted.name} ends at {wanted.end:g} s, in {known.where} at {known.end:g} s"
            raise DataError(f"{path}:{line}: {told}; expected only one clip with this start")
    if not found:
        raise DataError(f"{path}: contains no clip; {EXPECTED}")
    return list(found.values())


def _wanted(row: Sequence[str], seconds: float, where: str) -> Wanted | None:
    """None if the row has none of the accepted forms."""
    named = _NAMED.fullmatch(row[0])
    start = _number(row[1]) if len(row) > 1 else None
    if start is not None:
        end = _number(row[2]) if len(row) > 2 else None
        video = row[0]
    elif named is not None:
        video, start, end = named[1], float(named[2]), _number(named[3] or "")
    else:
        return None
    end = start + seconds if end is None else end
    if not video or not 0 <= start < end <= LATEST:
        return None
    return Wanted(video, start, end, where)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
