"""From scores of clips to one number: success rates and the area under the success curve."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: The 21 thresholds of the success curve as every published evaluator computes them: the float products 0.05 * i.
#: Indices 3, 6, 7, 12, 14, 17 and 19 lie slightly above the decimal, so a score of exactly 0.3 fails index 6.
THRESHOLDS: NDArray[np.float64] = np.array([0.05 * i for i in range(21)])


def success_rate(scores: ArrayLike, threshold: float = 0.5, strict: bool = False) -> float:
    """Share of scores that reach the threshold (or exceed it, if strict), in [0, 1]; an undefined score (NaN) fails.

    At 0.5 this is LocAcc, also printed as cIoU@0.5, AP50 and IoU@0.5. No scores: ValueError.
    """
    values = _some(scores)
    return float(np.mean(values > threshold if strict else values >= threshold))


def successes(scores: ArrayLike, threshold: float, grid: bool = True, strict: bool = False) -> NDArray[np.float64]:
    """1 for each score that reaches the threshold (or exceeds it, if strict), else 0, including undefined ones (NaN).

    grid: thresholds are the float products of the published loops, so that 0.3 is 6 * 0.05, not 0.3 itself.
    """
    step = round(threshold / 0.05)
    meant = 0.05 * step if grid and abs(threshold / 0.05 - step) < 1e-9 else threshold
    values = np.asarray(scores, np.float64)
    return (values > meant if strict else values >= meant).astype(np.float64)


def success_curve(scores: ArrayLike) -> NDArray[np.float64]:
    """Success rates at the 21 thresholds, never rising; 1 at threshold 0 unless a score is undefined (NaN)."""
    values = _some(scores)
    return np.mean(values[:, None] >= THRESHOLDS, axis=0)


def auc_of_curve(curve: ArrayLike) -> float:
    """Area under a success curve by the trapezoid rule over the 21 thresholds, in [0, 1] (sklearn.metrics.auc)."""
    heights = np.asarray(curve, np.float64)
    if heights.shape != THRESHOLDS.shape:
        raise ValueError(f"a success curve has {len(THRESHOLDS)} rates, not {heights.shape}")
    return float(np.trapezoid(heights, THRESHOLDS))


def auc(scores: ArrayLike) -> float:
    """Area under the success curve of the scores; 0.025 when all are 0, since everything succeeds at threshold 0."""
    return auc_of_curve(success_curve(scores))


def auc_parts(scores: ArrayLike) -> NDArray[np.float64]:
    """The contribution of each score to the AUC: (N,) whose mean is the AUC, so that an interval can be bootstrapped."""
    passed = (np.asarray(scores, np.float64)[:, None] >= THRESHOLDS).astype(np.float64)
    heights = np.diff(THRESHOLDS)
    return (0.5 * (passed[:, 1:] + passed[:, :-1]) * heights).sum(axis=1)


def _some(scores: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(scores, np.float64).ravel()
    if not len(values):
        raise ValueError("no scores: a rate over nothing is undefined")
    return values
