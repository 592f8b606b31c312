"""Where objects are placed in a scene: sizes and candidate places are drawn first, before the objects are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

WIDEST = 2.4  # largest ratio of a tile's sides; a longer picture is cropped
FULLEST = 0.55  # of the frame, that all objects of a scene may cover together
TRIES = 60  # candidate places of each object
SHRINK = 0.85  # shrinks all areas, if the objects cannot be placed side by side

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


@dataclass(frozen=True, eq=False)
class Layout:
    """Drawn for n objects before they are known. areas: (n,) shares of the frame. places: (n, TRIES, 2) in [0, 1]."""

    areas: NDArray[np.float64]
    places: NDArray[np.float64]


def draw_layout(count: int, area: tuple[float, float], random: Generator) -> Layout:
    """Log-uniform areas; all are reduced equally if together they would cover too much of the frame."""
    areas = np.exp(random.uniform(np.log(area[0]), np.log(area[1]), count))
    areas *= min(1.0, FULLEST / areas.sum())
    return Layout(areas, random.random((count, TRIES, 2)))


def kept_aspect(aspect: float) -> float:
    """The aspect ratio of the tile made from a picture."""
    return min(max(aspect, 1 / WIDEST), WIDEST)


def placed(layout: Layout, aspects: Sequence[float], size: int) -> list[Box]:
    """A box for each object, without overlap; each takes the first of its candidate places that is free."""
    areas = layout.areas
    while True:
        boxes: list[Box] = []
        for area, aspect, places in zip(areas, map(kept_aspect, aspects), layout.places, strict=True):
            width, height = _sides(area, aspect, size)
            spots = (_at(across, down, width, height, size) for across, down in places)
            first = next((spot for spot in spots if not any(_overlap(spot, other) for other in boxes)), None)
            if first is None:
                break
            boxes.append(first)
        if len(boxes) == len(areas):
            return boxes
        areas = areas * SHRINK


def _sides(area: float, aspect: float, size: int) -> tuple[int, int]:
    width = max(8, round(float(np.sqrt(area * aspect)) * size))
    height = max(8, round(float(np.sqrt(area / aspect)) * size))
    return min(width, size), min(height, size)


def _at(across: float, down: float, width: int, height: int, size: int) -> Box:
    left, top = int(across * (size - width + 1)), int(down * (size - height + 1))
    return left, top, left + width, top + height


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
