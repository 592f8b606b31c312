"""Which pixels of a frame a box covers: each release truncates its corners differently."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Frame = tuple[int, int] | Ints
CORNERS = ("clip", "below", "extent", "extent-split", "one-based", "centre", "rounded")


def pixel_corners(
    boxes: NDArray[np.floating],
    rule: str,
    size: int,
    xywh: NDArray[np.floating] | None = None,
    frame: Frame | None = None,
) -> Ints:
    """Boxes (M, 4), xyxy fractions of a frame of size x size, as pixel slices (M, 4) x0 y0 x1 y1, ends excluded.

    clip: clipped to [0, 1], then truncated (ez-vsl). below: only raised to 0 (hardway). one-based: truncated, minus 1
    at both corners (the Flickr boxes of coarse-to-fine). extent: int(x*size) to int(x*size + w*size) (dsol,
    coarse-to-fine); extent-split: int(x*size) to int(x*size) + int(w*size) (noprior); these two need the corner and
    extent of the file (`xywh`) and truncate the far corner if that is unknown. centre: the pixels whose centre is in
    the box (avloc). rounded: rounded in pixels of the frame (`frame`, width and height, of all boxes or (M, 2) of each;
    None: that size), then at this size, both corners included (gar).
    """
    if rule == "rounded":
        return rounded_corners(boxes, (size, size) if frame is None else frame, size)
    if rule.startswith("extent") and xywh is not None:
        scaled = np.asarray(xywh, np.float64) * size
        near, extent = scaled[:, :2], scaled[:, 2:]
        ends = near + extent if rule == "extent" else np.trunc(near) + np.trunc(extent)
        corners = np.concatenate([near, ends], axis=1)
    elif rule == "one-based":
        corners = np.trunc(boxes * size) - 1
    elif rule == "below":
        corners = size * np.maximum(boxes, 0)
    elif rule == "centre":
        corners = np.ceil(np.clip(boxes, 0, 1) * size - 0.5)
    elif rule in CORNERS:
        corners = size * np.clip(boxes, 0, 1)
    else:
        raise ValueError(f"corners {rule!r}; expected one of {', '.join(CORNERS)}")
    return np.clip(np.trunc(corners), 0, size).astype(np.int64)


def rounded_corners(boxes: NDArray[np.floating], frame: Frame, size: int) -> Ints:
    """Boxes (M, 4), xyxy fractions, as pixel slices (M, 4) x0 y0 x1 y1, ends excluded, as VisualAIKHU/GAR-SSL fills them.

    frame: width and height of the picture in pixels, or (M, 2) of each box's picture. Halves are rounded to even, and
    each box keeps at least one pixel beyond its first corner if there is one.
    """
    ends = np.tile(np.asarray(frame, np.float64), 2)  # (4,) or (M, 4)
    corners = _ordered(np.rint(np.nan_to_num(np.asarray(boxes, np.float64)) * ends), ends)
    at_size = _ordered(np.rint(corners * (size / ends)), np.full(4, float(size)))
    at_size[:, 2:] += 1
    return at_size.astype(np.int64)


def _ordered(corners: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole pixels in the frame, with the near corner first and the far one at least a pixel away."""
    held = np.trunc(np.clip(corners, 0, ends - 1))
    near, far = np.minimum(held[:, :2], held[:, 2:]), np.maximum(held[:, :2], held[:, 2:])
    far = np.where(near == far, np.minimum(near + 1, ends[..., 2:] - 1), far)
    return np.concatenate([near, far], axis=1)
