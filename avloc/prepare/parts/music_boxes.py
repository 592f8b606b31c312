"""Boxes of MUSIC by frame key: the published annotation, its compact form, and the ground truth of a synthetic world."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avloc.annotations.music import CATEGORIES
from avloc.errors import DataError
from avloc.files import read_json
from avloc.naming import some
from avloc.walking import files_in

_ANNOTATIONS = ("test.json", "test_compact.json", "validation.json")
_KEY = re.compile(r"(.+)/frame_(\d+)/(\d+)\.jpg")

Row = list[Any]  # x1, y1, x2, y2 in [0, 1], index into the classes or -1, sounding


def read_boxes(root: Path, classes: tuple[str, ...]) -> dict[str, dict[str, list[Row]]]:
    """Stem -> frame key -> boxes; a key without boxes is annotated, with nothing in it.

    If truth.json exists, only that is used, because it has the silent objects too; otherwise all *test.json and
    *validation.json, where every box is of a sounding object (as the authors state).
    """
    truth = root / "truth.json"
    files = [truth] if truth.is_file() else files_in(root, *_ANNOTATIONS)
    categories = _categories(root)
    boxes: dict[str, dict[str, list[Row]]] = {}
    seen: dict[str, Path] = {}
    for file in files:
        entries = read_json(file)
        if not isinstance(entries, dict):
            raise DataError(f"{file}: expected a JSON object {{frame key: boxes}}")
        for key, entry in entries.items():
            match = _KEY.fullmatch(key)
            if not match:
                raise DataError(f"{file}: found key {key!r}, expected '<stem>/frame_<sss>/<ccccc>.jpg'")
            if key in seen:
                raise DataError(f"{file}: {key} is also in {seen[key].name}; keep one of the two files")
            seen[key] = file
            try:
                rows = list(_rows(entry, categories, classes))
            except DataError as error:
                raise DataError(f"{file}: {key}: {error}") from None
            except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
                raise DataError(f"{file}: {key}: a box that cannot be read ({type(error).__name__}: {error})") from None
            boxes.setdefault(match[1], {})[key] = rows
    return boxes


def _categories(root: Path) -> dict[int, str]:
    file = root / "categories.json"
    if not file.is_file():
        return CATEGORIES
    value = read_json(file)
    try:
        return {int(number): str(name) for number, name in value.items()}
    except (AttributeError, ValueError):
        raise DataError(f'{file}: expected {{"<category id>": class name}}') from None


def _rows(entry: Any, categories: dict[int, str], classes: tuple[str, ...]) -> Iterator[Row]:
    for box in entry["bbox"]:
        if isinstance(box, dict):
            name = box["class"] if "class" in box else _name(box["category_id"], categories)
            if "normbox" in box:
                x, y, w, h = map(float, box["normbox"])
            else:
                width, height = entry["wdith"], entry["height"]  # misspelt as published
                x, y, w, h = (float(v) / side for v, side in zip(box["box"], (width, height) * 2, strict=True))
            sounding = bool(box.get("sounding", True))
        else:
            category, *corner = box
            x, y, w, h = map(float, corner)
            name, sounding = _name(category, categories), True
        if not all(map(math.isfinite, (x, y, w, h))):
            raise ValueError("a coordinate is not finite")
        label = classes.index(name) if name in classes else -1
        yield [*(min(max(float(v), 0.0), 1.0) for v in (x, y, x + w, y + h)), label, sounding]


def _name(category: Any, categories: dict[int, str]) -> str:
    if category not in categories:
        known = some((f"{number} {name}" for number, name in categories.items()), 16)
        raise DataError(f"unknown category id {category!r}; known are {known}; add others in categories.json")
    return categories[category]
