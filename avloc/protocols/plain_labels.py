"""The class of every pixel, plain version: mIoU and F of AVSS, averaged over the frames with each class, then over
classes; and the metrics of CAVP, from the pixels of all frames together.

The ground truth has class numbers, or masks with classes; 0 is the background, k + 1 the k-th class. Predictions are
one map of class numbers, or a map of scores for each class and the background, of which the highest counts.
"""

from collections import Counter

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc import metrics
from avloc.annotations.truth import Truth
from avloc.protocols import plain
from avloc.protocols.plain_units import Given, Maps
from avloc.protocols.protocol import Protocol

Numbers = NDArray[np.int64]  # (H, W), the class number of each pixel
Floats = NDArray[np.float64]


#: pixels of the ground truth with this number are not scored by the metrics over a whole set
UNLABELLED = 255


def of_labels(protocol: Protocol, given: Given, truth: Truth, kept: list[int]) -> dict[str, float]:
    """miou and fscore over all classes; `_nobg` over all but the last one, which is what the release leaves out; `_set` from
    the pixels of all frames together."""
    classes = len(truth.classes) + 1
    order = class_order(given.table, given.maps.shape[1])
    iou, f, frames = (np.zeros(classes) for _ in range(3))
    pixels = np.zeros((3, classes))
    for clip in kept:
        maps = None if clip in given.missing else given.maps[clip]
        said, real = predicted(protocol, maps, classes, order), true_numbers(protocol, truth, clip)
        if over_set(protocol):
            labelled = real != UNLABELLED
            pixels += metrics.class_pixels(said[labelled], real[labelled], classes)
        else:
            of_iou, of_f, inside = metrics.class_scores(said, real, classes)
            iou, f, frames = iou + of_iou, f + of_f, frames + inside
    if over_set(protocol):
        found = {name: float(value) for name, value in metrics.scores_of_set(*pixels).items()}
    else:
        extra = padded_frames(protocol, truth, kept)
        iou[0], f[0], frames[0] = iou[0] + extra, f[0] + extra, frames[0] + extra
        found = over_classes(iou, f, frames)
    return {name: found[name] for name in protocol.report if name in found}


def over_set(protocol: Protocol) -> bool:
    """Whether a protocol counts the pixels of all frames together, instead of averaging over frames."""
    return any(name.endswith("_set") for name in protocol.report)


def over_classes(iou: Floats, f: Floats, frames: Floats) -> dict[str, float]:
    """The metrics from sums over frames and the number of frames with each class, (C,) each; a class without frames
    counts 0.
    """
    seen = np.maximum(frames, 1)
    of_iou, of_f = iou / seen, f / seen
    found = {"miou": of_iou, "fscore": of_f, "miou_nobg": of_iou[:-1], "fscore_nobg": of_f[:-1]}
    return {name: float(values.mean()) for name, values in found.items()}


def true_numbers(protocol: Protocol, truth: Truth, clip: int) -> Numbers:
    """Class numbers at the protocol's size, with nearest neighbours; if masks overlap, the last one counts."""
    if truth.labels is not None:
        numbers = truth.labels[clip]
    else:
        assert truth.masks is not None and truth.mask_class is not None
        numbers = np.zeros(truth.masks.shape[2:], np.uint8)
        for mask, label in zip(truth.masks[clip], truth.mask_class[clip].tolist(), strict=True):
            numbers[mask] = label + 1
    return _nearest(numbers, protocol.size).astype(np.int64)


def predicted(protocol: Protocol, maps: Maps | None, classes: int, order: NDArray[np.int64]) -> Numbers:
    """Class numbers at the protocol's size, from one clip's maps (K, h, w); background if there is none, or NaN.

    One map has class numbers; several have scores of the classes in `order`.
    """
    size = protocol.size
    if maps is None or not np.isfinite(maps).all() or (len(maps) == 1 and not are_numbers(maps[0], classes)):
        return np.zeros((size, size), np.int64)
    if len(maps) == 1:
        return _nearest(maps[0].astype(np.uint8), size).astype(np.int64)
    full = np.stack([plain.resized(protocol, one, (size, size)) for one in maps])
    by_class = full[np.argsort(order)]  # the first of equal scores counts, in the order of the classes
    return by_class.argmax(axis=0)


def are_numbers(values: Maps, classes: int) -> bool:
    """Whether a map contains class numbers: integers in the range of the classes."""
    return bool((values == np.round(values)).all() and values.min() >= 0 and values.max() < classes)


def class_order(table: NDArray[np.bool_] | None, maps: int) -> NDArray[np.int64]:
    """The class number of each of the K maps: by their names, where the background's is not a class name; else in their
    order. (K,), empty if the names do not tell.
    """
    if table is None or table.shape[1] != maps:
        return np.arange(maps)
    numbers = np.where(table.any(axis=0), table.argmax(axis=0) + 1, 0)
    return numbers if len(set(numbers.tolist())) == maps else np.zeros(0, np.int64)


def padded_frames(protocol: Protocol, truth: Truth, kept: list[int]) -> int:
    """How many background frames a release adds to videos with fewer than `padding`; here they count as correct."""
    videos = Counter(truth.ids[clip].rpartition("/")[0] or truth.videos[clip] for clip in kept)
    return sum(max(protocol.padding - frames, 0) for frames in videos.values()) if protocol.padding else 0


def _nearest(numbers: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if numbers.shape == (size, size):
        return numbers
    return np.asarray(cv2.resize(numbers, (size, size), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
