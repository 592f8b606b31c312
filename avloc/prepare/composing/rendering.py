"""Scenes as pixels: tiles pasted, cut-outs blended along their alpha, everything resized by areas where it shrinks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.prepare.composing.looking import Picture
from avloc.prepare.composing.placing import WIDEST, Box


def filled(picture: Picture, size: int) -> NDArray[np.uint8]:
    """The middle square of a background, (size, size, 3)."""
    height, width = picture.rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resized(picture.rgb[top : top + side, left : left + side], size, size)


def resized(pixels: NDArray, width: int, height: int) -> NDArray:
    """(height, width, ...) of the same type; the aspect is not kept."""
    shrinks = width < pixels.shape[1] or height < pixels.shape[0]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def paste(canvas: NDArray[np.uint8], picture: Picture, box: Box) -> tuple[Box, NDArray[np.bool_] | None]:
    """Put a picture into a box of the canvas, and return what shows of it, where its alpha is above a half: the box around
    it, and for a cut-out its pixels (height, width) in the canvas; None for a tile."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    picture = _within(picture)
    if picture.alpha is None:
        canvas[top:bottom, left:right] = resized(picture.rgb, width, height)
        return box, None
    # colours are weighted by their alpha first, or what is hidden would tint the edges
    alpha = picture.alpha.astype(np.float32)[..., None] / 255
    both = np.concatenate([picture.rgb.astype(np.float32) * alpha, alpha], axis=2)
    tile = np.clip(resized(both, width, height), 0, [255, 255, 255, 1])
    behind = canvas[top:bottom, left:right].astype(np.float32)
    canvas[top:bottom, left:right] = np.rint(np.clip(tile[..., :3] + behind * (1 - tile[..., 3:]), 0, 255))
    shown = tile[..., 3] > 0.5
    xs, ys = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
    if not len(xs):  # so thin that half of no pixel shows: the box is what there is to say
        return box, None
    mask = np.zeros(canvas.shape[:2], bool)
    mask[top:bottom, left:right] = shown
    return (left + int(xs[0]), top + int(ys[0]), left + int(xs[-1]) + 1, top + int(ys[-1]) + 1), mask


def _within(picture: Picture) -> Picture:
    """The middle of a picture that is too long, so that its size does not shrink with its form."""
    height, width = picture.rgb.shape[:2]
    across, down = min(width, round(height * WIDEST)), min(height, round(width * WIDEST))
    if (across, down) == (width, height):
        return picture
    top, left = (height - down) // 2, (width - across) // 2
    part = np.s_[top : top + down, left : left + across]
    return Picture(picture.rgb[part], None if picture.alpha is None else picture.alpha[part])
