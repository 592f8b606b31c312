"""A quick check of the maps during training: their overlap with the boxes of the validation split."""

import numpy as np
import torch
from torch.nn import functional as F

from avloc.data.loader import Loader
from avloc.data.plans import Plan
from avloc.engine.collect import collect
from avloc.methods.base import Localizer


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
