"""Reads masks that a data set stores as picture files or polygons into arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.files import regular
from avloc.run_lengths import LARGEST

#: the classes of AVSS besides the background: numbers 1 to 70 in a mask
AVSS_CLASSES = 70


def read_mask(path: Path, least: int = 1) -> NDArray[np.bool_]:
    """(h, w): every pixel with a value of `least` or more in any channel.

    By default every pixel that is not black, as in AVSBench for S4 and MS3.
    """
    marked: NDArray[np.bool_] = np.any(_colours(_read(path)) >= least, axis=2)
    return marked


def read_classes(path: Path) -> NDArray[np.int64]:
    """(h, w), the class number of each pixel in a mask of AVSS; 0 is the background.

    A grey picture contains the numbers. A coloured one uses the palette of PASCAL VOC; as in the released loader, a colour
    that the palette does not have is background.
    """
    picture = _colours(_read(path))
    if picture.shape[2] == 1:
        return picture[:, :, 0].astype(np.int64)
    flat = (picture.astype(np.int64) * [65536, 256, 1]).sum(axis=2)
    palette = (voc_palette(AVSS_CLASSES + 1).astype(np.int64) * [65536, 256, 1]).sum(axis=1)
    order = np.argsort(palette)
    place = np.minimum(np.searchsorted(palette[order], flat), len(order) - 1)
    return np.where(palette[order][place] == flat, order[place], 0)


def voc_palette(classes: int) -> NDArray[np.uint8]:
    """(classes, 3) RGB: bits 0, 1, 2 of a class number set the highest bits of red, green and blue, the next three the
    bits below them, and so on."""
    numbers = np.arange(classes)
    colours = np.zeros((classes, 3), np.int64)
    for place in range(8):
        for channel in range(3):
            colours[:, channel] |= (numbers >> (3 * place + channel) & 1) << (7 - place)
    return colours.astype(np.uint8)


def polygon_mask(polygons: Sequence[Sequence[float]], width: int, height: int) -> NDArray[np.bool_]:
    """(height, width): flat lists of x, y in pixels, truncated to integers and filled together with their edge, like
    AVATAR's masks.
    """
    mask = np.zeros((height, width), np.uint8)
    for flat in polygons:
        corners = np.trunc(np.asarray(flat, np.float64).reshape(-1, 2)).astype(np.int32)
        cv2.fillPoly(mask, [corners.reshape(-1, 1, 2)], 1)
    return mask > 0


def box_mask(corners: Sequence[float], width: int, height: int) -> NDArray[np.bool_]:
    """(height, width): a box left, top, right, bottom in pixels, filled, including its edges."""
    left, top, right, bottom = np.trunc(np.asarray(corners, np.float64)).astype(int)
    mask = np.zeros((height, width), bool)
    mask[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = True
    return mask


def box_of(mask: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """The smallest box around a mask, left, top, right, bottom in [0, 1]; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    height, width = mask.shape
    return (
        float(columns[0] / width), float(rows[0] / height), float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )  # fmt: skip


def squared(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """A mask at the size of a store's frames: the pixel nearest to each centre, as Pillow resizes masks."""
    if mask.shape == (size, size):
        return mask
    return cv2.resize(mask.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST_EXACT) > 0


def _read(path: Path) -> NDArray[Any]:
    """(h, w) or (h, w, channels) as stored; DataError if it is not a picture."""
    try:
        content = np.fromfile(regular(path), np.uint8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        picture = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if len(content) else None
    except cv2.error:  # larger than OpenCV reads
        picture = None
    if picture is None or max(picture.shape[:2]) > LARGEST:
        raise DataError(f"{path}: not a readable mask; expected a picture, such as PNG")
    return picture


def _colours(picture: NDArray[Any]) -> NDArray[Any]:
    """(h, w, 1) or (h, w, 3) RGB; alpha is ignored, since masks do not use it."""
    if picture.ndim == 2:
        return picture[:, :, None]
    channels = picture.shape[2]
    return picture[:, :, 2::-1] if channels >= 3 else picture[:, :, :1]
