"""Agreement of a mask with the ground truth: consensus IoU and plain IoU, for one clip or for many clips at once.

Arrays: a mask is bool (H, W), True where the method hears the sound; a ground truth is (H, W), the weight of each pixel.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ciou(mask: ArrayLike, truth: ArrayLike) -> float:
    """Consensus IoU of one mask against the weights of the annotators, in [0, 1].

    mask: (H, W) bool, or the share of each pixel in [0, 1] if pixels tied at the threshold share the remaining area.
    truth: (H, W), 0 where nobody marked the pixel, 1 where enough annotators did.
    sum(M G) / (sum(G) + sum(M [G = 0])): a pixel that only some annotators marked is never a false alarm.
    Equal to the IoU if the ground truth is binary. Senocak et al., CVPR 2018; the released evaluator of
    hche11/Localizing-Visual-Sounds-the-Hard-Way@8fe8cbb. A ground truth without any weight has no cIoU: ValueError.
    """
    given, weight = np.asarray(mask), np.asarray(truth, np.float64)
    hears = given.astype(np.float64) if given.dtype.kind == "f" else given.astype(bool).astype(np.float64)
    if hears.shape != weight.shape:
        raise ValueError(f"the mask has shape {hears.shape}, the truth {weight.shape}; they must be the same")
    if not weight.any():
        raise ValueError("the ground truth marks no pixel, so there is no cIoU; treat the clip as a negative")
    return float(ciou_of_counts((hears * weight).sum(), weight.sum(), hears[weight == 0].sum()))


def iou(mask: ArrayLike, truth: ArrayLike) -> float:
    """Intersection over union of two bool masks (H, W), in [0, 1]; ValueError if both are empty."""
    return ciou(mask, np.asarray(truth) > 0) if np.asarray(truth).any() else _iou_without_truth(mask)


def _iou_without_truth(mask: ArrayLike) -> float:
    if not np.asarray(mask).any():
        raise ValueError("mask and ground truth are both empty, so there is no IoU")
    return 0.0


def ciou_of_counts(inter: ArrayLike, weight: ArrayLike, false: ArrayLike) -> NDArray[np.float64]:
    """cIoU from counts: weight hit, total weight, pixels of the mask where nobody marked anything.

    Any shape; NaN if ground truth and mask are both empty (0/0), 0 if only the ground truth is empty.
    """
    inter, weight, false = (np.asarray(value, np.float64) for value in (inter, weight, false))
    with np.errstate(invalid="ignore", divide="ignore"):
        return inter / (weight + false)


def mean_by_frame(scores: ArrayLike, frame: ArrayLike, frames: int) -> NDArray[np.float64]:
    """Class-aware CIoU: the mean of a frame's scores, one for each class (or source) that sounds in it.

    scores: (U,); frame: (U,) int, which frame each score belongs to. Returns (frames,), NaN for a frame without scores.
    CIoU = sum_k d_k IoU_k / sum_k d_k with d_k = 1 where class k sounds.
    Hu et al., NeurIPS 2020; DTaoo/Discriminative-Sounding-Objects-Localization@7f40207.
    """
    frame = np.asarray(frame)
    totals = np.bincount(frame, weights=np.asarray(scores, np.float64), minlength=frames)
    with np.errstate(invalid="ignore"):
        return totals / np.bincount(frame, minlength=frames)
