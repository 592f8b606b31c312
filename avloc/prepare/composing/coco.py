"""Objects of COCO: `instances_*.json` with boxes and masks, and the pictures it names."""

from pathlib import Path

from avloc.annotations.files import json_object
from avloc.endings import STILLS
from avloc.errors import DataError
from avloc.naming import some
from avloc.prepare.composing.boxes import add_object
from avloc.prepare.composing.by_name import ByName, left_out
from avloc.prepare.composing.masks import polygons_or_runs
from avloc.prepare.composing.sources import Found, files_with

EXPECTED = "pictures and COCO's annotations/instances_*.json"


def annotations(path: Path) -> list[Path]:
    """The instance files in a folder of COCO."""
    return sorted([*path.glob("annotations/instances_*.json"), *path.glob("instances_*.json")]) if path.is_dir() else []


def list_coco(path: Path, role: str) -> tuple[Path, Found]:
    """Objects by category. Crowds, boxes without area and empty masks are counted and left out.

    If a single file is given, its pictures are in the parent of the folder `annotations`, or beside the file.
    """
    files = [path] if path.is_file() else annotations(path)
    if not files:
        raise DataError(f"{path}: no instances_*.json in it or in its folder annotations; expected COCO")
    root = path if path.is_dir() else path.parent.parent if path.parent.name == "annotations" else path.parent
    there = ByName(root, files_with(root, STILLS, EXPECTED))
    found = Found()
    for file in files:
        _read(file, role, there, found)
    if not found.by_name:
        counts = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items()) or "none is listed"
        raise DataError(f"{path}: no object can be cut out ({counts})")
    return root, found


def _read(file: Path, role: str, there: ByName, found: Found) -> None:
    table = json_object(file)
    try:
        names = {row["id"]: str(row["name"]) for row in table["categories"]}
        pictures = {
            row["id"]: (str(row["file_name"]), int(row["width"]), int(row["height"])) for row in table["images"]
        }
        rows = table["annotations"]
        places = {number: there.find(name) for number, (name, _, _) in pictures.items()}
        missing = [name for number, (name, _, _) in pictures.items() if not places[number]]
        if len(missing) == len(pictures):
            raise DataError(f"{file}: none of its {len(missing)} pictures was found, such as {some(missing, 1)}")
        unusable = {number for number, files in places.items() if left_out(found, "pictures", files)}
        for row in rows:
            _, width, height = pictures[row["image_id"]]
            if row["image_id"] in unusable:
                continue
            where = f"{role}:{places[row['image_id']][0]}"
            if row.get("iscrowd"):
                found.leave_out("crowds")
                found.unclear.add(where)
                continue
            mask = row.get("segmentation")
            if mask is not None and not polygons_or_runs(mask):
                found.leave_out("empty masks")
                found.unclear.add(where)
                continue
            x, y, w, h = (float(number) for number in row["bbox"])
            add_object(found, where, names[row["category_id"]], (x, y, x + w, y + h), (width, height), mask)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{file}: not in the format of COCO's instances ({type(error).__name__}: {error}); expected images, categories, "
            "annotations with image_id, category_id and bbox"
        ) from None
