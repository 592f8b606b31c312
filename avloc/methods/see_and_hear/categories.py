"""Which of AudioSet's classes belong to which of ImageNet's: the table of categories, and a user's own."""

import csv
import difflib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import DataError
from avloc.files import regular, why
from avloc.naming import whole

TABLE = Path(__file__).with_name("categories.csv")
FACE, MOTION = "face", "motion"  # visual side of categories that are not in ImageNet
COLUMNS = ("category", "heard", "seen")


@dataclass(frozen=True)
class Category:
    """heard: indices of the tagger's classes. seen: indices of ImageNet's. names: alternative names.

    by: ``face`` or ``motion`` if these are used instead.
    """

    name: str
    heard: tuple[int, ...]
    seen: tuple[int, ...]
    by: str
    names: frozenset[str]


def read_categories(more: Path | None, sounds: Sequence[str], sights: Sequence[str]) -> tuple[Category, ...]:
    """The categories of the table, and of `more`, a CSV of the same columns that adds to it or replaces rows by their name.

    category,heard,seen: its name, names of AudioSet's classes and names of ImageNet's, several with semicolons between them.
    The visual side can also be an index of ImageNet's classes, a range of them (``151-268``), ``face`` or ``motion``.
    sounds, sights: the names of the tagger's and of the classifier's classes. DataError, with file and line, for others.
    """
    rows = {row[0]: (row, TABLE.name) for row in _rows(TABLE)}
    if more is not None:
        rows |= {row[0]: (row, f"{more}:{line}") for line, row in enumerate(_rows(more), start=2)}
    return tuple(_category(row, place, sounds, sights) for row, place in rows.values())


def _rows(path: Path) -> list[tuple[str, str, str]]:
    try:
        text = regular(path).read_text(encoding="utf-8-sig")
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"categories {path}: cannot be read ({why(error)})") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        found = ",".join(rows[0])[:60] if rows else "nothing"
        raise DataError(f"categories {path}:1: found {found}; expected the columns {','.join(COLUMNS)}")
    wrong = next((line for line, row in enumerate(rows[1:], start=2) if len(row) != 3 or not all(row)), None)
    if wrong is not None:
        raise DataError(
            f"categories {path}:{wrong}: expected a name, what is heard and what is seen, separated by commas"
        )
    return [(row[0], row[1], row[2]) for row in rows[1:]]


def _category(row: tuple[str, str, str], place: str, sounds: Sequence[str], sights: Sequence[str]) -> Category:
    name, heard, seen = row
    ears = tuple(_found(word, sounds, "AudioSet class", place) for word in _words(heard))
    by = next((word for word in _words(seen) if word in (FACE, MOTION)), "")
    eyes = () if by else tuple(one for word in _words(seen) for one in _sights(word, sights, place))
    others = [sounds[one] for one in ears] + [sights[one] for one in eyes]
    parts = [part for other in others for part in (other, *other.split(","))]  # "Violin, fiddle" counts as three names
    return Category(name, ears, eyes, by, frozenset(map(plain, [name, *parts])))


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(";") if word.strip()]


def _sights(word: str, known: Sequence[str], place: str) -> Iterable[int]:
    first, dash, last = word.partition("-")
    start, end = whole(first), whole(last if dash else first)
    if start is not None and end is not None:
        found = range(start, end + 1)
        if not found or found[-1] >= len(known):
            raise DataError(f"categories {place}: found {word}; ImageNet's classes are 0 to {len(known) - 1}")
        return found
    return [_found(word, known, "ImageNet class", place)]


def _found(word: str, known: Sequence[str], what: str, place: str) -> int:
    positions = {name.casefold(): number for number, name in enumerate(known)}
    if word.casefold() not in positions:
        near = difflib.get_close_matches(word, known, 3)
        hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
        raise DataError(f"categories {place}: no {what} {word!r}{hint}")
    return positions[word.casefold()]


def plain(name: str) -> str:
    """A class name in the form used for comparison: without case, underscores and plural s."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split()).removesuffix("s")
