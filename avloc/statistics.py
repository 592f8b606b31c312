"""How sure a number is: bootstrap intervals over clips and over videos, and paired comparisons of two methods.

Everything is seeded: the same values, resamples and seed give the same interval. Most statistics here are ratios of
sums, sum(numerator) / sum(denominator) over the clips, which covers every rate, mean and AUC of this package; a
resample then is one matrix product with the number of times each clip was drawn.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.given_arrays import whole_number

RESAMPLES = 2000
_BLOCK = 250  # resamples at a time
_DRAWN = 2**22  # clips drawn at a time, in all of these resamples: bounds memory at 56 MiB for any number of clips
_KEPT = 60_000_000  # numbers of cached draws: 60 MB
Floats = NDArray[np.float64]


def picks(groups: int, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[NDArray[np.int32]]:
    """Which of `groups` items each resample draws with replacement, in blocks of (at most 250, groups); the size of the
    blocks changes no draw."""
    resamples = whole_number("resamples", resamples, 0)
    rng = np.random.default_rng(whole_number("seed", seed, 0))
    block = min(_BLOCK, max(1, _DRAWN // max(groups, 1)))
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    return (rng.integers(0, groups, size=(size, groups), dtype=np.int32) for size in sizes)


def draws(groups: int, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[Floats]:
    """How often each of `groups` items is drawn in each resample, in blocks of (at most 250, groups).

    Draws for sets of the usual size are cached, since every protocol needs the same.
    """
    kept = groups * resamples <= _KEPT
    blocks = _kept_draws(groups, resamples, seed) if kept else map(_counts, picks(groups, resamples, seed))
    return (block.astype(np.float64) for block in blocks)


@lru_cache(maxsize=3)
def _kept_draws(groups: int, resamples: int, seed: int) -> list[NDArray[np.unsignedinteger]]:
    return [_counts(block) for block in picks(groups, resamples, seed)]


def _counts(block: NDArray[np.int32]) -> NDArray[np.unsignedinteger]:
    """How often each item is drawn, (b, groups), in the smallest integer type that can hold the counts."""
    groups = block.shape[1]
    found = np.empty(block.shape, np.uint16 if groups < 2**16 else np.uint32)
    for own, drawn in zip(found, block, strict=True):
        own[:] = np.bincount(drawn, minlength=groups)
    return found.astype(np.min_scalar_type(found.max(initial=0)))


def group_numbers(names: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Number the videos in order of first appearance: which video each clip has (N,), and how many there are."""
    order: dict[str, int] = {}
    numbers = np.array([order.setdefault(name, len(order)) for name in names], np.int64)
    return numbers, len(order)


