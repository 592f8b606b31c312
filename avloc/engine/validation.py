"""A quick check of the maps during training: their overlap with the boxes of the validation split."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch.nn import functional as F

from avloc.data.loader import Loader
from avloc.data.plans import Plan
from avloc.engine.collect import collect
from avloc.errors import RunError
from avloc.methods.base import Localizer, Train

SELECTABLE = ("loss", "accuracy", "iou", "located")  # by these `train.select` compares epochs
OVERLAPS = ("iou", "located")


def refuse_unmeasured(where: str, localizer: Localizer, train: Train, loaders: Mapping[str, Loader]) -> None:
    """RunError if a phase will not measure what `train.select` names; what it measures itself is known once it has.

    where: such as ``stage1.train``.
    """
    given = always_measured(loaders)
    if train.select == "last" or train.select in given:
        return
    for phase in localizer.phases(train):
        if phase.measure is None:
            refuse_select(train.select, phase.name, given, where)


def always_measured(loaders: Mapping[str, Loader]) -> list[str]:
    """What the validation of every phase measures."""
    if "validation" not in loaders:
        return []
    boxes = loaders["validation"].store.boxes
    located = (boxes.sounding & (boxes.frame == 0)).any()
    return ["loss", *OVERLAPS] if located else ["loss"]


def refuse_select(select: str, phase: str, measured: Collection[str], where: str = "train") -> None:
    """RunError unless `train.select` is ``last``, or names something that the validation of a phase measures."""
    if select == "last" or select in measured:
        return
    others = [name for name in SELECTABLE if name in measured]
    if not others:
        advice = "set data.validation, or select: last"
    elif select in OVERLAPS:
        advice = (
            f"use a data.validation split with sounding boxes in first frames, or set select to {others[0]} or last"
        )
    else:
        advice = f"set select to {', '.join(others)} or last"
    raise RunError(
        f"{where}.select is {select!r}, but the validation of phase {phase!r} measures {', '.join(others) or 'nothing'}; "
        f"{advice}"
    )


@torch.no_grad()
def overlaps(
    localizer: Localizer, loader: Loader, batch_size: int, cut: float = 0.5, size: int = 56
) -> dict[str, float]:
    """``iou``, the mean over clips whose first frame has boxes, and ``located``, the share of them with an IoU of at
    least 0.5.

    The IoU is that of the union of sounding boxes and the region where the maximum of the maps, scaled to [0, 1], is
    above `cut`, at `size` pixels. It is only for choosing epochs: results are scored by protocols.
    """
    boxes = loader.store.boxes
    wanted = boxes.sounding & (boxes.frame == 0)
    clips = np.unique(boxes.clip[wanted])
    if not len(clips):
        return {"iou": 0.0, "located": 0.0}
    truth = torch.zeros(len(clips), size, size, dtype=torch.bool)
    for clip, (left, top, right, bottom) in zip(boxes.clip[wanted], boxes.xyxy[wanted] * size, strict=True):
        row = int(np.searchsorted(clips, clip))
        truth[row, int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    plan = Plan(clips.astype(np.int64), np.zeros(len(clips), np.int64))
    maps = collect(
        localizer,
        lambda batch: {"map": localizer.locate(batch).float().nan_to_num(-torch.inf).amax(1, keepdim=True)},
        loader,
        plan,
        batch_size,
    )["map"]
    maps = F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=False).squeeze(1)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    predicted = (maps - low) / (high - low).clamp(min=1e-12) > cut
    overlap = (predicted & truth).sum((1, 2)) / (predicted | truth).sum((1, 2)).clamp(min=1)
    return {"iou": float(overlap.mean()), "located": float((overlap >= 0.5).float().mean())}
