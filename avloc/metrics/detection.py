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
    return float(detection_of_draws(*_once(positive, ciou, confidence, success))[0][0])


def max_f1(positive: ArrayLike, ciou: ArrayLike, confidence: ArrayLike, success: float = 0.5) -> float:
    """Best F1 at every max(1, N // 10)-th confidence in rising order, about ten thresholds, as released."""
    return float(detection_of_draws(*_once(positive, ciou, confidence, success))[1][0])


def detection_of_draws(
    sounds: NDArray[np.bool_], right: NDArray[np.bool_], confidence: Floats, drawn: Floats
) -> tuple[Floats, Floats]:
    """AP and max-F1 of many resamples at once, (b,) each; clips (N,) are sorted by rising confidence.

    sounds: the clip is sounding; right: it is sounding and its cIoU reaches the success threshold; drawn: (b, N), how
    often each resample contains each clip. If whole videos were drawn, the number of clips differs between resamples.
    """
    totals = drawn.sum(axis=1)
    if len(set(totals.tolist())) > 1:  # the positions of the thresholds depend on the number of clips
        rows = [detection_of_draws(sounds, right, confidence, row[None]) for row in drawn]
        return np.concatenate([ap for ap, _ in rows]), np.concatenate([f1 for _, f1 in rows])
    clips = int(totals[0])

    # the two strides of the release, as ranks among the clips of a resample by rising confidence
    ap_ranks = np.arange(clips - 1)[:: -max(1, clips // 200)]
    f1_ranks = np.arange(clips)[:: max(1, clips // 10)]
    ranks = np.concatenate([ap_ranks, f1_ranks])
    precision, recall = _precision_recall_at(ranks, sounds, right, confidence, drawn)

    cut = len(ap_ranks)
    return _ap(precision[:, :cut], recall[:, :cut]), _best_f1(precision[:, cut:], recall[:, cut:])


def _precision_recall_at(
    ranks: NDArray[np.int64],
    sounds: NDArray[np.bool_],
    right: NDArray[np.bool_],
    confidence: Floats,
    drawn: Floats,
) -> tuple[Floats, Floats]:
    """Precision and recall (b, R) of each resample, with the confidence of the clip at each rank as the threshold."""
    clips = int(drawn[0].sum())
    times = drawn.astype(np.int32)  # whole numbers, which are summed ten times as fast as fractions
    before = _sums(times)
    sounding_before = before if sounds.all() else _sums(times * sounds)
    right_before = _sums(times * right)

    # clips of equal confidence reach the threshold together, so counting starts at the first of them
    first_equal = np.arange(len(confidence))
    first_equal[1:][confidence[1:] == confidence[:-1]] = 0
    first_equal = np.maximum.accumulate(first_equal)

    wanted = ranks.astype(np.int32)  # of one type with `before`, which searching would copy otherwise
    clip_at = np.stack([np.searchsorted(row, wanted, side="right") for row in before[:, 1:]])
    start = first_equal[clip_at]
    sure = clips - np.take_along_axis(before, start, axis=1)
    missed = np.take_along_axis(sounding_before, start, axis=1)
    hits = right_before[:, -1:] - np.take_along_axis(right_before, start, axis=1)

    precision = np.divide(hits, sure, out=np.ones(hits.shape), where=sure > 0)
    recall = np.divide(hits, hits + missed, out=np.ones(hits.shape), where=hits + missed > 0)
    return precision, recall


def _ap(precision: Floats, recall: Floats) -> Floats:
    """(b,) from points of falling confidence; precision is made monotone from the right."""
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return (highest[:, :-1] * np.diff(recall, axis=1)).sum(axis=1)


def _best_f1(precision: Floats, recall: Floats) -> Floats:
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return f1.max(axis=1)


def _sums(times: NDArray[np.int32]) -> NDArray[np.int32]:
    """(b, N + 1): how many of the clips before each were drawn."""
    sums = np.zeros((len(times), times.shape[1] + 1), np.int32)
    np.cumsum(times, axis=1, dtype=np.int32, out=sums[:, 1:])
    return sums


def _once(positive: ArrayLike, ciou: ArrayLike, confidence: ArrayLike, success: float) -> tuple:
    """Clips by rising confidence, each drawn once."""
    sounds, scores, sure = np.asarray(positive, bool), np.asarray(ciou, np.float64), np.asarray(confidence, np.float64)
    if not len(sounds) == len(scores) == len(sure) or not len(sounds):
        raise ValueError(
            f"{len(sounds)} clips, {len(scores)} scores, {len(sure)} confidences; expected one of each for every clip, and "
            "at least one clip"
        )
    order = np.argsort(sure, kind="stable")
    return sounds[order], (sounds & (scores >= success))[order], sure[order], np.ones((1, len(order)))