def bootstrap_ratios(
    numerators: ArrayLike,
    denominators: ArrayLike,
    videos: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Floats:
    """Percentile intervals of sum(numerator) / sum(denominator): (N, m) or (N,) in, (m, 2) out.

    Draws clips, or whole videos (a cluster bootstrap) if `videos` names the video of each clip. A resample whose
    denominator is 0 is left out; NaN if none is left.
    """
    return bootstrap_several([(numerators, denominators)], videos, resamples, seed, level)[0]


def bootstrap_several(
    several: Sequence[tuple[ArrayLike, ArrayLike]],
    videos: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> list[Floats]:
    """What `bootstrap_ratios` gives for each pair of numerators and denominators of the same clips, which are drawn once."""
    return [_percentiles(ratios, level) for ratios in _resampled(several, videos, resamples, seed)]


def ratios_of_resamples(
    numerators: ArrayLike, denominators: ArrayLike, videos: Sequence[str] | None, resamples: int, seed: int
) -> Floats:
    """sum(numerator) / sum(denominator) of every resample: (resamples, m)."""
    return _resampled([(numerators, denominators)], videos, resamples, seed)[0]


def _resampled(
    several: Sequence[tuple[ArrayLike, ArrayLike]], videos: Sequence[str] | None, resamples: int, seed: int
) -> list[Floats]:
    """A product for each pair: one for all of them would round otherwise than each alone."""
    stacked = [np.concatenate([_columns(tops), _columns(bottoms)], axis=1) for tops, bottoms in several]
    if videos is not None:
        numbers, count = group_numbers(videos)
        stacked = [_sum_by(columns, numbers, count) for columns in stacked]
    if not len(stacked[0]) or not resamples:
        return [np.full((resamples, columns.shape[1] // 2), np.nan) for columns in stacked]
    sums: list[list[Floats]] = [[] for _ in stacked]
    for block in draws(len(stacked[0]), resamples, seed):
        for into, columns in zip(sums, stacked, strict=True):
            into.append(block @ columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        return [np.divide(*np.split(np.concatenate(own), 2, axis=1)) for own in sums]


def bootstrap_statistic(
    statistic: Callable[[Floats], Floats],
    clips: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
    videos: Sequence[str] | None = None,
) -> Floats:
    """Percentile interval(s) of any statistic of drawn clips, a function of how often each is drawn, (b, N), that
    returns (b,) or (b, m) values. Draws whole videos if `videos` names the video of each clip.
    """
    numbers, groups = (None, clips) if videos is None else group_numbers(videos)
    if not resamples:
        once = np.asarray(statistic(np.ones((1, clips))), np.float64)
        return np.full((_columns(once).shape[1], 2), np.nan)
    blocks = draws(groups, resamples, seed)
    drawn = blocks if numbers is None else (block[:, numbers] for block in blocks)
    values = [np.asarray(statistic(block), np.float64) for block in drawn]
    return _percentiles(_columns(np.concatenate(values)), 0.95)


def bootstrap_mean(
    values: ArrayLike, videos: Sequence[str] | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the mean of values (N,), over clips or over videos; clips without a value (NaN) are left out."""
    column = np.asarray(values, np.float64)
    known = ~np.isnan(column)
    low, high = bootstrap_ratios(np.where(known, column, 0.0), known, videos, resamples, seed)[0]
    return float(low), float(high)


def paired_difference(
    a: ArrayLike, b: ArrayLike, videos: Sequence[str] | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Mean of a - b over the same clips and its 95 % interval, drawing whole videos if they are given.

    a, b: (N,), the values of two methods clip by clip; pairs with a NaN are left out.
    """
    difference = _differences(a, b)
    return float(np.nanmean(difference)), bootstrap_mean(difference, videos, resamples, seed)


def paired_p_value(
    a: ArrayLike, b: ArrayLike, videos: Sequence[str] | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> float:
    """Two-sided p value of mean(a - b) = 0 by randomly exchanging the two methods, clip by clip or video by video.

    A sign-flip permutation test; the smallest value it can give is 1 / (resamples + 1), and NaN without resamples.
    """
    if not resamples:
        return float("nan")
    difference = np.nan_to_num(_differences(a, b))
    if videos is not None:
        difference = _sum_by(difference[:, None], *group_numbers(videos))[:, 0]
    signs = np.random.default_rng(seed).integers(0, 2, size=(resamples, len(difference)), dtype=np.int8) * 2 - 1
    sums = [np.abs(signs[start : start + _BLOCK] @ difference) for start in range(0, resamples, _BLOCK)]
    reached = (np.concatenate(sums) >= abs(difference.sum()) - 1e-12).sum()
    return float((1 + reached) / (resamples + 1))


def _differences(a: ArrayLike, b: ArrayLike) -> Floats:
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    if difference.ndim != 1 or np.isnan(difference).all():
        raise ValueError(f"a paired comparison needs values of shared clips, one each; got shape {difference.shape}")
    return difference


def _columns(values: ArrayLike) -> Floats:
    array = np.asarray(values, np.float64)
    return array[:, None] if array.ndim == 1 else array


def _sum_by(values: Floats, numbers: NDArray[np.int64], count: int) -> Floats:
    sums = [np.bincount(numbers, weights=column, minlength=count) for column in values.T]
    return np.stack(sums, axis=1) if sums else np.zeros((count, 0))


def _percentiles(values: Floats, level: float) -> Floats:
    """(resamples, m) to (m, 2); columns without a defined resample stay NaN."""
    ends = np.full((values.shape[1], 2), np.nan)
    for column, one in enumerate(values.T):
        defined = one[~np.isnan(one)]
        if len(defined):
            ends[column] = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return ends
