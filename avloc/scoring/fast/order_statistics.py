"""What stands at a place of the sorted pixels of maps, without sorting them."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_STEP = 31  # one pixel in so many is looked at first; odd, so that a sample is not a column of the frame
_SIDE = 7  # how many pixels of the sample to each side of the guess bracket the value


def values_at(rows: Rows, places: Ints) -> Rows:
    """(n, k) values at places (n, k) of the sorted rows (n, P), exactly those that sorting gives.

    A sample says about where a value stands, one count how far off that is, and only the pixels between two values of
    the sample near it are sorted. A row whose value is not among them is parted. Row after row, since a row fits the
    processor's cache and a block of rows does not.
    """
    pixels = rows.shape[1]
    if pixels < 64 * _STEP:
        return np.take_along_axis(np.sort(rows, axis=1), places, axis=1)
    samples, found = np.sort(rows[:, ::_STEP], axis=1), np.empty(places.shape, np.float32)
    room = np.empty(pixels, bool), np.empty(pixels, bool)
    for number, (row, sample, wanted) in enumerate(zip(rows, samples, places.tolist(), strict=True)):
        begin, near = 0, row[:0]
        for column, place in enumerate(wanted):
            if not begin <= place < begin + len(near):
                begin, near = _near(row, sample, place, *room)
            found[number, column] = near[place - begin]
    return found


def _near(row: Rows, sample: Rows, place: int, below: Flags, inside: Flags) -> tuple[int, Rows]:
    """Some of the sorted pixels of a row with the one wanted among them, and the place of the first of them."""
    pixels, last = len(row), len(sample) - 1
    guess = min(place * (last + 1) // pixels, last)
    fewer = int(np.count_nonzero(np.less(row, sample[guess], out=below)))
    guess += (place - fewer) * (last + 1) // pixels
    low, high = sample[min(max(guess - _SIDE, 0), last)], sample[max(min(guess + _SIDE, last), 0)]
    begin = int(np.count_nonzero(np.less(row, low, out=below)))
    np.greater(np.less_equal(row, high, out=inside), below, out=inside)
    near = row[inside]
    if begin <= place < begin + len(near):
        near.sort()
        return begin, near
    neighbours = [place - 1, place] if place else [0, 1]  # numpy parts at two places faster than at one
    return place, np.partition(row, neighbours)[place : place + 1]


def means_above(rows: Rows, place: int, values: Rows) -> NDArray[np.float64]:
    """(n,) means in float64 of the sorted rows (n, P) from a place on, where the values (n,) at that place are known."""
    found, kept = np.empty(len(rows)), rows.shape[1] - place
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        above = row[row > value]
        found[number] = (above.sum(dtype=np.float64) + np.float64(value) * (kept - len(above))) / kept
    return found
