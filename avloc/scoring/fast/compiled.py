"""Loops over pixels for which numpy has nothing fast, compiled by numba, which librosa installs anyway.

They give the same numbers, bit for bit, as `average_precisions` of avloc.metrics.precision and `histograms` of
pooled_pixels, which say what is computed. Compiling takes a second or two, once per machine if numba can write its
cache, so they are used for many maps only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.precision import average_precisions

#: with fewer maps, numpy finishes before the loops are loaded or compiled
ENOUGH = 1000
#: bytes of maps; for larger ones, numba's own 120 MiB would be too much memory
ROOM = 2**28
#: values of a digit of the sort
_DIGITS, _LAST = 2048, np.uint32(2047)


@dataclass(frozen=True)
class Loops:
    """Compiled loops."""

    #: see _precisions and _histograms
    precisions: Callable[..., int]
    histograms: Callable[..., None]


def loops(maps: NDArray[np.float32]) -> Loops | None:
    """The compiled loops for maps (N, ...); None for few maps, for large ones, or if numba cannot be used here."""
    return _loops() if len(maps) >= ENOUGH and maps.nbytes <= ROOM else None


@cache
def _loops() -> Loops | None:
    try:
        import numba  # takes a moment, and refuses versions of numpy that it does not know
    except ImportError:
        return None
    return Loops(
        _compiled(numba, _precisions, "int64(int32[::1], boolean[::1], uint32[::1], uint32[::1], float64[::1])"),
        _compiled(
            numba, _histograms, "void(float32[:, ::1], boolean[:, ::1], float32, float32, int64[::1], int32[:, ::1])"
        ),
    )


def _compiled(numba: Any, loop: Callable, signature: str) -> Callable:
    """nogil: several threads look at maps."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(signature, cache=True, **options)(loop)
    except (RuntimeError, OSError):  # no folder in which machine code can be kept
        return numba.njit(signature, **options)(loop)


def quick_average_precisions(
    many: Loops | None, truth: NDArray[np.bool_], score: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(n,) average precision of each row of scores (n, P) for its truth (n, P), as in avloc.metrics.precision."""
    if many is None:
        return average_precisions(truth, score)
    found, pixels = np.zeros(len(truth)), score.shape[1]
    keys, room, ratios = np.empty(pixels, np.uint32), np.empty(pixels, np.uint32), np.empty(pixels)
    for number, (marked, row) in enumerate(zip(truth, score, strict=True)):
        amount = many.precisions(row.view(np.int32), marked, keys, room, ratios)
        if amount:
            found[number] = ratios[:amount].mean()
    return found


def _precisions(bits, marked, keys, room, ratios):  # type: ignore[no-untyped-def]
    """Write the precision at each marked pixel, by rising score, to the start of `ratios`; return how many there are.

    bits: (P,) scores as the integers of their bits. keys, room: (P,) to work in. A radix sort of score and truth as one
    integer, three times by 11 bits: on some processors numpy's sort takes five times as long.
    """
    pixels, amount = len(bits), 0
    for place in range(pixels):
        sign = bits[place] >> 31
        rising = ((bits[place] & np.int32(0x7FFFFFFF)) ^ sign) - sign
        keys[place] = (np.uint32(rising) ^ np.uint32(0x80000000)) & np.uint32(0xFFFFFFFE) | np.uint32(marked[place])
        amount += marked[place]
    for shift, source, target in ((np.uint32(0), keys, room), (np.uint32(11), room, keys), (np.uint32(22), keys, room)):
        starts, before = np.zeros(_DIGITS, np.int32), 0
        for place in range(pixels):
            starts[source[place] >> shift & _LAST] += 1
        for digit in range(_DIGITS):
            own = starts[digit]
            starts[digit] = before
            before += own
        for place in range(pixels):
            digit = source[place] >> shift & _LAST
            target[starts[digit]] = source[place]
            starts[digit] += 1
    last, hits, left = pixels - 1, 0, amount
    while last >= 0:  # from the highest score down, all pixels of one score at a time
        first, score = last, room[last] >> 1
        while first >= 0 and room[first] >> 1 == score:
            hits += room[first] & 1
            first -= 1
        while amount - left < hits:
            left -= 1
            ratios[left] = hits / (pixels - 1 - first)
        last = first
    return amount


def _histograms(rows, marked, low, span, fine, coarse):  # type: ignore[no-untyped-def]
    """Add the pixels of rows (n, P) to fine bins of all of them (2 x 65536,) and to coarse ones of each (n, 2 x 256).

    Loop after loop over a row: the first runs many pixels at once, where one for all would not.
    """
    amount = len(fine) // 2
    bins = np.empty(rows.shape[1], np.int32)
    for number in range(len(rows)):
        for place in range(len(bins)):
            scaled = rows[number, place] - low
            if span > 0:
                scaled = scaled / span * np.float32(amount)
            if not scaled > 0:  # so NaN is no place outside of the array
                scaled = np.float32(0)
            bins[place] = np.int32(min(scaled, np.float32(amount - 1))) + amount * marked[number, place]
        for place in range(len(bins)):
            fine[bins[place]] += 1
        for place in range(len(bins)):
            coarse[number, bins[place] >> 8] += 1
