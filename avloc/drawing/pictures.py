"""Small pictures: a frame, its ground truth, a heat map over it, the maps of several classes in one."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import CASING, OTHER, SILENT, SOUNDING, Colour, Image, heat_colours

SIZE = 256  # px, side of a picture
Map = NDArray[np.floating]
_DASHES: dict[Colour, int] = {SOUNDING: 0, SILENT: 8, OTHER: 4}  # px of a dash; 0 is a solid line


def scaled(frame: Image, size: int = SIZE) -> Image:
    """A frame (H, W, 3) at the size of a picture; the aspect ratio is not kept, as methods see it."""
    shrink = max(frame.shape[:2]) > size
    way = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    return cv2.resize(frame, (size, size), interpolation=way).astype(np.uint8, copy=False)


def value_range(maps: Map) -> tuple[float, float]:
    """The smallest and the largest finite value; (0, 0) if there is none."""
    finite = maps[np.isfinite(maps)]
    return (float(finite.min()) + 0.0, float(finite.max()) + 0.0) if finite.size else (0.0, 0.0)  # no -0


def unit_map(heat: Map, limits: tuple[float, float], size: int = SIZE) -> Map:
    """A map (h, w), bilinear at `size`, with `limits` at 0 and 1; values that are not finite, or without range, are 0."""
    low, high = limits
    values = np.where(np.isfinite(heat), heat, low).astype(np.float32)
    big = cv2.resize(values, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.clip((big - low) / (high - low), 0, 1) if high > low else np.zeros_like(big)


def heat_picture(frame: Image, heat: Map, limits: tuple[float, float], size: int = SIZE) -> Image:
    """A map (h, w) over its frame: dark where it is low, bright yellow where it is high."""
    values = unit_map(heat, limits, size)
    under = grey(scaled(frame, size))
    strength = (0.5 + 0.25 * values)[..., None]
    return np.rint(under * (1 - strength) + heat_colours(values) * strength).astype(np.uint8)


def class_picture(frame: Image, heats: Map, colours: Sequence[Colour], size: int = SIZE) -> Image:
    """Maps (C, h, w) of all classes in one: each position in the hue of its loudest class, with a strength by its value.

    Strength goes from the smallest to the largest value of all maps together.
    """
    limits = value_range(heats)
    values = np.stack([unit_map(heat, limits, size) for heat in heats])
    strength = values.max(0)[..., None]
    hues = np.asarray(colours, np.float32)[values.argmax(0)]
    under = grey(scaled(frame, size)) * 0.75
    return np.rint(under * (1 - 0.85 * strength) + hues * 0.85 * strength).astype(np.uint8)


def grey(image: Image) -> Image:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def with_boxes(
    image: Image,
    boxes: NDArray[np.floating],
    colours: Sequence[Colour],
    names: Sequence[str] | None = None,
    width: int = 3,
) -> Image:
    """A copy with boxes (n, 4), xyxy in [0, 1], each a line of `width` px inside its edge.

    Green lines are solid, red ones dashed, grey ones dotted; green is drawn after them, and names last.
    """
    out = image.copy()
    order = sorted(range(len(boxes)), key=lambda n: -_DASHES.get(colours[n], 0) + 100 * (colours[n] == SOUNDING))
    for number in order:
        _line(out, boxes[number], colours[number], width)
    if names is not None:
        for number in order:
            _name(out, boxes[number], names[number])
    return out


def truth_colours(labels: NDArray[np.integer], sounding: NDArray[np.bool_]) -> list[Colour]:
    """The colour of each object's box: without class, sounding, silent."""
    return [
        OTHER if label < 0 else SOUNDING if sounds else SILENT for label, sounds in zip(labels, sounding, strict=True)
    ]


def _corners(image: Image, box: NDArray[np.floating]) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    left, top, right, bottom = np.rint(np.asarray(box, np.float64) * [width, height, width, height]).astype(int)
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return left, top, min(max(right, left + 1), width), min(max(bottom, top + 1), height)


def _line(image: Image, box: NDArray[np.floating], colour: Colour, width: int) -> None:
    left, top, right, bottom = _corners(image, box)
    if colour == OTHER:  # thinner: less important
        width = 2
    image[_ring(image.shape[:2], (left - 1, top - 1, right + 1, bottom + 1), width + 2)] = CASING
    ring = _ring(image.shape[:2], (left, top, right, bottom), width)
    dash = _DASHES.get(colour, 0)
    if dash:
        rows, columns = np.nonzero(ring)
        drawn = (rows + columns) // dash % 2 == 0
        image[rows[drawn], columns[drawn]] = colour
    else:
        image[ring] = colour


def _ring(shape: tuple[int, ...], corners: tuple[int, int, int, int], width: int) -> NDArray[np.bool_]:
    left, top, right, bottom = corners
    ring = np.zeros(shape, bool)
    ring[max(top, 0) : bottom, max(left, 0) : right] = True
    inner_bottom, inner_right = bottom - width, right - width
    if inner_bottom > top + width and inner_right > left + width:
        ring[max(top + width, 0) : inner_bottom, max(left + width, 0) : inner_right] = False
    return ring


def _name(image: Image, box: NDArray[np.floating], name: str) -> None:
    """A label in the upper left corner of the box, shifted to stay in the picture."""
    if not name:
        return
    left, top, _, _ = _corners(image, box)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    (width, height), below = cv2.getTextSize(name, font, scale, 1)
    left = max(0, min(left + 3, image.shape[1] - width - 6))
    top = max(0, min(top + 3, image.shape[0] - height - below - 4))
    image[top : top + height + below + 4, left : left + width + 6] = CASING
    cv2.putText(image, name, (left + 3, top + height + 2), font, scale, (255, 255, 255), 1, cv2.LINE_AA)
