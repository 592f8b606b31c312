"""The value at a place of the sorted pixels of a map, such as its median, without sorting all of them."""

import numpy as np
from numpy.typing import NDArray

from avloc.scoring.fast.compiled import Loops

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
_STEP = 31  # every 31st pixel is sampled; odd, so that a sample is not a column of the frame
_SIDE = 3  # how many pixels of the sample to each side of the corrected guess are tried first
_WIDE = 12  # and then


def values_at(rows: Rows, places: Ints, many: Loops | None = None) -> Rows:
    """(n, k) values at places (n, k) of the sorted rows (n, P), exactly those that sorting gives.

    Every 31st pixel is sampled and sorted. A place has about the same share of pixels below it in the sample, which gives a
    first guess; how many pixels of the row are less than the guess is counted, which corrects it. Then only the pixels between
    two neighbours of the guess in the sample are taken out and sorted. The number of pixels below them is counted too, so
    it is certain whether the one wanted is among them. If it is not, the row is partitioned. One row at a time, because a
    row fits into the processor's cache and a block of rows does not. many: the compiled loops, which give the same.
    """
    pixels = rows.shape[1]
    if pixels < 64 * _STEP:
        return np.take_along_axis(np.sort(rows, axis=1), places, axis=1)
    samples, found = np.sort(rows[:, ::_STEP], axis=1), np.empty(places.shape, np.float32)
    room = np.empty(pixels, np.uint8), np.empty(pixels + 1, np.float32)
    for number, (row, sample, wanted) in enumerate(zip(rows, samples, places.tolist(), strict=True)):
        begin, near = 0, row[:0]
        for column, place in enumerate(wanted):
            if not begin <= place < begin + len(near):
                begin, near = _near(row, sample, place, *room, many)
            found[number, column] = near[place - begin]
    return found


def _near(
    row: Rows, sample: Rows, place: int, inside: NDArray[np.uint8], room: Rows, many: Loops | None
) -> tuple[int, Rows]:
    """Some of the sorted pixels of a row with the one wanted among them, and the place of the first of them."""
    pixels, last = len(row), len(sample) - 1
    guess = min(place * len(sample) // pixels, last)
    fewer = (_below if many is None else many.below)(row, sample[guess])
    guess += (place - fewer) * len(sample) // pixels
    for side in (_SIDE, _WIDE):
        low, high = sample[min(max(guess - side, 0), last)], sample[max(min(guess + side, last), 0)]
        begin, amount = (_between if many is None else many.between)(row, low, high, inside, room)
        if begin <= place < begin + amount:
            near = room[:amount].copy()
            near.sort()
            return begin, near
    neighbours = [place - 1, place] if place else [0, 1]  # numpy partitions at two places faster than at one
    return place, np.partition(row, neighbours)[place : place + 1]


def _below(row: Rows, cut: np.float32) -> int:
    """How many pixels are less than a cut."""
    return int(np.count_nonzero(np.less(row, cut)))


def _between(row: Rows, low: np.float32, high: np.float32, inside: NDArray[np.uint8], room: Rows) -> tuple[int, int]:
    """Write the pixels from low to high to the start of `room`; how many are less than low, and how many were written."""
    under, marked = np.less(row, low), inside.view(bool)
    np.greater(np.less_equal(row, high, out=marked), under, out=marked)
    near = row.compress(marked)  # quicker than row[marked]
    room[: len(near)] = near
    return int(np.count_nonzero(under)), len(near)
