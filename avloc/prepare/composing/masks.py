"""COCO's segmentations as pixels: polygons, or runs of a mask read column by column, plain or compressed."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SHIFT = 16  # polygons are drawn with a precision of 1/16 pixel


def polygons_or_runs(mask: Any) -> bool:
    """Whether a segmentation marks anything: a polygon with at least three corners, or runs."""
    if isinstance(mask, dict):
        return bool(mask.get("counts")) and len(mask.get("size", ())) == 2
    return isinstance(mask, list) and any(isinstance(one, list) and len(one) >= 6 for one in mask)


def drawn_mask(mask: Any, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width), 255 inside the segmentation. ValueError for runs that do not fill the picture."""
    if isinstance(mask, dict):
        return _of_runs(mask, width, height)
    canvas = np.zeros((height, width), np.uint8)
    shapes = [
        np.round(np.array(one, np.float64).reshape(-1, 2) * _SHIFT).astype(np.int32) for one in mask if len(one) >= 6
    ]
    for shape in shapes:
        cv2.fillPoly(canvas, [shape], 255, lineType=cv2.LINE_8, shift=_SHIFT.bit_length() - 1)
    return canvas


def _of_runs(mask: dict[str, Any], width: int, height: int) -> NDArray[np.uint8]:
    counts = mask["counts"]
    runs = _decompressed(counts) if isinstance(counts, str) else [int(run) for run in counts]
    if list(mask["size"]) != [height, width] or sum(runs) != width * height or min(runs, default=0) < 0:
        raise ValueError(f"runs of {sum(runs)} pixels, size {mask['size']}; expected [{height}, {width}]")
    values = np.arange(len(runs)) % 2 * 255
    return np.repeat(values, runs).astype(np.uint8).reshape(width, height).T


def _decompressed(text: str) -> list[int]:
    """Run lengths of COCO's compressed form: five bits a character from the lowest on, the sixth is set if more follow;
    from the third run on, each is the difference to the run two before it."""
    runs: list[int] = []
    place = 0
    while place < len(text):
        value, bits, more = 0, 0, True
        while more:
            if place == len(text):
                raise ValueError("a compressed mask that ends within a number")
            code = ord(text[place]) - 48
            value |= (code & 0x1F) << bits
            more = bool(code & 0x20)
            bits += 5
            place += 1
            if not more and code & 0x10:
                value -= 1 << bits
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs
