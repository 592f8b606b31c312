"""Loops over pixels for which numpy has nothing fast, compiled by numba, which librosa installs anyway.

They give the same numbers, bit for bit, as the numpy code beside their callers, which says what is computed. Compiling takes
a few seconds, once per machine if numba can write its cache, so they are used for many maps only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.precision import average_precisions

#: with fewer maps, numpy finishes before the loops are loaded or compiled
ENOUGH = 1000
#: bytes of maps; for larger ones, numba's own 120 MiB would be too much memory
ROOM = 2**28


@dataclass(frozen=True)
class Loops:
    """The compiled functions of loops.py and precision_loops.py that are called from Python."""

    values_at: Callable[..., None]
    raised_sum: Callable[..., float]
    mask_counts: Callable[..., None]
    histograms: Callable[..., None]
    sortable: Callable[..., None]
    sort_keys: Callable[..., bool] | None  # None where numpy takes less time
    precisions: Callable[..., int]


def loops(maps: NDArray[np.float32]) -> Loops | None:
    """The compiled loops for maps (N, ...); None for few maps, for large ones, or if numba cannot be used here."""
    return _loops() if len(maps) >= ENOUGH and maps.nbytes <= ROOM else None


@cache
def _loops() -> Loops | None:
    try:  # numba takes a moment to import, and refuses versions of numpy that it does not know
        from avloc.scoring.fast import loops as of_pixels
        from avloc.scoring.fast import precision_loops as of_precision
    except ImportError:
        return None
    return Loops(
        values_at=of_pixels.values_at,
        raised_sum=of_pixels.raised_sum,
        mask_counts=of_pixels.mask_counts,
        histograms=of_pixels.histograms,
        sortable=of_precision.sortable,
        sort_keys=of_precision.sort_keys if _sorts_quickly(of_precision.sort_keys) else None,
        precisions=of_precision.precisions,
    )


def _sorts_quickly(sort_keys: Callable[..., bool]) -> bool:
    """Whether a map's keys are sorted in less time than by numpy: its AVX-512 code is the quicker one on most processors,
    and four times slower on AMD's Zen 4. The result is the same."""
    scores = np.random.default_rng(0).random(224 * 224, np.float32)
    given, places, room = scores.view(np.int32), np.empty(len(scores), np.int32), np.empty(len(scores), np.int64)
    spent: dict[str, list[int]] = {"here": [], "numpy": []}
    for _ in range(3):
        keys, other = given.copy(), given.copy()
        begin = perf_counter_ns()
        sort_keys(keys, scores.min(), scores.max(), places, room)
        middle = perf_counter_ns()
        other.sort()
        spent["here"].append(middle - begin)
        spent["numpy"].append(perf_counter_ns() - middle)
    return min(spent["here"]) < min(spent["numpy"])


def quick_average_precisions(
    many: Loops | None, truth: NDArray[np.bool_], score: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(n,) average precision of each row of scores (n, P) for its truth (n, P), as in avloc.metrics.precision."""
    if many is None:
        return average_precisions(truth, score)
    found, pixels = np.zeros(len(truth)), score.shape[1]
    keys, places, ratios = np.empty(pixels, np.int32), np.empty(pixels + 1, np.int32), np.empty(pixels)
    room = np.empty(pixels, np.int64)
    for number, (marked, row) in enumerate(zip(truth, score, strict=True)):
        many.sortable(row.view(np.int32), marked, keys)
        if many.sort_keys is None or not many.sort_keys(keys, row.min(), row.max(), places[:-1], room):
            keys.sort()
        amount = many.precisions(keys, places, ratios)
        if amount:
            found[number] = ratios[:amount].mean()
    return found
