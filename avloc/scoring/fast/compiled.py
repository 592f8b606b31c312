"""Loops over pixels for which numpy has nothing fast, compiled by numba, which librosa installs anyway.

They give the same numbers, bit for bit, as the numpy code beside their callers, which says what is computed. Compiling takes
a few seconds, once per machine if numba can write its cache, so they are used for many maps only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.precision import average_precisions
from avloc.scoring.fast import loops as written

#: with fewer maps, numpy finishes before the loops are loaded or compiled
ENOUGH = 1000
#: bytes of maps; for larger ones, numba's own 120 MiB would be too much memory
ROOM = 2**28
#: the types of each loop of loops.py
_SIGNATURES = {
    "below": "int32(float32[::1], float32)",
    "between": "UniTuple(int64, 2)(float32[::1], float32, float32, uint8[::1], float32[::1])",
    "raised_sum": "float64(float32[::1], float32)",
    "mask_counts": "void(float32[:, ::1], float32[:, ::1], boolean[:, :, ::1], int64[:, ::1], int64[:, :, ::1])",
    "sortable": "void(int32[::1], boolean[::1], int32[::1])",
    "precisions": "int64(int32[::1], int32[::1], float64[::1])",
    "histograms": "void(float32[:, ::1], boolean[:, ::1], float32, float32, int32[::1], int32[:, ::1])",
}
#: sums may be taken in any order: only where that gives the same sum
_IN_ANY_ORDER = ("raised_sum",)


@dataclass(frozen=True)
class Loops:
    """The compiled functions of loops.py."""

    below: Callable[..., int]
    between: Callable[..., tuple[int, int]]
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
    try:
        import numba  # takes a moment, and refuses versions of numpy that it does not know
    except ImportError:
        return None
    found = {}
    for name, signature in _SIGNATURES.items():
        order = {"fastmath": {"reassoc", "nsz"}} if name in _IN_ANY_ORDER else {}
        found[name] = _compiled(numba, getattr(written, name), signature, **order)
    return Loops(**found)


def _compiled(numba: Any, loop: Callable, signature: str, **more: Any) -> Callable:
    """nogil: several threads look at maps."""
    options = {"nogil": True, "error_model": "numpy", **more}
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
    keys, places, ratios = np.empty(pixels, np.int32), np.empty(pixels + 1, np.int32), np.empty(pixels)
    for number, (marked, row) in enumerate(zip(truth, score, strict=True)):
        many.sortable(row.view(np.int32), marked, keys)
        keys.sort()
        amount = many.precisions(keys, places, ratios)
        if amount:
            found[number] = ratios[:amount].mean()
    return found
