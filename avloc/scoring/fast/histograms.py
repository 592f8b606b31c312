"""Histograms of pixel values inside and outside of the ground truth, and the metrics that follow from them.

The pixels of all maps are pooled in histograms of 2**16 bins over the range of the set, so memory does not grow with the
number of maps. Values closer to each other than 1/65536 of the range count as tied.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.precision import average_precision_of_histogram
from avloc.scoring.fast.compiled import Loops

Floats = NDArray[np.float64]

BINS = 2**16
COARSE = 2**8
#: equidistant thresholds from the least to the greatest pixel of a class: mhamilton723/DenseAV@2221b8c
STEPS = 20


@dataclass
class Pooled:
    """Histograms (BINS,) of the pixels inside the ground truth and of those outside it."""

    inside: NDArray[np.int64]
    outside: NDArray[np.int64]

    @property
    def ap(self) -> float:
        return average_precision_of_histogram(self.inside, self.outside)

    @property
    def best_iou(self) -> float:
        """IoU over all pixels at the best of 20 thresholds, chosen on the same pixels; strictly above the threshold."""
        return self._best[0]

    @cached_property
    def _best(self) -> tuple[float, int, int]:
        """The best IoU, the first bin above its threshold, and the number of pixels in the union there."""
        used = np.logical_or(self.inside, self.outside)
        first, last = int(used.argmax()), len(used) - 1 - int(used[::-1].argmax())
        cuts = np.linspace(first, last, STEPS)
        places = np.floor(cuts).astype(int) + 1
        hits, alarms = (_from(places, counts) for counts in (self.inside, self.outside))
        union = np.maximum(self.inside.sum() + alarms, 1)
        best = int(np.argmax(hits / union))
        return float(hits[best] / union[best]), int(places[best]), int(union[best])

    def ap_slopes(self) -> Floats:
        """(2 COARSE,) how much one more pixel in each coarse bin changes the AP: first pixels outside the ground truth, then
        those inside it."""
        inside, outside = (part.reshape(COARSE, -1).sum(1).astype(np.float64) for part in (self.inside, self.outside))
        above_in, above_out = (np.cumsum(part[::-1])[::-1] for part in (inside, outside))
        reached = np.maximum(above_in + above_out, 1)
        precision, total = above_in / reached, inside.sum()
        with_truth = precision + np.cumsum(inside * above_out / reached**2) - (inside * precision).sum() / total
        return np.concatenate([-np.cumsum(inside * above_in / reached**2), with_truth]) / total

    def iou_slopes(self) -> Floats:
        """The same for the IoU, with the best threshold unchanged."""
        value, place, union = self._best
        above = np.arange(COARSE) * (BINS // COARSE) >= place
        return np.concatenate([-value * above, above - value]) / union


def _from(places: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of the counts from each place to the end; places are in rising order."""
    parts = np.add.reduceat(np.append(counts, 0), places)
    parts[:-1][places[:-1] == places[1:]] = 0  # between equal places is nothing, where reduceat takes one bin
    return np.cumsum(parts[::-1])[::-1]


def histograms(
    rows: NDArray[np.float32], marked: NDArray[np.bool_], low: float, high: float, many: Loops | None = None
) -> tuple[NDArray[np.integer], NDArray[np.int32]]:
    """Fine bins of all rows (n, P) together (2 BINS,) and coarse ones of each row (n, 2 COARSE).

    Pixels with truth are counted behind those without. Pixels beyond the range of the raw maps (bicubic overshoot) fall
    into the outermost bins. many: the compiled loops, which give the same.
    """
    with np.errstate(over="ignore"):
        span = np.float32(high) - np.float32(low)
    if np.isinf(span):  # no float32 holds the range, but one holds half of it
        return histograms(rows / np.float32(2), marked, low / 2, high / 2, many)
    coarse = np.zeros((len(rows), 2 * COARSE), np.int32)
    if many is not None:
        fine = np.zeros(2 * BINS, np.int32)
        many.histograms(rows, marked, np.float32(low), span, fine, coarse)
        return fine, coarse
    scaled = rows - np.float32(low)
    if span > 0:
        scaled = scaled / span * np.float32(BINS)
    # unlike clip, these two take NaN (where a resize exceeds float32) as the lowest bin
    scaled = np.fmin(np.fmax(scaled, np.float32(0)), np.float32(BINS - 1))
    bins = scaled.astype(np.int32) + np.int32(BINS) * marked
    for few, own in zip(coarse, bins // (BINS // COARSE), strict=True):
        few[:] = np.bincount(own, minlength=2 * COARSE)
    return np.bincount(bins.reshape(-1), minlength=2 * BINS), coarse
