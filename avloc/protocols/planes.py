"""Truth and masks as bit planes: a pixel is one bit, and what two masks share is a count of bits.

A truth of U units (a clip, a source, a class in a frame) is (U, L, H, W/8) uint8 with a weight for each of its L
levels: level l holds the pixels marked by more than l boxes. The union has one level of weight 1, a consensus of two
votes has two levels of weight 1/2, and plain counts (released loaders that do not binarise) as many levels as there
are boxes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CORNERS = ("clip", "below", "extent", "extent-split", "one-based", "centre")


@dataclass(frozen=True)
class Planes:
    """Bit planes of U truths and the weight of each level."""

    bits: Bits  # (U, L, H, ceil(W / 8))
    weights: Floats  # (L,)

    @property
    def levels(self) -> list[Ints]:
        """Pixels of each level, (U,) each; the first is the area that anybody marked."""
        return [count(self.bits[:, level]) for level in range(len(self.weights))]

    def weigh(self, of_levels: list[Ints]) -> Floats:
        """(U,) sum of weights, from pixels of each level."""
        return np.sum([w * part for w, part in zip(self.weights, of_levels, strict=True)], axis=0)

    def shared(self, mask: Bits) -> list[Ints]:
        """Pixels that each mask (U, H, W/8) has in common with each level."""
        return [count(mask & self.bits[:, level]) for level in range(len(self.weights))]

    def best_of(self, pixels: int) -> tuple[Floats, Ints]:
        """What the best mask of so many pixels hits, and how many of its pixels nobody marked: heaviest pixels
        first."""
        inside = self.levels
        return self.weigh([np.minimum(part, pixels) for part in inside]), np.maximum(pixels - inside[0], 0)


def count(bits: Bits) -> Ints:
    """(U,) set bits of planes (U, ...)."""
    flat = np.ascontiguousarray(bits).reshape(len(bits), -1)
    if flat.shape[1] % 8 == 0:
        flat = flat.view(np.uint64)
    return np.bitwise_count(flat).sum(axis=1, dtype=np.int64)


def pack(mask: NDArray[np.bool_]) -> Bits:
    """Masks (..., H, W) bool as bit planes (..., H, ceil(W/8)); bits beyond W are 0."""
    *before, height, width = mask.shape
    if width % 8:
        return np.packbits(mask, axis=-1)
    return np.packbits(mask.reshape(*before, -1), axis=-1).reshape(*before, height, width // 8)  # longer rows: faster


def unpack(bits: Bits, width: int) -> NDArray[np.bool_]:
    """Bit planes (..., H, ceil(W/8)) as bool (..., H, W)."""
    return np.unpackbits(bits, axis=-1, count=width).view(bool)


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


def draw(corners: Ints, unit: Ints, units: int, height: int, width: int, levels: int) -> Bits:
    """Pixel slices (M, 4), each on one of the units, as bit planes (units, levels, height, ceil(width/8))."""
    planes = np.zeros((units, levels, height, (width + 7) // 8), np.uint8)
    places = np.arange(width)
    rows = np.packbits((places >= corners[:, 0, None]) & (places < corners[:, 2, None]), axis=1)
    for row, number, (x0, y0, x1, y1) in zip(rows, unit.tolist(), corners.tolist(), strict=True):
        if x1 <= x0 or y1 <= y0:
            continue
        window = planes[number, :, y0:y1]
        for level in range(levels - 1, 0, -1):
            window[level] |= window[level - 1] & row
        window[0] |= row
    return planes
