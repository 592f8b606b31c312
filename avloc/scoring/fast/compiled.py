"""Loops over pixels for which numpy has nothing fast, compiled by numba, which librosa installs anyway.

They give the same numbers, bit for bit, as the numpy code beside their callers, which says what is computed. Compiling takes
a few seconds, once per machine if numba can write its cache, so they are used for many maps only.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.precision import average_precisions

#: with fewer maps, numpy finishes before the loops are loaded or compiled
ENOUGH = 1000
#: bytes of maps; for larger ones, numba's own 120 MiB would be too much memory
ROOM = 2**28


@dataclass(frozen=True)
class Loops:
    """The compiled functions of loops.py that are called from Python."""

    values_at: Callable[..., None]
    raised_sum: Callable[..., float]
    mask_counts: Callable[..., None]
    sortable: Callable[..., None]
    precisions: Callable[..., int]
    histograms: Callable[..., None]


def loops(maps: NDArray[np.float32]) -> Loops | None:
    """The compiled loops for maps (N, ...); None for few maps, for large ones, or if numba cannot be used here."""
    return _loops() if len(maps) >= ENOUGH and maps.nbytes <= ROOM else None


@cache
def _loops() -> Loops | None:
    try:  # numba takes a moment to import, and refuses versions of numpy that it does not know
        from avloc.scoring.fast import loops as written
    except ImportError:
        return None
    return Loops(**{one.name: getattr(written, one.name) for one in fields(Loops)})


def quick_average_precisions(
    many: Loops | None, truth: NDArray[np.bool_], score: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(n,) average precision of each row of scores (n, P) for its truth (n, P), as in avloc.metrics.precision."""
    if many is None:
        return average_precisions(truth, score)
    found, pixels = np.zeros(len(truth)), score.shape[1]
    keys, places, ratios = np.empty(pixels, np.int32), np.empty(pixels + 1, np.int32), np.empty(pixels)
    for number, (marked, row) in enumerate(zip(truth, score, strict=True)):
        many.sortable(row.view(np.int32), marked, keys)
        keys.sort()
        amount = many.precisions(keys, places, ratios)
        if amount:
            found[number] = ratios[:amount].mean()
    return found
