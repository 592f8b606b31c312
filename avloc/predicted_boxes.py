"""Boxes and masks as predictions: COCO's results, GAR-SSL's bbox_all.json, and CSV. A box becomes a map that is 1
inside it.

Boxes in pixels need the size of their frame, since maps are drawn on SIDE x SIDE pixels; if the file lacks it, the
frame is assumed to have that size, and this is logged. Boxes beyond the frame are clipped and counted.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.files import fractions_of_pixels, json_value
from avloc.errors import DataError
from avloc.naming import brief, counted, some
from avloc.protocols.boxes import rounded_corners
from avloc.run_lengths import at_side, checked_runs
from avloc.tables import read_table

log = logging.getLogger("avloc.predictions")
SIDE = 224
_NEAR = 1.5  # larger values cannot be fractions
_OF_GAR = "bbox_norm_224", "bbox_norm_224_src1", "bbox_norm_224_src2"
_ENDINGS = ".jpg", ".jpeg", ".png"


#: a box x1, y1, x2, y2 in fractions of its frame, with the frame's width and height in pixels
Framed = tuple[tuple[float, ...], tuple[int, int]]


@dataclass
class Drawn:
    """Maps (h, w) by clip, and the confidence of each if the file has it."""

    maps: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    boxes: dict[str, list[Framed]] = field(default_factory=dict)
    cut: int = 0
    unsized: int = 0
    masked: bool = False
    without: list[str] = field(default_factory=list)

    def box(self, clip: str, fractions: NDArray[np.float64], size: tuple[int, int] = (SIDE, SIDE)) -> None:
        """Fill a box x1, y1, x2, y2, in fractions of the frame. size: width and height of the frame in pixels."""
        self.boxes.setdefault(clip, []).append((tuple(fractions.tolist()), size))
        heat = self.maps.setdefault(clip, np.zeros((SIDE, SIDE), np.float32))
        self.cut += bool(((fractions < -1e-6) | (fractions > 1 + 1e-6)).any())
        x0, y0, x1, y1 = (np.clip(fractions, 0, 1) * SIDE).astype(int)
        heat[y0:y1, x0:x1] = 1

    def mask(self, clip: str, height: int, width: int, runs: Sequence[int]) -> None:
        """Add a mask of the frame's own size."""
        self.masked = True
        heat = self.maps.setdefault(clip, np.zeros((SIDE, SIDE), np.float32))
        heat[at_side(height, width, runs, SIDE)] = 1


def read_boxes(path: Path) -> Drawn:
    """The boxes of a .json or .csv file; DataError names a row that is not one."""
    drawn = Drawn()
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    for where, row in rows:
        _draw(drawn, where, row)
    if drawn.without:
        log.warning(
            "%s: %s no box, or only one of two; left out: %s",
            path,
            counted(len(drawn.without), "clip has", "clips have"),
            some(drawn.without),
        )
    if not drawn.maps:
        raise DataError(f"{path}: contains no boxes; expected {EXPECTED}")
    if drawn.cut:
        log.warning("%s: %s beyond the frame; clipped", path, counted(drawn.cut, "box extends", "boxes extend"))
    if drawn.unsized:
        boxes = counted(drawn.unsized, "box", "boxes")
        log.warning("%s: %s in pixels without the size of the frame; assuming %d x %d", path, boxes, SIDE, SIDE)
    return drawn


EXPECTED = (
    "COCO results (image_id with bbox x, y, w, h in pixels, or segmentation), rows of file_id and bbox_norm_224, or a CSV "
    "with the columns id, x1, y1, x2, y2"
)


def rounded_maps(boxes: Sequence[Sequence[Framed]]) -> NDArray[np.float32]:
    """(N, 1, SIDE, SIDE): the boxes of each clip as GAR-SSL fills them, corners rounded and included."""
    maps = np.zeros((len(boxes), 1, SIDE, SIDE), np.float32)
    for heat, own in zip(maps, boxes, strict=True):
        for fractions, size in own:
            for x0, y0, x1, y1 in rounded_corners(np.array([fractions]), size, SIDE).tolist():
                heat[0, y0:y1, x0:x1] = 1
    return maps


