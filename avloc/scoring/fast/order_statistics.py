"""What stands at a place of the sorted pixels of maps, without sorting them."""

import numpy as np
from numpy.typing import NDArray

from avloc.scoring.fast.bit_planes import count, pack

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
_STEP = 31  # one pixel in so many is looked at first; odd, so that a sample is not a column of the frame
_SIDE = 10  # how many pixels of the sample to each side of the guess bracket the value


def values_at(rows: Rows, places: Ints) -> Rows:
    """(n, k) values at places (n, k) of the sorted rows (n, P), exactly those that sorting gives.

    A sample says about where a value stands, one count how far off that is, and only the pixels between two values of
    the sample near it are sorted. A row whose value is not among them is parted.
    """
    if rows.shape[1] < 64 * _STEP:
        return np.take_along_axis(np.sort(rows, axis=1), places, axis=1)
    sample, found = np.sort(rows[:, ::_STEP], axis=1), np.empty(places.shape, np.float32)
    parts: list[tuple[int, Rows]] = []
    for column, wanted in enumerate(places.T):
        if not all(begin <= place < begin + len(own) for place, (begin, own) in zip(wanted, parts, strict=False)):
            parts = []
        parts = parts or _near(rows, sample, wanted)
        found[:, column] = [own[place - begin] for place, (begin, own) in zip(wanted.tolist(), parts, strict=True)]
    return found


def _near(rows: Rows, sample: Rows, places: Ints) -> list[tuple[int, Rows]]:
    """For each row some of its sorted pixels with the one wanted among them, and the place of the first of them."""
    which, pixels, last = np.arange(len(rows)), rows.shape[1], sample.shape[1] - 1
    flags, inside = np.empty(rows.shape, bool), np.empty(rows.shape, bool)
    guess = np.minimum(places * (last + 1) // pixels, last)
    below = _counted(np.less(rows, sample[which, guess, None], out=flags))
    guess += (places - below) * (last + 1) // pixels
    low, high = (sample[which, np.clip(guess + side, 0, last), None] for side in (-_SIDE, _SIDE))
    begins = _counted(np.less(rows, low, out=flags))
    np.logical_not(flags, out=inside)
    inside &= np.less_equal(rows, high, out=flags)
    between, ends = rows[inside], np.cumsum(_counted(inside))
    found = []
    for row, place, begin, own in zip(
        rows, places.tolist(), begins.tolist(), np.split(between, ends[:-1]), strict=True
    ):
        if begin <= place < begin + len(own):
            own.sort()
            found.append((begin, own))
        else:
            neighbours = [place - 1, place] if place else [0, 1]  # numpy parts at two places faster than at one
            found.append((place, np.partition(row, neighbours)[place : place + 1]))
    return found


def _counted(flags: NDArray[np.bool_]) -> Ints:
    return count(pack(flags[:, None]))


def means_above(rows: Rows, place: int, values: Rows) -> NDArray[np.float64]:
    """(n,) means in float64 of the sorted rows (n, P) from a place on, where the values (n,) at that place are known."""
    found, kept = np.empty(len(rows)), rows.shape[1] - place
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        above = row[row > value]
        found[number] = (above.sum(dtype=np.float64) + np.float64(value) * (kept - len(above))) / kept
    return found
