"""The loops over pixels that numba compiles, which `compiled.py` loads for many maps only.

Importing this module compiles them, or reads them from numba's cache. Loops over all pixels are written so that the compiler
can look at many of them with one instruction: no branch in the innermost loop, and sums of 32-bit integers, or of fractions
where any order gives the same sum.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

#: pixels whose counts fit into 10 bits
_RUN = 512
_TEN_BITS = 1023


def quick(signature: str, **more: Any) -> Callable[[Callable], Callable]:
    """Compile a loop for arguments of these types; nogil, because several threads look at maps."""
    options = {"nogil": True, "error_model": "numpy", **more}

    def compiled(loop: Callable) -> Callable:
        try:
            return numba.njit(signature, cache=True, **options)(loop)
        except (RuntimeError, OSError):  # no folder in which machine code can be kept
            return numba.njit(signature, **options)(loop)

    return compiled


@quick("int32(float32[::1], float32)")
def below(row, cut):  # type: ignore[no-untyped-def]
    """How many pixels (P,) are less than a cut."""
    amount = np.int32(0)
    for place in range(len(row)):
        amount = np.int32(amount + np.int32(row[place] < cut))
    return amount


@quick("UniTuple(int64, 2)(float32[::1], float32, float32, uint8[::1], float32[::1])")
def between(row, low, high, inside, room):  # type: ignore[no-untyped-def]
    """Write the pixels (P,) from low to high to the start of `room` (P + 1,), in order.

    Returns how many are less than low, and how many were written. inside: (P,) to work in; it is marked many pixels at once,
    and then eight are skipped at a time where none of them is marked.
    """
    fewer, amount = np.int32(0), 0
    for place in range(len(row)):
        fewer = np.int32(fewer + np.int32(row[place] < low))
        inside[place] = (row[place] >= low) & (row[place] <= high)
    eights = inside[: len(row) // 8 * 8].view(np.uint64)
    for number in range(len(eights)):
        if eights[number] != 0:
            for place in range(8 * number, 8 * number + 8):
                room[amount] = row[place]  # the next one takes its place unless it is marked
                amount += inside[place]
    for place in range(8 * len(eights), len(row)):
        room[amount] = row[place]
        amount += inside[place]
    return fewer, amount


@quick("float32(float32[::1], int64)")
def selected(values, place):  # type: ignore[no-untyped-def]
    """The value at a place of the sorted values (n,) without NaN, which are put into another order: Hoare's selection."""
    left, right = 0, len(values) - 1
    while left < right:
        pivot, first, last = values[(left + right) // 2], left, right
        while first <= last:
            while values[first] < pivot:
                first += 1
            while values[last] > pivot:
                last -= 1
            if first <= last:
                values[first], values[last] = values[last], values[first]
                first += 1
                last -= 1
        if place <= last:
            right = last
        elif place >= first:
            left = first
        else:
            break
    return values[place]


@quick("void(float32[:, ::1], float32[:, ::1], int64[:, ::1], int64[::1], float32[:, ::1], boolean[:, ::1])")
def values_at(rows, samples, places, sides, found, missed):  # type: ignore[no-untyped-def]
    """Write the values at places (n, k) of the sorted rows (n, P) to `found` (n, k), as `order_statistics.py` says.

    samples: (n, S) of each row, sorted. sides: how many of the sample to each side of the guess are tried, one after the
    other; where none of them is enough, `missed` (n, k) is set.
    """
    pixels, length = rows.shape[1], samples.shape[1]
    last = length - 1
    inside, room = np.empty(pixels, np.uint8), np.empty(pixels + 1, np.float32)
    for number in range(len(rows)):
        row, sample = rows[number], samples[number]
        begin, amount = 0, 0
        for column in range(places.shape[1]):
            place = places[number, column]
            if not begin <= place < begin + amount:
                guess = min(place * length // pixels, last)
                guess += (place - below(row, sample[guess])) * length // pixels
                for side in sides:
                    low, high = sample[min(max(guess - side, 0), last)], sample[max(min(guess + side, last), 0)]
                    begin, amount = between(row, low, high, inside, room)
                    if begin <= place < begin + amount:
                        break
            if begin <= place < begin + amount:
                found[number, column] = selected(room[:amount], place - begin)
            else:
                missed[number, column] = True


# callers make sure that any order gives the same sum
@quick("float64(float32[::1], float32)", fastmath={"reassoc", "nsz"})
def raised_sum(row, least):  # type: ignore[no-untyped-def]
    """The sum of pixels (P,), in double precision, with those below `least` raised to it."""
    total = 0.0
    for place in range(len(row)):
        total += np.float64(max(row[place], least))
    return total


@quick("void(float32[:, ::1], float32[:, ::1], boolean[:, :, ::1], int64[:, ::1], int64[:, :, ::1])")
def mask_counts(rows, cuts, marked, masks, hits):  # type: ignore[no-untyped-def]
    """Count the pixels of rows (n, P) that reach each of the cuts (M, n): all into masks (M, n), and those of each level of
    a truth (n, L, P) into hits (M, n, L).

    A pixel adds 1, and 2**10 and 2**20 where two levels of the truth mark it: one sum of a run counts all three.
    """
    pixels, levels = rows.shape[1], marked.shape[1]
    code = np.empty(_RUN, np.int32)
    masks[:] = 0
    hits[:] = 0
    for number in range(len(rows)):
        for begin in range(0, pixels, _RUN):
            run = min(_RUN, pixels - begin)
            row = rows[number, begin : begin + run]
            for level in range(0, levels, 2):
                first = marked[number, level, begin : begin + run]
                for place in range(run):
                    code[place] = 1 + (np.int32(first[place]) << 10)
                if level + 1 < levels:
                    second = marked[number, level + 1, begin : begin + run]
                    for place in range(run):
                        code[place] += np.int32(second[place]) << 20
                for mask in range(len(cuts)):
                    cut, found = cuts[mask, number], np.int32(0)
                    for place in range(run):
                        found = np.int32(found + (code[place] if row[place] >= cut else np.int32(0)))
                    if level == 0:
                        masks[mask, number] += found & _TEN_BITS
                    hits[mask, number, level] += (found >> 10) & _TEN_BITS
                    if level + 1 < levels:
                        hits[mask, number, level + 1] += found >> 20


@quick("void(float32[:, ::1], boolean[:, ::1], float32, float32, int32[::1], int32[:, ::1])")
def histograms(rows, marked, low, span, fine, coarse):  # type: ignore[no-untyped-def]
    """Add the pixels of rows (n, P) to fine bins of all of them (2 x 65536,) and to coarse ones of each (n, 2 x 256).

    Two loops over a row: the first runs many pixels at once, where one for all would not. Neighbours are mostly in one coarse
    bin, so four counters take turns: none has to wait for the one before it.
    """
    amount = len(fine) // 2
    bins, turns = np.empty(rows.shape[1], np.int32), np.empty((4, coarse.shape[1]), np.int32)
    for number in range(len(rows)):
        for place in range(len(bins)):
            scaled = rows[number, place] - low
            if span > 0:
                scaled = scaled / span * np.float32(amount)
            if not scaled > 0:  # so NaN cannot be a place outside of the array
                scaled = np.float32(0)
            bins[place] = np.int32(min(scaled, np.float32(amount - 1))) + amount * marked[number, place]
        turns[:] = 0
        for place in range(len(bins)):
            fine[bins[place]] += 1
            turns[place & 3, bins[place] >> 8] += 1
        coarse[number] += turns[0] + turns[1] + turns[2] + turns[3]
