"""Results over all pixels of a test set together, class by class, as in CAVP."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics import class_pixels, scores_of_set
from avloc.protocols import plain_labels
from avloc.protocols.protocol import Protocol
from avloc.scoring.fast.resized_maps import map_pieces
from avloc.scoring.result import Result
from avloc.scoring.rows import rows_of_scores
from avloc.scoring.summary import of_draws
from avloc.scoring.task import Ints, Task, count_clips, result_of
from avloc.scoring.verdict_labels import count_odd_numbers

Floats = NDArray[np.float64]


def set_verdict(protocol: Protocol, task: Task, resamples: int, seed: int, chunk: int) -> Result:
    """Pixels of each class are counted over all frames; intervals draw the frames' counts."""
    truth, classes = task.truth, len(task.truth.classes) + 1
    counts, kept, warnings = count_clips(protocol, task)
    count_odd_numbers(task, kept, classes, counts, warnings)
    order = plain_labels.class_order(task.given.table, task.given.maps.shape[1])
    pieces = [kept[start : start + chunk] for start in range(0, len(kept), chunk)]
    pixels = np.concatenate(list(map_pieces(partial(_pixels, protocol, task, classes, order), iter(pieces))))
    names = list(scores_of_set(*pixels.sum(axis=0)))
    videos = [truth.videos[clip] for clip in kept.tolist()]
    drawn = of_draws(partial(_of_draws, pixels), len(kept), videos, resamples, seed)
    metrics = {name: one for name, one in zip(names, drawn, strict=True) if name in protocol.report}
    result = result_of(protocol, task, counts, metrics, warnings, {})
    result.per_class = _per_class(("background", *truth.classes), pixels)
    shared, said, there = pixels.swapaxes(0, 1)
    inside = said + there > 0
    own = np.divide(shared, said + there - shared, out=np.zeros_like(shared), where=inside)
    scores = own.sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    result.per_clip = rows_of_scores(truth, kept, scores, ~task.found[kept])
    result.baselines = {"all background": _background(protocol, there.sum(axis=0))}
    return result


def _pixels(protocol: Protocol, task: Task, classes: int, order: Ints, chosen: Ints) -> Floats:
    """(n, 3, C) pixels of each class of some clips: in both, in the prediction, in the ground truth."""
    found = []
    for clip in chosen.tolist():
        maps = task.given.maps[clip] if task.found[clip] else None
        real = plain_labels.true_numbers(protocol, task.truth, clip)
        labelled = real != plain_labels.UNLABELLED
        said = plain_labels.predicted(protocol, maps, classes, order)
        found.append(np.stack(class_pixels(said[labelled], real[labelled], classes)))
    return np.stack(found).astype(np.float64)


def _of_draws(pixels: Floats, drawn: Floats) -> Floats:
    """(b, M) metrics of resamples, from how often each has each clip (b, N)."""
    sums = (drawn @ pixels.reshape(len(pixels), -1)).reshape(len(drawn), 3, -1)
    return np.stack(list(scores_of_set(*sums.swapaxes(0, 1)).values()), axis=1)


def _per_class(names: tuple[str, ...], pixels: Floats) -> dict[str, dict[str, Any]]:
    """By class: the frames in which it is found or marked, its IoU and its F1 over all pixels."""
    frames = np.count_nonzero(pixels[:, 1:].any(axis=1), axis=0)
    shared, said, there = pixels.sum(axis=0)
    with np.errstate(invalid="ignore"):
        iou, f1 = shared / (said + there - shared), 2 * shared / (said + there)
    columns = zip(names, frames.tolist(), iou.tolist(), f1.tolist(), strict=True)
    return {name: {"clips": amount, "ciou": iou, "f1": f1} for name, amount, iou, f1 in columns if amount}


def _background(protocol: Protocol, there: Floats) -> dict[str, float]:
    """The scores of predicting background everywhere, from the pixels of each class (C,)."""
    said, shared = np.zeros_like(there), np.zeros_like(there)
    said[0], shared[0] = there.sum(), there[0]
    found = scores_of_set(shared, said, there)
    return {name: float(found[name]) for name in protocol.report}
