"""Finds and reads annotation files: a path to a file or a folder, and the file names of a benchmark."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.vggsounder import is_sounder, read_sounder
from avloc.endings import bare
from avloc.errors import AvlocError, DataError
from avloc.files import read_json
from avloc.links import OPTION, bounds, target
from avloc.naming import brief, first_double, some, utf8_name
from avloc.tables import IDS, read_table
from avloc.walking import is_folder, listed, visible, walk

LARGEST_SIDE = 1 << 20  # px, of a picture
_WRONG = "not a readable csv file"


class Absent(DataError):
    """None of the expected files exists."""


@dataclass
class Files:
    """The files of one benchmark under a path; remembers which were read, for the digest in the result.

    If the path is a file, it is the main annotation; otherwise that is in the folder or in a folder below it. Files
    that a benchmark borrows from another one can also be in folders next to it.
    """

    path: Path
    read: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path = Path(self.path)
        if not self.path.exists():
            raise DataError(f"{self.path}: no such file or folder; expected annotations")

    def main(self, *names: str, beside: bool = False) -> Path:
        """The main annotation: the path itself if it is a file, else the first of the names that exists."""
        if self.path.is_file():
            return self._used(self.path)
        return self.named(*names, beside=beside)

    def named(self, *names: str, beside: bool = False) -> Path:
        """A file of one of these names; DataError lists them. `beside`: the folders next to this one count too."""
        found = self.maybe(*names, beside=beside)
        if found is None:
            raise Absent(f"{self.path}: expected {' or '.join(names)} in it or next to it; found {self._sample()}")
        return found

    def beside(self, *names: str) -> Path | None:
        """An optional addition to the annotation, here or in a folder next to it; it is not part of the digest."""
        known = list(self.read)
        found = self.maybe(*names, beside=True)
        self.read[:] = known
        return found

    def maybe(self, *names: str, beside: bool = False) -> Path | None:
        root = self._root
        own = [root, *self._folders]
        others: list[Path] = []
        if beside and root.parent != root:
            others = [p for name in listed(root.parent) if (p := root.parent / name).is_dir() and p != root]
        for folders in (own, others):  # any of the names here comes before all of them next to it
            for name in names:
                for folder in folders:
                    if (folder / name).exists():
                        return self._used(folder / name)
        return None

    @property
    def _root(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    @cached_property
    def _folders(self) -> list[Path]:
        """Its subfolders; there may be hundreds of thousands of files besides them."""
        with os.scandir(self._root) as found:
            return sorted(Path(entry.path) for entry in found if visible(entry.name) and is_folder(entry))

    def _used(self, path: Path) -> Path:
        root = self._root if path.is_relative_to(self._root) else self._root.parent
        if bounds(self.path, root).lead_out(path):
            raise DataError(f"{target(path)}: a link to outside its folder; copy the file, or add {OPTION}")
        if path not in self.read:
            self.read.append(path)
        return path

    def _sample(self) -> str:
        return some(listed(self._root), 5) or "an empty folder"

    @property
    def sha256(self) -> str:
        """Digest of the files read: of the file itself, or of the names and digests of several."""
        whole = [path for used in self.read for path in (_in_folder(used) if used.is_dir() else [used])]
        digests = [
            (utf8_name(path.name), hashlib.sha256(path.read_bytes()).hexdigest()) for path in whole if path.is_file()
        ]
        if len(digests) == 1:
            return digests[0][1]
        return hashlib.sha256("\n".join(f"{name} {digest}" for name, digest in digests).encode()).hexdigest()


def _in_folder(folder: Path) -> list[Path]:
    return sorted(folder / within / name for within, names in walk(folder) for name in names)


def json_list(path: Path, *keys: str) -> list[dict[str, Any]]:
    """A JSON list of objects that all have these keys; DataError names the first that does not."""
    rows = json_value(path)
    if not isinstance(rows, list) or not rows:
        found = "an empty list" if rows == [] else type(rows).__name__
        raise DataError(f"{path}: expected a list of objects; found {found}")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or any(key not in row for key in keys):
            raise DataError(f"{path}: entry {number} is not an object with {', '.join(keys)}")
    return rows


def json_object(path: Path) -> dict[str, Any]:
    value = json_value(path)
    if not isinstance(value, dict) or not value:
        found = "an empty one" if value == {} else type(value).__name__
        raise DataError(f"{path}: expected an object with entries; found {found}")
    return value


def json_value(path: Path) -> Any:
    """The value in a JSON file; DataError if it is missing or is not JSON."""
    try:
        return read_json(path)
    except DataError:
        raise
    except AvlocError as error:
        raise DataError(str(error)) from None


def csv_rows(path: Path, columns: int = 1) -> list[list[str]]:
    """Rows of a csv file as text, without its header; DataError if a row has too few columns, or there are none."""
    names = "one id per line" if columns == 1 else f"{columns} columns"
    table = read_table(path, columns, names, wrong=_WRONG)
    if not table.rows:
        raise DataError(f"{path}: empty; expected one id per line")
    return [row for _, row in table.rows]


def id_list(path: Path) -> list[str]:
    """The ids of a list: its column of ids (the first if no header names one), without suffixes of media.

    A duplicate id is an error. A line of DSOL's lists, NAME.flac NAME.mp4, is one id. VGGSounder's table has a row for each
    label: each clip counts once.
    """
    if is_sounder(path):
        return list(read_sounder(path))
    table = read_table(path, 1, "one id per line", wrong=_WRONG)
    column = table.column(IDS, 0)
    for line, row in table.rows:
        if len(row) <= column or not row[column].strip():
            raise DataError(f"{path}:{line}: no id in {brief(','.join(row))!r}; expected one in column {column + 1}")
    if not table.rows:
        raise DataError(f"{path}: empty; expected one id per line")
    ids = [bare(row[column].strip()) for _, row in table.rows]
    double = first_double(ids)
    if double is not None:
        again = ids.index(double, ids.index(double) + 1)
        raise DataError(f"{path}:{table.rows[again][0]}: duplicate id {brief(double)!r}; expected each id once")
    return ids


def is_side(value: object) -> bool:
    """Whether a value can be the width or the height of a picture, in pixels."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= LARGEST_SIDE


def fractions_of_pixels(pixels: Sequence[Sequence[float]], width: float, height: float) -> NDArray[np.float64]:
    """Boxes in pixels (M, 4) as fractions that, multiplied by the size, truncate to the same pixels again."""
    boxes = np.asarray(pixels, np.float64).reshape(-1, 4)
    size = np.array([width, height, width, height], np.float64)
    fractions = boxes / size
    short = fractions * size < boxes
    return np.where(short, np.nextafter(fractions, np.inf), fractions)
