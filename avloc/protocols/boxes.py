"""Where a box lies among the pixels of a frame: each release truncates its corners in a way of its own."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
CORNERS = ("clip", "below", "extent", "extent-split", "one-based", "centre")


def pixel_corners(boxes: NDArray[np.floating], rule: str, size: int, xywh: NDArray[np.floating] | None = None) -> Ints:
    """Boxes (M, 4), xyxy fractions of a frame of size x size, as pixel slices (M, 4) x0 y0 x1 y1, ends excluded.

    clip: held to [0, 1], then truncated (ez-vsl). below: only raised to 0 (hardway). one-based: truncated, minus 1 at
    both corners (the Flickr boxes of coarse-to-fine). extent: int(x*size) to int(x*size + w*size) (dsol,
    coarse-to-fine); extent-split: int(x*size) to int(x*size) + int(w*size) (noprior); these two need the corner and
    extent of the file (`xywh`) and truncate the far corner where it is not known. centre: the pixels whose centre
    lies in the box (avloc).
    """
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