def _json_rows(path: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    value = json_value(path)
    sizes: dict[str, Mapping[str, Any]] = {}
    if isinstance(value, dict) and isinstance(value.get("annotations"), list):
        images = value.get("images") or []
        if not isinstance(images, list):
            raise DataError(f"{path}: images is {brief(repr(images))}; expected a list")
        sizes = {str(image["id"]): image for image in images if isinstance(image, dict) and "id" in image}
        value = value["annotations"]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise DataError(f"{path}: expected {EXPECTED}")
    for number, row in enumerate(value):
        yield f"{path}: row {number}", {**_about(sizes.get(str(row.get("image_id")), {})), **row}


def _about(image: Mapping[str, Any]) -> dict[str, Any]:
    """Size and id of an image that a row of annotations names."""
    found = {name: image[name] for name in ("width", "height") if name in image}
    return found | ({"file_name": image["file_name"]} if "file_name" in image else {})


def _csv_rows(path: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    table = read_table(path, 5, EXPECTED, headed=True)
    names = [name.strip().lower() for name in table.header]
    if not {"id", "x1", "y1", "x2", "y2"} <= set(names):
        raise DataError(
            f"{path}: its columns are {', '.join(names)}; expected id, x1, y1, x2, y2 (and width, height, score)"
        )
    for line, cells in table.rows:
        row: dict[str, Any] = {}
        for name, cell in zip(names, cells, strict=False):
            row[name] = cell if name == "id" else _of_text(f"{path}:{line}", name, cell)
        yield f"{path}:{line}", row


def _of_text(where: str, name: str, cell: str) -> float | str | None:
    if name not in ("x1", "y1", "x2", "y2", "width", "height", "score"):
        return cell
    if name == "score" and not cell.strip():
        return None  # of a clip without a confidence
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{where}: {name} is {brief(cell)!r}; expected a number") from None


def _draw(drawn: Drawn, where: str, row: Mapping[str, Any]) -> None:
    clip = _clip(where, row)
    score = row.get("score")
    if score is not None:
        (number,) = _numbers(where, "score", [score], 1)
        drawn.scores[clip] = max(drawn.scores.get(clip, -np.inf), number)
    if row.get("segmentation") not in (None, []):  # empty in results of detectors, which have a bbox
        drawn.mask(clip, *_run_lengths(where, row))
        return
    normal = [name for name in _OF_GAR if name in row]
    if any(row[name] is None for name in normal):
        drawn.without.append(clip)  # an answer that could not be read, or one of two boxes: the release drops the clip
        return
    for name in normal:
        corners = _numbers(where, name, row[name], 4)
        # either in pixels of 224, or divided by 224
        drawn.box(clip, _ordered(where, corners if corners.max() <= _NEAR else _of_pixels(corners, [SIDE, SIDE])))
    if normal:
        return
    if "x1" in row:
        corners = _numbers(where, "box", [row.get(name) for name in ("x1", "y1", "x2", "y2")], 4)
        pixels = bool(np.abs(corners).max() > _NEAR)
    elif "bbox" in row:
        x, y, width, height = _numbers(where, "bbox", row["bbox"], 4)
        corners, pixels = np.array([x, y, x + width, y + height]), True
    else:
        raise DataError(f"{where}: holds {brief(', '.join(map(str, row)))}; expected {EXPECTED}")
    if pixels:
        known = row.get("width") is not None and row.get("height") is not None
        drawn.unsized += not known
        size = _numbers(where, "size", [row["width"], row["height"]] if known else [SIDE, SIDE], 2)
        if (size <= 0).any():
            raise DataError(f"{where}: size {size.tolist()}; expected width and height above 0")
        drawn.box(clip, _ordered(where, _of_pixels(corners, size)), (round(size[0]), round(size[1])))
        return
    drawn.box(clip, _ordered(where, corners))


def _of_pixels(corners: NDArray[np.float64], size: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractions of a frame of this width and height, which are the same pixels again when they are multiplied by it."""
    return fractions_of_pixels([corners.tolist()], float(size[0]), float(size[1]))[0]


def _ordered(where: str, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    if corners[2] < corners[0] or corners[3] < corners[1]:
        raise DataError(f"{where}: box {corners.tolist()}; its far corner is before the near one")
    return corners


def _clip(where: str, row: Mapping[str, Any]) -> str:
    name = next((row[key] for key in ("file_name", "file_id", "id", "image_id") if _names(row, key)), None)
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        raise DataError(f"{where}: has no id; expected image_id, file_id or id")
    text = str(name).replace("\\", "/")
    return text[: text.rindex(".")] if text.lower().endswith(_ENDINGS) else text


def _names(row: Mapping[str, Any], key: str) -> bool:
    """COCO numbers its annotations by `id`, so that is not the clip if there is an image."""
    return key in row and not (key == "id" and "image_id" in row)


def _numbers(where: str, name: str, values: Any, amount: int) -> NDArray[np.float64]:
    good = isinstance(values, list) and len(values) == amount
    if not good or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        raise DataError(f"{where}: {name} {brief(repr(values))}; expected {amount} number{'s' * (amount > 1)}")
    found = np.array(values, np.float64)
    if not np.isfinite(found).all():
        raise DataError(f"{where}: {name} {brief(repr(values))}; expected finite numbers")
    return found


def _run_lengths(where: str, row: Mapping[str, Any]) -> tuple[int, int, list[int]]:
    """Height, width and run lengths of a row's mask."""
    segmentation = row["segmentation"]
    if isinstance(segmentation, list):
        raise DataError(
            f"{where}: segmentation holds polygons; expected run lengths, such as pycocotools' annToRLE gives"
        )
    if not isinstance(segmentation, dict) or not {"counts", "size"} <= set(segmentation):
        raise DataError(f"{where}: segmentation {brief(repr(segmentation))}; expected run lengths: counts and size")
    try:
        height, width, runs = checked_runs(segmentation["size"], segmentation["counts"])
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    if [row.get("width"), row.get("height")] == [height, width] != [width, height]:
        raise DataError(f"{where}: mask of size [{height}, {width}] in a frame {height} wide; expected [height, width]")
    return height, width, runs
