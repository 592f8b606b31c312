"""Masks as COCO's run lengths: pixels column by column, starting with a run of zeros, as a list of numbers or packed in text.

In text (common/maskApi.c of cocodataset/cocoapi), a number is a few characters from "0" to "o". Each holds five bits, the
lowest first, and a sixth that says whether another follows. From the fourth on, a number is the difference from the last
but one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.naming import brief

LARGEST = 1 << 14  # px, largest side of a mask
_FIRST = ord("0")
_MORE, _BITS, _SIGN = 0x20, 0x1F, 0x10


def runs_of(pixels: NDArray[np.bool_]) -> list[int]:
    """Run lengths of a mask (h, w)."""
    flat = np.asarray(pixels, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    return np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()


def pixels_of(height: int, width: int, runs: Sequence[int]) -> NDArray[np.bool_]:
    """The mask (h, w) of these run lengths."""
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def checked_runs(size: Any, counts: Any) -> tuple[int, int, list[int]]:
    """Height, width and run lengths of `size` and `counts` as a file has them; DataError if they are not a mask."""
    whole = isinstance(size, list | tuple) and len(size) == 2 and all(map(_is_whole, size))
    if not whole or not all(1 <= side <= LARGEST for side in size):
        raise DataError(f"mask of size {brief(repr(size))}; expected [height, width], from 1 to {LARGEST} pixels each")
    height, width = int(size[0]), int(size[1])
    runs = runs_of_text(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(_is_whole(run) and run >= 0 for run in runs):
        raise DataError(f"counts {brief(repr(counts))}; expected run lengths in pixels, as a list or as COCO's text")
    total = sum(map(int, runs))
    if total != height * width:
        raise DataError(f"mask of size [{height}, {width}] with counts of {total} pixels; expected {height * width}")
    return height, width, [int(run) for run in runs]


def runs_of_text(text: str) -> list[int]:
    """The run lengths in COCO's packed text; DataError for text that no packing makes."""
    if text.startswith(("b'", 'b"')):
        raise DataError(f"counts {brief(text)!r} are the repr of bytes; write them as counts.decode()")
    runs: list[int] = []
    number = shift = 0
    for letter in text:
        bits = ord(letter) - _FIRST
        if not 0 <= bits <= _MORE + _BITS or shift > 30:
            raise DataError(f"counts {brief(text)!r}: {letter!r} is no part of run lengths; expected COCO's text")
        number |= (bits & _BITS) << shift
        shift += 5
        if bits & _MORE:
            continue
        if bits & _SIGN:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    if shift:
        raise DataError(f"counts {brief(text)!r} end within a number; expected COCO's text as a whole")
    return runs


def at_side(height: int, width: int, runs: Sequence[int], side: int) -> NDArray[np.bool_]:
    """(side, side): the mask, resized like OpenCV's nearest neighbour, without making it in full."""
    # 1 / (side / length) and not length / side: OpenCV rounds twice, and a place can differ by a pixel
    places = (np.floor(np.arange(side) * (1 / (side / length))).astype(np.int64) for length in (height, width))
    rows, columns = (np.minimum(place, length - 1) for place, length in zip(places, (height, width), strict=True))
    ends = np.cumsum(np.asarray(runs, np.int64))
    return np.searchsorted(ends, columns[None, :] * height + rows[:, None], side="right") % 2 == 1


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
