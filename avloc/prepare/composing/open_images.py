"""Objects of Open Images: class-descriptions-boxable.csv, *-annotations-bbox.csv and pictures ImageID.jpg."""

from pathlib import Path

from PIL import Image

from avloc.annotations.files import csv_rows
from avloc.endings import STILLS
from avloc.errors import DataError
from avloc.files import regular
from avloc.prepare.composing.boxes import add_object
from avloc.prepare.composing.by_name import ByName
from avloc.prepare.composing.columns import named_rows
from avloc.prepare.composing.sources import Found, files_with

NAMES = "class-descriptions-boxable.csv"
BOXES = "*-annotations-bbox.csv"
EXPECTED = f"Open Images: {NAMES}, {BOXES} and pictures ImageID.jpg"
NEEDED = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax")


def list_open_images(path: Path, role: str) -> tuple[Path, Found]:
    """Objects by class name; groups of objects are counted and left out, like COCO's crowds."""
    names = {row[0]: row[1] for row in csv_rows(path / NAMES, 2)}
    there = ByName(path, files_with(path, STILLS, EXPECTED), ending=False)
    files = sorted(path.glob(BOXES))
    if not files:
        raise DataError(f"{path}: no {BOXES} in it; expected {EXPECTED}")
    found, sizes = Found(), dict[str, tuple[int, int] | None]()
    for file in files:
        for number, row in named_rows(file, *NEEDED):
            pictures = there.find(row["ImageID"])
            if len(pictures) != 1:
                why = ("is in several folders", " and ".join(pictures[:2])) if pictures else ("is missing", "")
                found.leave_out(f"boxes whose picture {why[0]}", why[1])
                continue
            picture = pictures[0]
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
                raise DataError(f"{file}:{number}: a box without numbers; expected XMin,XMax,YMin,YMax") from None
            width, height = size
            corners = (x0 * width, y0 * height, x1 * width, y1 * height)
            add_object(found, f"{role}:{picture}", names[row["LabelName"]], corners, size)
    return path, found


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height as a viewer shows it, read from the header."""
    try:
        with Image.open(regular(path)) as picture:
            turned = picture.getexif().get(274) in (5, 6, 7, 8)
            width, height = picture.size
            return (height, width) if turned else (width, height)
    except (OSError, ValueError, SyntaxError):
        return None
