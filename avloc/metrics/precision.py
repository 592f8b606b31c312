"""Average precision over pixels: of continuous maps, of masks, and pooled over many clips through histograms."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def average_precision(truth: ArrayLike, score: ArrayLike) -> float:
    """Average precision of scores for a binary truth of the same size, in [0, 1].

    AP = sum_i (R_i - R_{i-1}) P_i over the distinct scores from the highest down, equal to
    sklearn.metrics.average_precision_score: the mean over positives of the precision at their score. No positive:
    ValueError.
    """
    marked = np.asarray(truth, bool).ravel()
    if not marked.any():
        raise ValueError("the truth marks no pixel, so there is no average precision")
    values = np.asarray(score).ravel()
    inside, outside = np.sort(values[marked]), np.sort(values[~marked])
    hits = len(inside) - np.searchsorted(inside, inside, side="left")
    misses = len(outside) - np.searchsorted(outside, inside, side="left")
    return float(np.mean(hits / (hits + misses)))


def average_precisions(truth: NDArray[np.bool_], score: NDArray) -> Floats:
    """(n,) average precision of each row of float32 scores (n, P) for its truth (n, P); 0 if the truth is empty.

    Score and truth are sorted as one integer, with the truth in the last bit of the score: two scores that differ only
    in that bit count as tied.
    """
    found = np.zeros(len(truth))
    same = np.zeros(score.shape[1], bool)  # pixels with the same score as the one before
    for number, (marked, row) in enumerate(zip(truth, score, strict=True)):
        keys = _rising(row)
        keys &= np.int32(~1)
        keys |= marked.view(np.int8)
        keys.sort()
        places = np.flatnonzero((keys & np.int32(1)).astype(bool))
        if not len(places):
            continue
        keys >>= 1
        hits, reached = np.arange(len(places), 0, -1), len(keys) - places
        np.equal(keys[1:], keys[:-1], out=same[1:])
        tied = np.flatnonzero(same[places])
        if len(tied):
            # of equal scores, counting starts at the first
            begins = np.searchsorted(keys, keys[places[tied]])
            reached[tied] = len(keys) - begins
            hits[tied] = len(places) - np.searchsorted(places, begins)
        found[number] = np.mean(hits / reached)
    return found


def _rising(row: NDArray[np.float32]) -> NDArray[np.int32]:
    """Scores as integers in the same order: the bits of a positive one, and minus those (without sign) of a negative one."""
    keys = (np.asarray(row, np.float32) + np.float32(0)).view(np.int32)  # + 0 merges the two zeros
    sign = keys >> 31
    keys &= np.int32(0x7FFFFFFF)
    keys ^= sign
    keys -= sign
    return keys


def average_precision_of_mask(hits: ArrayLike, mask: ArrayLike, truth: ArrayLike, pixels: int) -> Floats:
    """AP where the score is a mask: R * P + (1 - R) * prevalence, from counts of pixels; 0 if the truth is empty.

    hits: in both; mask: in the mask; truth: in the truth; any shape. 16 pixels, 4 of truth, 8 of mask, 3 of both:
    0.34375.
    """
    hits, mask, truth = (np.asarray(value, np.float64) for value in (hits, mask, truth))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = hits / truth, np.where(mask > 0, hits / mask, 0.0)
        return np.where(truth > 0, recall * precision + (1 - recall) * truth / pixels, 0.0)


def average_precision_of_levels(hits: list, levels: list, mask: ArrayLike, pixels: int) -> Floats:
    """AP with truth and score swapped: the mask is the truth, and the number of boxes that cover a pixel is the score.

    hits, levels: for each level, (n,) pixels of it in the mask and in all. What stoneMo/AVGN@5ab8cab prints as PIAP
    and AP; for one level average_precision_of_mask with mask and truth exchanged (0.59375 in its example).
    """
    mask = np.asarray(mask, np.float64)
    total, before = np.zeros(len(mask)), np.zeros(len(mask))
    steps = [*zip(reversed(hits), reversed(levels), strict=True), (mask, np.full(len(mask), float(pixels)))]
    with np.errstate(invalid="ignore", divide="ignore"):
        for hit, amount in steps:
            part = np.asarray(hit, np.float64)
            total += np.where(np.asarray(amount) > 0, (part - before) / mask * part / amount, 0.0)
            before = part
        return np.where(mask > 0, total, 0.0)


def average_precision_of_histogram(positives: ArrayLike, negatives: ArrayLike) -> float:
    """AP of pooled pixels from two histograms over the same rising scores; pixels of one bin count as tied.

    No positive pixel: ValueError.
    """
    gained = np.asarray(positives)[::-1]
    inside, reached = np.cumsum(gained), np.cumsum(np.asarray(negatives)[::-1])
    if not len(inside) or inside[-1] == 0:
        raise ValueError("no positive pixel, so there is no average precision")
    reached += inside
    precision = inside / np.maximum(reached, 1, out=reached)
    precision *= gained
    return float(precision.sum() / inside[-1])
