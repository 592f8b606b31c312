"""AVATAR's annotation of one frame: its sounding objects as boxes and polygons, and the task of each object.

ICCV 2025, arXiv 2507.04667; the layout follows third-party readers (docs/data/avatar.md lists what was not verified).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.mask_files import box_mask, polygon_mask
from avloc.errors import AvlocError, DataError
from avloc.files import read_json
from avloc.naming import as_json
from avloc.run_lengths import LARGEST

TASKS = ("Single-Sound", "Mixed-Sound", "Multi-Entity", "Off-Screen")
UNSEEN = "Off-Screen"
MOST = 1000  # objects per frame, polygons per object


@dataclass(frozen=True)
class Thing:
    """One object of a frame. xywh: its box in pixels. polygons: flat lists of x, y in pixels, possibly none."""

    task: str
    category: str
    xywh: tuple[float, float, float, float] | None
    polygons: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Shown:
    """A frame's annotation. width, height: of the annotated picture, in pixels."""

    width: int
    height: int
    things: tuple[Thing, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of its objects, in the order of TASKS."""
        return tuple(task for task in TASKS if any(thing.task == task for thing in self.things))

    def pixels(self, thing: Thing) -> NDArray[np.bool_]:
        """(height, width): the union of its polygons; without any, its box including the edges."""
        if thing.polygons:
            return polygon_mask(thing.polygons, self.width, self.height)
        assert thing.xywh is not None
        x, y, w, h = thing.xywh
        return box_mask((x, y, x + w, y + h), self.width, self.height)

    def drawn(self) -> NDArray[np.bool_]:
        """(height, width): all sounding objects in view."""
        mask = np.zeros((self.height, self.width), bool)
        for thing in self.things:
            if thing.task != UNSEEN:
                mask |= self.pixels(thing)
        return mask

    def corners(self, thing: Thing) -> tuple[float, float, float, float] | None:
        """The box in [0, 1], clipped to the frame; None if it has none."""
        if thing.xywh is None:
            return None
        x, y, w, h = thing.xywh
        left, right = (min(max(value / self.width, 0.0), 1.0) for value in (x, x + w))
        top, bottom = (min(max(value / self.height, 0.0), 1.0) for value in (y, y + h))
        return left, top, right, bottom


def read_frame(path: Path) -> Shown:
    """DataError with a short reason, without the path, for a file that is not such an annotation."""
    try:
        value = read_json(path)
    except (AvlocError, ValueError) as error:
        raise DataError(str(error).removeprefix(f"{path}").lstrip(": ")) from None
    if not isinstance(value, dict):
        raise DataError(f"a {type(value).__name__}; expected an object")
    width, height = (_side(value, name) for name in ("original_width", "original_height"))
    rows = value.get("annotations")
    if not isinstance(rows, list) or len(rows) > MOST:
        raise DataError("no list 'annotations'")
    return Shown(width, height, tuple(_thing(row, number) for number, row in enumerate(rows)))


def _side(value: dict[str, Any], name: str) -> int:
    side = value.get(name)
    if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= LARGEST:
        raise DataError(f"{name} is {as_json(side)}; expected pixels")
    return side


def _thing(row: Any, number: int) -> Thing:
    if not isinstance(row, dict) or row.get("task") not in TASKS:
        found = row.get("task") if isinstance(row, dict) else row
        raise DataError(f"annotation {number}: task {as_json(found)}; expected one of {', '.join(TASKS)}")
    category = row.get("audio_visual_category")
    if not isinstance(category, str) or not category.strip():
        raise DataError(f"annotation {number}: audio_visual_category is {as_json(category)}; expected a name")
    box = row.get("bbox")
    xywh = None if box is None or box == [] else _numbers(box, number, "bbox")
    if xywh is not None and len(xywh) != 4:
        raise DataError(f"annotation {number}: a bbox of {len(xywh)} numbers; expected x, y, width, height")
    polygons = row.get("segmentation") or []
    if not isinstance(polygons, list) or len(polygons) > MOST:
        raise DataError(f"annotation {number}: segmentation is {as_json(polygons)}; expected lists of x, y")
    flat = tuple(_numbers(polygon, number, "segmentation") for polygon in polygons)
    if any(len(polygon) % 2 or len(polygon) < 6 for polygon in flat):
        raise DataError(f"annotation {number}: a polygon that is not three or more pairs of x, y")
    if row["task"] != UNSEEN and xywh is None and not flat:
        raise DataError(f"annotation {number}: neither bbox nor segmentation")
    return Thing(row["task"], category.strip(), xywh, flat)  # type: ignore[arg-type]


def _numbers(values: Any, number: int, name: str) -> tuple[float, ...]:
    """Finite numbers of reasonable size, so that truncating them to whole pixels is safe."""
    plain = isinstance(values, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e6 for value in values
    )
    if not plain:
        raise DataError(f"annotation {number}: {name} {as_json(values)}; expected numbers of pixels")
    return tuple(float(value) for value in values)


def categories(frames: Sequence[Shown]) -> tuple[str, ...]:
    return tuple(sorted({thing.category for shown in frames for thing in shown.things}))
