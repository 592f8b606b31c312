"""How many pixels of a map reach each of several thresholds, in all and inside the ground truth."""

import numpy as np
from numpy.typing import NDArray

from avloc.scoring.fast.bit_planes import Planes, count, pack, shared_by, unpack
from avloc.scoring.fast.compiled import Loops

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
_MASKS = 8  # masks of a row that are made together


def count_masks(
    height: int, width: int, rows: Rows, cuts: Rows, planes: Planes, many: Loops | None
) -> tuple[Ints, Ints]:
    """(M, n) the number of pixels of rows (n, height * width) that are at least each of the cuts (M, n), and (M, n, L) the
    number of them in each level of the rows' ground truths.

    many: the compiled loops, which compare and count without making a mask; None makes masks of one bit for each pixel.
    """
    if many is None:
        return _by_bits(height, width, rows, cuts, planes)
    marked = unpack(planes.bits, width).reshape(*planes.bits.shape[:2], -1)
    masks, hits = np.empty(cuts.shape, np.int64), np.empty((*cuts.shape, marked.shape[1]), np.int64)
    many.mask_counts(rows, np.ascontiguousarray(cuts), marked, masks, hits)
    return masks, hits


def _by_bits(height: int, width: int, rows: Rows, cuts: Rows, planes: Planes) -> tuple[Ints, Ints]:
    """One row at a time, because a row fits into the processor's cache and a block of rows does not."""
    found = np.empty((*cuts.shape, height, (width + 7) // 8), np.uint8)
    heard = np.empty((_MASKS, rows.shape[1]), bool)
    for begin in range(0, len(cuts), _MASKS):
        some = cuts[begin : begin + _MASKS]
        room = heard[: len(some)]
        for number, row in enumerate(rows):
            np.greater_equal(row, some[:, number, None], out=room)
            found[begin : begin + _MASKS, number] = pack(room.reshape(-1, height, width))
    masks = count(found.reshape(-1, *found.shape[2:])).reshape(cuts.shape)
    return masks, shared_by(planes, found)
