"""The value at a place of the sorted pixels of a map, such as its median, without sorting all of them."""

import numpy as np
from numpy.typing import NDArray

from avloc.scoring.fast.compiled import Loops

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
_STEP = 31  # every 31st pixel is sampled; odd, so that a sample is not a column of the frame
_SIDE = 3  # how many pixels of the sample to each side of the corrected guess are tried first
_WIDE = 12  # how many are tried if those are not enough


def values_at(rows: Rows, places: Ints, many: Loops | None = None) -> Rows:
    """(n, k) values at places (n, k) of the sorted rows (n, P), exactly those that sorting gives.

    Every 31st pixel is sampled and sorted. A place has about the same share of pixels below it in the sample, which gives a
    first guess; how many pixels of the row are less than the guess is counted, which corrects it. Then only the pixels between
    two neighbours of the guess in the sample are taken out and sorted (the compiled loops select among them instead, which
    gives the same). The number of pixels below them is counted too, so it is certain whether the one wanted is among them. If
    it is not, the row is partitioned. One row at a time, because a row fits into the processor's cache and a block of rows
    does not. many: the compiled loops.
    """
    pixels = rows.shape[1]
    if pixels < 64 * _STEP:
        return np.take_along_axis(np.sort(rows, axis=1), places, axis=1)
    samples, found = np.sort(rows[:, ::_STEP], axis=1), np.empty(places.shape, np.float32)
    if many is not None:
        missed = np.zeros(places.shape, bool)
        many.values_at(rows, samples, np.ascontiguousarray(places), np.array([_SIDE, _WIDE]), found, missed)
        for number, column in zip(*np.nonzero(missed), strict=True):
            found[number, column] = _partitioned(rows[number], places[number, column])[0]
        return found
    room = np.empty(pixels, bool)
    for number, (row, sample, wanted) in enumerate(zip(rows, samples, places.tolist(), strict=True)):
        begin, near = 0, row[:0]
        for column, place in enumerate(wanted):
            if not begin <= place < begin + len(near):
                begin, near = _near(row, sample, place, room)
            found[number, column] = near[place - begin]
    return found


def _near(row: Rows, sample: Rows, place: int, room: NDArray[np.bool_]) -> tuple[int, Rows]:
    """Some of the sorted pixels of a row with the one wanted among them, and the place of the first of them."""
    pixels, last = len(row), len(sample) - 1
    guess = min(place * len(sample) // pixels, last)
    guess += (place - _below(row, sample[guess])) * len(sample) // pixels
    for side in (_SIDE, _WIDE):
        low, high = sample[min(max(guess - side, 0), last)], sample[max(min(guess + side, last), 0)]
        under = np.less(row, low)
        begin = int(np.count_nonzero(under))
        near = row.compress(np.greater(np.less_equal(row, high, out=room), under, out=room))  # quicker than row[room]
        if begin <= place < begin + len(near):
            near.sort()
            return begin, near
    return place, _partitioned(row, place)


def _partitioned(row: Rows, place: int) -> Rows:
    """(1,) the value at a place."""
    neighbours = [place - 1, place] if place else [0, 1]  # numpy partitions at two places faster than at one
    return np.partition(row, neighbours)[place : place + 1]


def _below(row: Rows, cut: np.float32) -> int:
    """How many pixels are less than a cut."""
    return int(np.count_nonzero(np.less(row, cut)))
