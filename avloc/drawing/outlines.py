"""Outlines of pixel masks over a picture."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import CASING, Colour, Image

WIDTH = 2  # px


def with_outlines(image: Image, masks: Sequence[NDArray[np.bool_]], colours: Sequence[Colour]) -> Image:
    """A copy (H, W, 3) with the edges of masks (h, w), scaled to the picture: a coloured line inside, a dark one outside."""
    out = image.copy()
    height, width = image.shape[:2]
    for mask, colour in zip(masks, colours, strict=True):
        full = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        square = np.ones((2 * WIDTH + 1, 2 * WIDTH + 1), np.uint8)
        # the outside counts as mask, so that a truncated object has no edge there
        inner = cv2.erode(full, square, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        outer = cv2.dilate(full, np.ones((3, 3), np.uint8))
        out[(outer > 0) & (full == 0)] = CASING
        out[(full > 0) & (inner == 0)] = colour
    return out
