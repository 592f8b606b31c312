"""Results of protocols for the class of every pixel."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics import class_scores
from avloc.naming import counted
from avloc.protocols import plain_labels
from avloc.protocols.protocol import Protocol
from avloc.scoring.fast.resized_maps import map_pieces
from avloc.scoring.result import Result
from avloc.scoring.rows import rows_of_scores
from avloc.scoring.summary import of_draws
from avloc.scoring.task import Ints, Task, count_clips, result_of

Floats = NDArray[np.float64]
NAMES = ("miou", "fscore", "miou_nobg", "fscore_nobg")


def labels_verdict(protocol: Protocol, task: Task, resamples: int, seed: int, chunk: int) -> Result:
    """Every frame counts in the classes that it or its prediction has; the means over classes are resampled with the clips."""
    truth, classes = task.truth, len(task.truth.classes) + 1
    counts, kept, warnings = count_clips(protocol, task)
    order = plain_labels.class_order(task.given.table, task.given.maps.shape[1])
    pieces = [kept[start : start + chunk] for start in range(0, len(kept), chunk)]
    parts = list(map_pieces(partial(_scores, protocol, task, classes, order), iter(pieces)))
    iou, f, frames = (np.concatenate([part[place] for part in parts]) for place in range(3))
    padded = plain_labels.padded_frames(protocol, truth, kept.tolist())
    if padded:
        each = padded / len(kept)
        for column in (iou, f, frames):
            column[:, 0] += each  # so that draws have about as many of them as the set
        warnings.append(
            f"{padded} background frames pad videos to {protocol.padding} frames, as in the release, and count as "
            "predicted correctly; avss-real leaves them out"
        )
    count_odd_numbers(task, kept, classes, counts, warnings)
    videos = [truth.videos[clip] for clip in kept.tolist()]
    drawn = of_draws(partial(_of_classes, iou, f, frames), len(kept), videos, resamples, seed)
    metrics = {name: one for name, one in zip(NAMES, drawn, strict=True) if name in protocol.report}
    result = result_of(protocol, task, counts, metrics, warnings, {"frames": {"padded": padded}})
    result.per_class = _per_class(("background", *truth.classes), iou, f, frames)
    own = iou.sum(axis=1) / np.maximum(frames.sum(axis=1), 1)
    result.per_clip = rows_of_scores(truth, kept, own, ~task.found[kept])
    result.baselines = {"all background": _background(protocol, task, kept, classes, padded)}
    return result


def _scores(protocol: Protocol, task: Task, classes: int, order: Ints, chosen: Ints) -> tuple[Floats, Floats, Floats]:
    """(n, C) IoU and F of the classes of some clips, and whether they are present."""
    found = []
    for clip in chosen.tolist():
        maps = task.given.maps[clip] if task.found[clip] else None
        said = plain_labels.predicted(protocol, maps, classes, order)
        found.append(class_scores(said, plain_labels.true_numbers(protocol, task.truth, clip), classes))
    iou, f, inside = (np.stack([one[place] for one in found]) for place in range(3))
    return np.asarray(iou, np.float64), np.asarray(f, np.float64), inside.astype(np.float64)


def _of_classes(iou: Floats, f: Floats, frames: Floats, drawn: Floats) -> Floats:
    """(b, 4) metrics of resamples, from how often each has each clip (b, N)."""
    seen = np.maximum(drawn @ frames, 1)
    of_iou, of_f = drawn @ iou / seen, drawn @ f / seen
    means = [part.mean(axis=1) for part in (of_iou, of_f, of_iou[:, :-1], of_f[:, :-1])]
    return np.stack(means, axis=1)


def count_odd_numbers(task: Task, kept: Ints, classes: int, counts: dict[str, Any], warnings: list[str]) -> None:
    """Count the clips whose maps are not finite, or are one map of something other than class numbers."""
    maps = task.given.maps
    broken = [clip for clip in kept[task.found[kept]].tolist() if not np.isfinite(maps[clip]).all()]
    if broken:
        counts["broken_maps"] = len(broken)
        warnings.append(
            f"{counted(len(broken), 'clip has', 'clips have')} maps with NaN or infinity, which count as background everywhere"
        )
    if maps.shape[1] > 1:
        return
    whole = np.setdiff1d(kept[task.found[kept]], broken).tolist()
    odd = [task.truth.ids[clip] for clip in whole if not plain_labels.are_numbers(maps[clip, 0], classes)]
    if odd:
        what = f"whole numbers from 0 to {classes - 1}"
        warnings.append(
            f"{counted(len(odd), 'map contains', 'maps contain')} something other than {what}, such as {odd[0]}, which counts "
            "as background everywhere"
        )


def _per_class(names: tuple[str, ...], iou: Floats, f: Floats, frames: Floats) -> dict[str, dict[str, Any]]:
    amounts = np.maximum(frames.sum(axis=0), 1)
    return {
        name: {"clips": round(inside), "ciou": of_iou, "fscore": of_f}
        for name, inside, of_iou, of_f in zip(
            names,
            frames.sum(axis=0).tolist(),
            (iou.sum(axis=0) / amounts).tolist(),
            (f.sum(axis=0) / amounts).tolist(),
            strict=True,
        )
        if inside
    }


def _background(protocol: Protocol, task: Task, kept: Ints, classes: int, padded: int) -> dict[str, float]:
    """The scores of predicting background everywhere."""
    iou, f, frames = (np.zeros(classes) for _ in range(3))
    for clip in kept.tolist():
        real = plain_labels.true_numbers(protocol, task.truth, clip)
        one = class_scores(np.zeros_like(real), real, classes)
        iou, f, frames = iou + one[0], f + one[1], frames + one[2]
    for sums in (iou, f, frames):
        sums[0] += padded
    found = plain_labels.over_classes(iou, f, frames)
    return {name: found[name] for name in protocol.report if name in found}
