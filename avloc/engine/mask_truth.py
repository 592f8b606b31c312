"""The masks of a store's frames as ground truth: one for each class that sounds in a frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.plans import Plan
from avloc.data.store import Store

Pair = tuple[int, int]  # a row of the plan, and a class


def masks_to_score(store: Store, plan: Plan) -> dict[str, Any]:
    """The fields of a `Truth` with the pixels of the sounding objects in the n frames of a plan.

    masks: (n, P, H, W), where P is the largest number of sounding classes in a frame; objects of one class are one
    mask. mask_class: (n, P), -1 for none. clip_class: (n,) the first of them. If a frame has boxes but no mask of a
    class, the boxes are used.
    """
    place = np.full((len(store), store.frames_per_clip), -1, np.int64)
    place[plan.clips, plan.picks] = np.arange(len(plan))
    found: dict[Pair, list[NDArray[np.uint8]]] = {}
    table = store.masks
    for row in np.flatnonzero(table.sounding & (table.label >= 0)).tolist():
        frame = int(place[table.clip[row], table.frame[row]])
        if frame >= 0:
            found.setdefault((frame, int(table.label[row])), []).append(np.packbits(table.pixels([row])[0]))
    masked = set(found)
    boxes = store.boxes
    for box in np.flatnonzero(boxes.sounding & (boxes.label >= 0)).tolist():
        pair = int(place[boxes.clip[box], boxes.frame[box]]), int(boxes.label[box])
        if pair[0] >= 0 and pair not in masked:
            found.setdefault(pair, []).append(np.packbits(_filled(boxes.xyxy[box], store.size)))
    return _planes(found, len(plan), store.size)


def _planes(found: dict[Pair, list[NDArray[Any]]], count: int, size: int) -> dict[str, Any]:
    classes: dict[int, list[int]] = {}
    for frame, label in sorted(found):
        classes.setdefault(frame, []).append(label)
    most = max((len(labels) for labels in classes.values()), default=1)
    masks = np.zeros((count, most, size, size), bool)
    mask_class = np.full((count, most), -1, np.int64)
    for frame, labels in classes.items():
        for part, label in enumerate(labels):
            bits = np.bitwise_or.reduce(found.pop((frame, label)))
            masks[frame, part] = np.unpackbits(bits, count=size * size).reshape(size, size)
            mask_class[frame, part] = label
    return {"masks": masks, "mask_class": mask_class, "clip_class": mask_class[:, 0].copy()}


def _filled(xyxy: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    """A box as pixels: all those that it touches."""
    left, top, right, bottom = np.clip(np.asarray(xyxy, np.float64) * size, 0, size)
    mask = np.zeros((size, size), bool)
    mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    return mask
