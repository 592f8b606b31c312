"""What a method hears where there is nothing to hear: silent maps and negative sounds."""

import numpy as np
from numpy.typing import ArrayLike


def nsa(silent: ArrayLike, cut: float = 0.2) -> float:
    """No-sounding area: the share of the pixels of silent maps that stay at or below `cut`, in [0, 1].

    silent: (H, W) or (K, H, W), the maps of the classes (clusters) that do not sound, compared in float32.
    mean over k of #(map_k <= cut) / area. A uniform softmax over more than 1/cut clusters gets 1.0, so print it only
    beside that baseline. Hu et al., NeurIPS 2020; DTaoo/Discriminative-Sounding-Objects-Localization@7f40207.
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
    """Area under the ROC curve of a confidence: the chance that a positive clip is above a negative one, ties half.

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
