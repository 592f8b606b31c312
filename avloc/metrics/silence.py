"""Metrics for silent maps and for sounds that nothing in view makes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.metrics.curves import THRESHOLDS


def nsa(silent: ArrayLike, cut: float = 0.2) -> float:
    """No-sounding area: the share of the pixels of silent maps that stay at or below `cut`, in [0, 1].

    silent: (H, W) or (K, H, W), the maps of the classes (clusters) that do not sound, compared in float32. mean over k
    of #(map_k <= cut) / area. A uniform softmax over more than 1/cut clusters gets 1.0, so only print it next to that
    baseline. Hu et al., NeurIPS 2020; DTaoo/Discriminative-Sounding-Objects-Localization@7f40207.
    """
    maps = np.asarray(silent, np.float32)
    if not maps.size:
        raise ValueError("no silent map: the no-sounding area is undefined")
    return float(np.mean(maps <= np.float32(cut)))


def false_alarm_rate(confidence: ArrayLike, threshold: float) -> float:
    """Share of negative clips whose confidence reaches the threshold, in [0, 1]."""
    values = np.asarray(confidence, np.float64)
    if not values.size:
        raise ValueError("no negative clips: a false-alarm rate over nothing is undefined")
    return float(np.mean(values >= threshold))


def auroc(confidence: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve of a confidence: the probability that a positive clip is above a negative one, ties half.

    confidence: (N,); positive: (N,) bool. Needs both kinds: ValueError otherwise.
    """
    values, truth = np.asarray(confidence, np.float64), np.asarray(positive, bool)
    sounding, silent = values[truth], np.sort(values[~truth])
    if not len(sounding) or not len(silent):
        raise ValueError(
            f"AUROC needs clips of both kinds; there are {len(sounding)} positives, {len(silent)} negatives"
        )
    below = np.searchsorted(silent, sounding, side="left") + np.searchsorted(silent, sounding, side="right")
    return float(below.sum() / (2 * len(sounding) * len(silent)))


def universal_thresholds(own: ArrayLike, negatives: Mapping[str, ArrayLike]) -> dict[str, float]:
    """Thresholds for all clips of a method, from the maxima of their maps: own (N,), and of each negative sound (n,).

    max: mean over all negatives. max10: a tenth more. maxq3: their 75th percentile. maxq3-apart: the greatest of the 75th
    percentiles of each kind. ownq1: the 25th percentile of the own sounds. Maps without a maximum (NaN) are left out.
    Silence .1 .2 .3 .4, noise .2 .3 .4 .5 and offscreen .3 .4 .5 .9 give .375, .4125, .425 and .6.
    Juanola et al., arXiv 2410.01020; the formulas as in LucaFranceschi/ACL-SaN@7f91f4b.
    """
    kinds = [_known(values) for values in negatives.values()]
    every, sounding = np.concatenate(kinds) if kinds else np.zeros(0), _known(own)
    if not len(every) or not len(sounding):
        raise ValueError(f"{len(sounding)} maps of own and {len(every)} of negative sounds; both are needed")
    mean = float(every.mean())
    return {
        "max": mean,
        "max10": 1.1 * mean,
        "maxq3": float(np.percentile(every, 75)),
        "maxq3-apart": max(float(np.percentile(values, 75)) for values in kinds if len(values)),
        "ownq1": float(np.percentile(sounding, 25)),
    }


def _known(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    return array[np.isfinite(array)]


def aoc(areas: ArrayLike) -> float:
    """Area over the curve: of the share of clips whose pIA is at most t, over the 21 thresholds t from 0 to 1.

    areas: (n,) pIA, the share of pixels that are on although nothing in view sounds. 0, .05, .3, 1 give .68125.
    """
    return float(aoc_parts(areas).mean())


def aoc_parts(areas: ArrayLike) -> NDArray[np.float64]:
    """The contribution of each pIA to the AOC: (n,), whose mean is the AOC."""
    passed = (np.asarray(areas, np.float64)[:, None] <= THRESHOLDS).astype(np.float64)
    return (0.5 * (passed[:, 1:] + passed[:, :-1]) * np.diff(THRESHOLDS)).sum(axis=1)


def harmonic(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """2 a b / (a + b), 0 if both are 0: combines the score with the own sound and the rejection of other sounds."""
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(2 * first * second / (first + second))
