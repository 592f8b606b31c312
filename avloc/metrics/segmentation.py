"""mIoU and F of AVSBench: masks of single frames, some of which are silent, and classes of pixels.

OpenNLPLab/AVSBench@f7414af.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BETA2 = 0.3


def _linspace(steps: int) -> NDArray[np.float32]:
    """torch.linspace(0, 1, steps): from both ends to the middle, in float32."""
    step, place = np.float32(1 / (steps - 1)), np.arange(steps)
    up, down = step * place.astype(np.float32), np.float32(1) - step * (steps - 1 - place).astype(np.float32)
    return np.where(place < steps // 2, up, down).astype(np.float32)


#: the 255 thresholds of the F curve, from 0 to 1
F_THRESHOLDS: NDArray[np.float32] = _linspace(255)


def mask_iou(mask: ArrayLike, truth: ArrayLike) -> float:
    """IoU of a frame; for a silent one, whose truth is empty, the share of pixels outside the mask.

    mask, truth: (H, W) bool. |M & G| / (|M or G| + 1e-7), or |not M| / (H W + 1e-7).
    """
    on, marked = np.asarray(mask, bool), np.asarray(truth, bool)
    if not marked.any():
        return float(np.count_nonzero(~on) / (on.size + 1e-7))
    return float(np.count_nonzero(on & marked) / (np.count_nonzero(on | marked) + 1e-7))


def f_curve(probability: ArrayLike, truth: ArrayLike) -> Floats:
    """F at each of the 255 thresholds, for a frame that is not silent: (255,).

    probability: (H, W) in [0, 1], a pixel is on if it reaches the threshold; truth: (H, W) bool. A negative value is
    never on, even at threshold 0. F = 1.3 P R / (0.3 P + R), 0 where it is 0 / 0.
    """
    values, marked = np.asarray(probability, np.float32).ravel(), np.asarray(truth, bool).ravel()
    if not marked.any():
        raise ValueError("the ground truth marks no pixel, so there is no F; leave out silent frames")
    reached = np.searchsorted(F_THRESHOLDS, values, side="right")  # the number of thresholds that each pixel reaches
    length = len(F_THRESHOLDS) + 1
    on, hits = (np.cumsum(np.bincount(part, minlength=length)[::-1])[::-1][1:] for part in (reached, reached[marked]))
    precision, recall = hits / (on + 1e-20), hits / (np.count_nonzero(marked) + 1e-20)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num((1 + BETA2) * precision * recall / (BETA2 * precision + recall))


def best_f(curves: ArrayLike) -> float:
    """The maximum over thresholds of the mean curve of some frames, (n, 255); 0 if all of them are silent (n = 0)."""
    found = np.asarray(curves, np.float64).reshape(-1, len(F_THRESHOLDS))
    return float(found.mean(axis=0).max()) if len(found) else 0.0


def class_pixels(predicted: ArrayLike, truth: ArrayLike, classes: int) -> tuple[Ints, Ints, Ints]:
    """Pixels of each class in one frame (C,): in both, in the prediction, in the ground truth.

    predicted, truth: (H, W), the class number of each pixel.
    """
    given, real = np.asarray(predicted, np.int64).ravel(), np.asarray(truth, np.int64).ravel()
    shared, said, there = (np.bincount(part, minlength=classes) for part in (real[given == real], given, real))
    return shared, said, there


def class_scores(predicted: ArrayLike, truth: ArrayLike, classes: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """IoU and F of each class in one frame, and which classes are in it: (C,) each, 0 for the others.

    predicted, truth: (H, W), the class number of each pixel. A class that either of them has is in the frame.
    F = 1.3 P R / (0.3 P + R), 0 where the two share no pixel. `calc_color_miou_fscore` of AVSBench.
    """
    shared, said, there = class_pixels(predicted, truth, classes)
    with np.errstate(invalid="ignore"):
        precision, recall = shared / said, shared / there
        f = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
        return np.nan_to_num(shared / (said + there - shared)), np.nan_to_num(f), said + there > 0


def scores_of_set(shared: ArrayLike, said: ArrayLike, there: ArrayLike) -> dict[str, Floats]:
    """The metrics of CAVP from the pixels of each class in all frames together, (..., C) each as in `class_pixels`.

    miou_set: mean IoU over all C classes, 0 for one that never occurs. accuracy_set: share of labelled pixels. fdr_set: mean
    false discovery rate over the classes that are predicted. f1_set, f03_set: mean of
    (1 + b) tp / ((1 + b) tp + b fn + fp), b = 1 and 0.3, over the classes that occur. cyh-0/CAVP@96a6c34.
    """
    both, given, real = (np.asarray(part, np.float64) for part in (shared, said, there))
    alarms, missed = given - both, real - both
    with np.errstate(invalid="ignore"):
        iou = np.nan_to_num(both / (both + alarms + missed))
        f1, f03 = ((1 + b) * both / ((1 + b) * both + b * missed + alarms) for b in (1, BETA2))
        return {
            "miou_set": iou.mean(axis=-1),
            "accuracy_set": both.sum(axis=-1) / real.sum(axis=-1),
            "fdr_set": np.nanmean(alarms / given, axis=-1),
            "f1_set": np.nanmean(f1, axis=-1),
            "f03_set": np.nanmean(f03, axis=-1),
        }
