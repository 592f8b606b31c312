"""Ground truth and masks as bit planes: each pixel is one bit, so an image needs an eighth of the memory of a bool array.

The pixels that two masks share are counted by a bitwise AND and a count of the bits that are set.

The ground truth of U units (a clip, a source, or a class in a frame) is an array (U, L, H, W/8) of bytes with a weight for
each of its L levels. Level l holds the pixels that more than l boxes cover. The union of boxes has one level of weight 1. A
consensus of two votes has two levels of weight 1/2. Plain counts, as in released loaders that do not binarise, have as many
levels as boxes overlap.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Planes:
    """The bit planes of U ground truths, and the weight of each level."""

    bits: Bits  # (U, L, H, ceil(W / 8))
    weights: Floats  # (L,)

    @property
    def levels(self) -> list[Ints]:
        """The number of pixels of each level, (U,) each. The first level is the area that anybody marked."""
        return [count(self.bits[:, level]) for level in range(len(self.weights))]

    def weigh(self, of_levels: list[Ints]) -> Floats:
        """(U,) the sum of the weights of pixels, from the number of pixels of each level."""
        return np.sum([w * part for w, part in zip(self.weights, of_levels, strict=True)], axis=0)

    def shared(self, mask: Bits) -> list[Ints]:
        """The number of pixels that each mask (U, H, W/8) shares with each level, (U,) each."""
        return [count(mask & self.bits[:, level]) for level in range(len(self.weights))]

    def best_of(self, pixels: int) -> tuple[Floats, Ints]:
        """The best mask of a given number of pixels takes the heaviest pixels first: the weight that it hits, and how many
        of its pixels nobody marked.
        """
        inside = self.levels
        return self.weigh([np.minimum(part, pixels) for part in inside]), np.maximum(pixels - inside[0], 0)


def count(bits: Bits) -> Ints:
    """(U,) the number of set bits of planes (U, ...)."""
    flat = np.ascontiguousarray(bits).reshape(len(bits), -1)
    if flat.shape[1] % 8 == 0:
        flat = flat.view(np.uint64)
    return np.bitwise_count(flat).sum(axis=1, dtype=np.int64)


def shared_by(planes: Planes, masks: Bits) -> Ints:
    """(M, U, L) the number of pixels that each of M masks (M, U, H, W/8) shares with each level."""
    found = np.empty((*masks.shape[:2], planes.bits.shape[1]), np.int64)
    for level in range(found.shape[2]):
        both = masks & planes.bits[:, level]
        found[:, :, level] = count(both.reshape(-1, *both.shape[2:])).reshape(found.shape[:2])
    return found


def pack(mask: NDArray[np.bool_]) -> Bits:
    """Masks (..., H, W) bool as bit planes (..., H, ceil(W/8)); bits beyond W are 0."""
    *before, height, width = mask.shape
    if width % 8:
        return np.packbits(mask, axis=-1)
    return np.packbits(mask.reshape(*before, -1), axis=-1).reshape(*before, height, width // 8)  # longer rows: faster


def unpack(bits: Bits, width: int) -> NDArray[np.bool_]:
    """Bit planes (..., H, ceil(W/8)) as bool (..., H, W)."""
    if width % 8:
        return np.unpackbits(bits, axis=-1, count=width).view(bool)
    return np.unpackbits(bits.reshape(-1)).view(bool).reshape(*bits.shape[:-1], width)  # longer rows: faster


def draw(corners: Ints, unit: Ints, units: int, height: int, width: int, levels: int) -> Bits:
    """Draw boxes as bit planes (units, levels, height, ceil(width/8)).

    corners: (M, 4) pixel slices x0 y0 x1 y1, ends excluded.
    unit: (M,) the unit of each box. A box moves the pixels it covers up by one level, from the highest level down.
    """
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
