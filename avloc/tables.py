"""Tables of text (.csv, lists of one name a line): one reader, whatever program wrote them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import DataError
from avloc.files import why
from avloc.naming import brief, utf8_name

#: what a column of ids is called in the first line, and what the others are
_IDS = (
    "id ids video videos video_id videoid vid file files filename file_name filepath path name names ytid youtube_id "
    "youtubeid clip clips clip_id image image_id sample key"
)
_CLASSES = "class classes class_name label labels label_name category categories tag tags"
_OTHERS = (
    "audio sound mask split subset set start start_time start_second start_seconds end end_time end_seconds time second "
    "seconds offset modality background_music static_image voice_over display_name positive_labels mix_id mix_class "
    "source bbox box width height duration fps url"
)
IDS, CLASSES = frozenset(_IDS.split()), frozenset(_CLASSES.split())
_KNOWN = IDS | CLASSES | frozenset(_OTHERS.split())
_SEPARATORS = (",", "\t", ";")


@dataclass(frozen=True)
class Table:
    """rows: each with its line in the file. header: names of the columns, as written; () where the first row is none."""

    path: Path
    rows: list[tuple[int, list[str]]]
    header: tuple[str, ...]

    def column(self, names: frozenset[str], otherwise: int) -> int:
        """Which column the header calls one of these names; `otherwise` where none is, or there is no header."""
        for place, name in enumerate(self.header):
            if plain(name) in names:
                return place
        return otherwise


def read_table(
    path: Path, columns: int = 1, what: str = "a table", headed: bool | None = None, wrong: str = "cannot be read"
) -> Table:
    """The rows that are not empty, without the header; DataError where one has fewer than so many columns.

    A mark of the encoding, the line ends of any system, quotes with separators and line ends in them, and semicolons or tabs
    where there is no comma, are read. A name of a file that is not UTF-8 in the first column becomes text (see `utf8_name`);
    elsewhere it is an error. what: in words. headed: whether the first row is the header; None: where it looks like one.
    wrong: what is said of a file that is no table.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
        wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = raw.decode("utf-16") if wide else raw.decode("utf-8-sig", "surrogateescape")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {wrong} ({why(error)}); expected {what}") from None
    rows = _rows(path, text, _separator(text) if columns > 1 else ",")
    if not text.isascii():
        rows = [(line, [_field(path, line, place, value) for place, value in enumerate(row)]) for line, row in rows]
    header: tuple[str, ...] = ()
    if rows and (is_header(rows[0][1]) if headed is None else headed):
        header, rows = tuple(name.strip() for name in rows[0][1]), rows[1:]
    for line, row in rows:
        if len(row) < columns:
            raise DataError(f"{path}:{line}: found {brief(','.join(row))!r}; expected {what}")
    return Table(path, rows, header)


def header_of(path: Path) -> list[str]:
    """The first row of a file as names of columns; [] where it cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            return [plain(name) for name in next(csv.reader(file), [])]
    except (OSError, csv.Error):
        return []


def _rows(path: Path, text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Each row that is not empty with the line that it begins in."""
    for strict in (
        True,
        False,
    ):  # quotes within a field are no mistake, but one that is never closed takes the rest with it
        rows, line = [], 1
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
        try:
            for row in reader:
                if any(value.strip() for value in row):
                    rows.append((line, row))
                line = reader.line_num + 1
            return rows
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise DataError(f"{path}:{line}: a quote is never closed") from None
            if not strict or "field larger" in str(error):
                raise DataError(f"{path}:{line}: cannot be read ({error})") from None
    raise AssertionError("the second reading returns or raises")


def _separator(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return next((one for one in _SEPARATORS if one in first), ",")


def _field(path: Path, line: int, place: int, value: str) -> str:
    if value.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in value):
        return value
    if place:
        raise DataError(f"{path}:{line}: not UTF-8; save it as CSV UTF-8")
    return utf8_name(value)


def plain(name: str) -> str:
    """The name of a column as it is compared: "# YouTube ID" is youtube_id."""
    return name.strip().lstrip("#").strip().lower().replace(" ", "_").replace("-", "_")


def is_header(row: Sequence[str]) -> bool:
    """Whether a row names columns: its first, or another, is of ids, and the others are known or at least one is of classes."""
    names = [plain(name) for name in row]
    if len(names) == 1:
        return names[0] in IDS
    ids = [place for place, name in enumerate(names) if name in IDS]
    others = [name for place, name in enumerate(names) if place not in ids[:1]]
    return bool(ids) and (any(name in CLASSES for name in others) or all(name in _KNOWN for name in others))
