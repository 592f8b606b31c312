"""Objects of Open Images: class-descriptions-boxable.csv, *-annotations-bbox.csv and pictures ImageID.jpg."""

import csv
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from avloc.annotations.files import csv_rows
from avloc.errors import DataError
from avloc.files import why
from avloc.prepare.composing.boxes import add_object
from avloc.prepare.composing.sources import Found, walk
from avloc.prepare.media.endings import STILLS

NAMES = "class-descriptions-boxable.csv"
BOXES = "*-annotations-bbox.csv"
EXPECTED = f"Open Images: {NAMES}, {BOXES} and pictures ImageID.jpg"
NEEDED = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax")


def list_open_images(path: Path, role: str) -> tuple[Path, Found]:
    """Objects by the name of their class; groups of objects are counted and left out, as COCO's crowds are."""
    names = {row[0]: row[1] for row in csv_rows(path / NAMES, 2)}
    there = {name.rpartition("/")[2].rpartition(".")[0]: name for name in walk(path, STILLS, EXPECTED)}
    files = sorted(path.glob(BOXES))
    if not files:
        raise DataError(f"{path}: no {BOXES} in it; expected {EXPECTED}")
    found, sizes = Found(), dict[str, tuple[int, int] | None]()
    for file in files:
        for number, row in _rows(file):
            picture = there.get(row["ImageID"])
            if picture is None:
                found.leave_out("boxes whose picture is not there")
                continue
            if row.get("IsGroupOf") == "1":
                found.leave_out("groups of objects")
                found.unclear.add(f"{role}:{picture}")
                continue
            if row["LabelName"] not in names:
                raise DataError(f"{file}:{number}: class {row['LabelName']!r} is not in {NAMES}")
            if picture not in sizes:
                sizes[picture] = _size(path / picture)
            size = sizes[picture]
            if size is None:
                found.leave_out("boxes whose picture cannot be opened")
                continue
            try:
                x0, x1, y0, y1 = (float(row[key]) for key in NEEDED[2:])
            except ValueError:
                raise DataError(f"{file}:{number}: a box that is no numbers; expected XMin,XMax,YMin,YMax") from None
            width, height = size
            corners = (x0 * width, y0 * height, x1 * width, y1 * height)
            add_object(found, f"{role}:{picture}", names[row["LabelName"]], corners, size)
    return path, found


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{file}: no column {missing[0]}; expected {', '.join(NEEDED)}")
            for row in reader:
                if any(row[name] is None for name in NEEDED):
                    raise DataError(f"{file}:{reader.line_num}: too few columns; expected {', '.join(NEEDED)}")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: not a readable csv file ({why(error)})") from None


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height as a viewer shows it, from the header."""
    try:
        with Image.open(path) as picture:
            turned = picture.getexif().get(274) in (5, 6, 7, 8)
            width, height = picture.size
            return (height, width) if turned else (width, height)
    except (OSError, ValueError, SyntaxError):
        return None
