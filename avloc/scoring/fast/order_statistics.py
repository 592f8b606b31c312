"""What stands at a place of the sorted pixels of maps, without sorting them."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_STEP = 31  # one pixel in so many is looked at first; odd, so that a sample is not a column of the frame
_WIDE = 12  # how many pixels of the sample to each side of a first guess are tried
_SIDE = 7  # and of a better one


def values_at(rows: Rows, places: Ints) -> Rows:
    """(n, k) values at places (n, k) of the sorted rows (n, P), exactly those that sorting gives.

    A sample says about where a value stands, and only the pixels between two values of the sample near it are sorted. Where
    the value is not among them, one count says how far off they are; where it still is not, the row is parted. Row after
    row, since a row fits the processor's cache and a block of rows does not.
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
    pixels, amount = len(row), len(sample)
    guess = min(place * amount // pixels, amount - 1)
    found = _between(row, sample, guess, _WIDE, place, below, inside)
    if found is None:
        fewer = int(np.count_nonzero(np.less(row, sample[guess], out=below)))
        guess += (place - fewer) * amount // pixels
        found = _between(row, sample, guess, _SIDE, place, below, inside)
    if found is not None:
        return found
    neighbours = [place - 1, place] if place else [0, 1]  # numpy parts at two places faster than at one
    return place, np.partition(row, neighbours)[place : place + 1]


def _between(
    row: Rows, sample: Rows, guess: int, side: int, place: int, below: Flags, inside: Flags
) -> tuple[int, Rows] | None:
    """The sorted pixels between two of the sample, one to each side of a guess; None if the one wanted is not there."""
    last = len(sample) - 1
    low, high = sample[min(max(guess - side, 0), last)], sample[max(min(guess + side, last), 0)]
    begin = int(np.count_nonzero(np.less(row, low, out=below)))
    if begin > place:
        return None
    np.greater(np.less_equal(row, high, out=inside), below, out=inside)
    near = row.compress(inside)  # quicker than row[inside]
    if place >= begin + len(near):
        return None
    near.sort()
    return begin, near
