"""AP and max-F1 of sets that mix sounding and silent clips: is there something to hear, and is it found?

Published by SLAVC (Mo and Morgado, NeurIPS 2022; stoneMo/SLAVC@05b429c). At a confidence threshold c a silent clip with
confidence >= c is a false positive; a sounding one with confidence >= c is a true positive if cIoU >= 0.5, else a false
positive; a sounding one below c is a false negative. A misplaced detection is therefore not a false negative: recall
can reach 1 although most boxes are missed, and can fall as the threshold falls. Precision and recall are 1 where
undefined.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def precision_recall(
    positive: ArrayLike, ciou: ArrayLike, confidence: ArrayLike, threshold: float, success: float = 0.5
) -> tuple[float, float]:
    """Precision and recall at one confidence threshold; arrays (N,): whether the clip sounds, its cIoU, its
    confidence."""
    sounds, sure = np.asarray(positive, bool), np.asarray(confidence) >= threshold
    right = sounds & sure & (np.asarray(ciou) >= success)
    hits, alarms, missed = right.sum(), (sure & ~right).sum(), (sounds & ~sure).sum()
    precision = 1.0 if hits + alarms == 0 else hits / (hits + alarms)
    return float(precision), float(1.0 if hits + missed == 0 else hits / (hits + missed))


def detection_ap(positive: ArrayLike, ciou: ArrayLike, confidence: ArrayLike, success: float = 0.5) -> float:
    """AP as released: thresholds are the sorted confidences without the largest, downwards with stride max(1, N //
    200).

    Precision is made monotone from the right; AP = sum_i Pmax_i (R_{i+1} - R_i), without the first segment 0..R_0.
    """
    return float(detection_of_rows(*_row(positive, ciou, confidence, success))[0][0])


def max_f1(positive: ArrayLike, ciou: ArrayLike, confidence: ArrayLike, success: float = 0.5) -> float:
    """Best F1 at every max(1, N // 10)-th confidence in rising order, about ten thresholds, as released."""
    return float(detection_of_rows(*_row(positive, ciou, confidence, success))[1][0])


def detection_of_rows(sounds: NDArray[np.bool_], right: NDArray[np.bool_], confidence: Floats) -> tuple[Floats, Floats]:
    """AP and max-F1 of many resamples at once: (b, N) rows already sorted by rising confidence; (b,) each.

    sounds: the clip is sounding; right: it is sounding and its cIoU reaches the success threshold.
    """
    rows, clips = confidence.shape
    tied = np.zeros((rows, clips), bool)
    tied[:, 1:] = confidence[:, 1:] == confidence[:, :-1]
    first = np.maximum.accumulate(np.where(tied, 0, np.arange(clips)), axis=1)
    descending = np.arange(clips - 1)[:: -max(1, clips // 200)]
    precision, recall = _at(sounds, right, first, descending)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    ap = (highest[:, :-1] * np.diff(recall, axis=1)).sum(axis=1)
    precision, recall = _at(sounds, right, first, np.arange(clips)[:: max(1, clips // 10)])
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return ap, f1.max(axis=1)


def _at(
    sounds: NDArray[np.bool_], right: NDArray[np.bool_], first: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple:
    """Precision and recall (b, t) where the threshold is the confidence at each of the places."""
    clips = sounds.shape[1]
    below = np.take_along_axis(first, np.broadcast_to(places, (len(sounds), len(places))), axis=1)

    def under(flags: NDArray[np.bool_]) -> Floats:
        sums = np.concatenate([np.zeros((len(flags), 1), np.int64), np.cumsum(flags, axis=1)], axis=1)
        return np.take_along_axis(sums, below, axis=1).astype(np.float64)

    hits = right.sum(axis=1, keepdims=True) - under(right)
    missed, sure = under(sounds), clips - below
    precision = np.divide(hits, sure, out=np.ones_like(hits), where=sure > 0)
    return precision, np.divide(hits, hits + missed, out=np.ones_like(hits), where=hits + missed > 0)


def _row(positive: ArrayLike, ciou: ArrayLike, confidence: ArrayLike, success: float) -> tuple:
    sounds, scores, sure = np.asarray(positive, bool), np.asarray(ciou, np.float64), np.asarray(confidence, np.float64)
    if not len(sounds) == len(scores) == len(sure) or not len(sounds):
        raise ValueError(
            f"{len(sounds)} clips, {len(scores)} scores, {len(sure)} confidences; expected as many of each, not none"
        )
    order = np.argsort(sure, kind="stable")
    return sounds[order][None], (sounds & (scores >= success))[order][None], sure[order][None]
