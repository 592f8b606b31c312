"""Text tables (.csv, or lists with one name per line): one reader for the files of any program."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import DataError
from avloc.files import regular, why
from avloc.naming import brief, utf8_name

#: names of the id column in a header, and of other columns
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
    """rows: each with its line in the file. header: names of the columns, as written; () if the first row is not a header."""

    path: Path
    rows: list[tuple[int, list[str]]]
    header: tuple[str, ...]

    def column(self, names: frozenset[str], otherwise: int) -> int:
        """Index of the column with one of these names; `otherwise` if there is none, or no header."""
        for place, name in enumerate(self.header):
            if plain(name) in names:
                return place
        return otherwise


def read_table(
    path: Path, columns: int = 1, what: str = "a table", headed: bool | None = None, wrong: str = "cannot be read"
) -> Table:
    """The rows that are not empty, without the header; DataError if one has too few columns.

    It accepts a byte order mark, the line ends of any system, quoted separators and line ends, and semicolons or tabs
    if there is no comma. A file name in the first column that is not UTF-8 becomes text (see `utf8_name`); elsewhere
    this is an error. what: a description. headed: whether the first row is the header; None: if it looks like one.
    wrong: the message for a file that is not a table.
    """
    path = Path(path)
    try:
        raw = regular(path).read_bytes()
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
    """The first row of a file as names of columns; [] if it cannot be read."""
    try:
        with regular(path).open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            return [plain(name) for name in next(csv.reader(file), [])]
    except (OSError, csv.Error):
        return []


def _rows(path: Path, text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Each non-empty row with the line where it starts."""
    # quotes inside a field are fine, but an unclosed one would swallow the rest of the file
    for strict in (True, False):
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
    """The name of a column in the form used for comparison: "# YouTube ID" is youtube_id."""
    return name.strip().lstrip("#").strip().lower().replace(" ", "_").replace("-", "_")


def is_header(row: Sequence[str]) -> bool:
    """Whether a row is a header: one column has ids, and one of the others has classes or all have known names."""
    names = [plain(name) for name in row]
    if len(names) == 1:
        return names[0] in IDS
    ids = [place for place, name in enumerate(names) if name in IDS]
    others = [name for place, name in enumerate(names) if place not in ids[:1]]
    return bool(ids) and (any(name in CLASSES for name in others) or all(name in _KNOWN for name in others))
