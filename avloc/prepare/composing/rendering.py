"""Draws scenes as pixels: tiles are pasted, cut-outs are blended by their alpha, and shrinking averages areas."""

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.prepare.composing.looking import Picture
from avloc.prepare.composing.placing import WIDEST, Box


def filled(picture: Picture, size: int) -> NDArray[np.uint8]:
    """The central square of a background, (size, size, 3)."""
    height, width = picture.rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resized(picture.rgb[top : top + side, left : left + side], size, size)


def resized(pixels: NDArray, width: int, height: int) -> NDArray:
    """(height, width, ...) of the same type; the aspect ratio changes."""
    shrinks = width < pixels.shape[1] or height < pixels.shape[0]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def paste(canvas: NDArray[np.uint8], picture: Picture, box: Box) -> tuple[Box, NDArray[np.bool_] | None]:
    """Put a picture into a box of the canvas, and return its visible part (alpha above a half): the box around it, and
    its pixels (height, width) in the canvas, or None for a tile.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    picture = _within(picture)
    if picture.alpha is None:
        canvas[top:bottom, left:right] = resized(picture.rgb, width, height)
        return box, None
    # weight colours by alpha first; otherwise hidden pixels would tint the edges
    alpha = picture.alpha.astype(np.float32)[..., None] / 255
    both = np.concatenate([picture.rgb.astype(np.float32) * alpha, alpha], axis=2)
    tile = np.clip(resized(both, width, height), 0, [255, 255, 255, 1])
    behind = canvas[top:bottom, left:right].astype(np.float32)
    canvas[top:bottom, left:right] = np.rint(np.clip(tile[..., :3] + behind * (1 - tile[..., 3:]), 0, 255))
    shown = tile[..., 3] > 0.5
    xs, ys = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
    if not len(xs):  # too thin for half of any pixel: use the whole box
        return box, None
    mask = np.zeros(canvas.shape[:2], bool)
    mask[top:bottom, left:right] = shown
    return (left + int(xs[0]), top + int(ys[0]), left + int(xs[-1]) + 1, top + int(ys[-1]) + 1), mask


def _within(picture: Picture) -> Picture:
    """The middle of a picture that is too long, so that its area does not depend on its shape."""
    height, width = picture.rgb.shape[:2]
    across, down = min(width, round(height * WIDEST)), min(height, round(width * WIDEST))
    if (across, down) == (width, height):
        return picture
    top, left = (height - down) // 2, (width - across) // 2
    part = np.s_[top : top + down, left : left + across]
    return Picture(picture.rgb[part], None if picture.alpha is None else picture.alpha[part])
