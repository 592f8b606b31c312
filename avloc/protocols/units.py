"""The units that a protocol scores: a clip, one of its sources, or one of the classes that sound in it."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.protocol import Protocol

Ints = NDArray[np.int64]
#: units of protocols that use the pixels of sounding objects, and never boxes if there are masks
OF_PIXELS = ("batch", "labels", "picture")


def truth_for(protocol: Protocol, truth: Truth) -> Truth:
    """The ground truth for a protocol: pixels, or boxes if a benchmark has both."""
    if protocol.unit not in OF_PIXELS:
        return replace(truth, masks=None, mask_class=None, boxed=False) if truth.boxed else truth
    if protocol.unit == "batch" and truth.masks is None and (truth.labels is not None or truth.pictures is not None):
        return replace(truth, masks=_foreground(truth, protocol.size)[:, None])
    return truth


def _foreground(truth: Truth, size: int) -> NDArray[np.bool_]:
    """(N, h, w), all sounding pixels of each clip."""
    if truth.labels is not None:
        return truth.labels > 0
    assert truth.pictures is not None
    masks = np.zeros((len(truth), size, size), bool)
    for mask, picture in zip(masks, truth.pictures, strict=True):
        full = picture.drawn().astype(np.uint8)
        mask[:] = cv2.resize(full, (size, size), interpolation=cv2.INTER_NEAREST_EXACT) > 0
    return masks


@dataclass(frozen=True)
class Units:
    """U units to score, in the order of their clips."""

    clip: Ints  # (U,) index of the clip
    part: Ints  # (U,) source or class of the clip; 0 if the clip is the unit
    label: Ints  # (U,) class, -1 for none
    box_unit: Ints  # (M,) unit of each box; -1 for a box of none
    kind: str = "clip"  # clip, source or class

    def __len__(self) -> int:
        return len(self.clip)

    @cached_property
    def _boxes(self) -> tuple[Ints, Ints]:
        """Boxes sorted by unit, and the start of each unit."""
        order = np.argsort(self.box_unit, kind="stable")
        return order, np.searchsorted(self.box_unit[order], np.arange(len(self) + 1))

    def boxes_of(self, chosen: Ints) -> tuple[Ints, Ints]:
        """The boxes of some units, and the index of the chosen unit for each."""
        order, begins = self._boxes
        amount = begins[chosen + 1] - begins[chosen]
        within = np.arange(amount.sum()) - np.repeat(np.cumsum(amount) - amount, amount)
        return order[np.repeat(begins[chosen], amount) + within], np.repeat(np.arange(len(chosen)), amount)


def units_of(truth: Truth, unit: str) -> Units:
    """The units of a ground truth: every clip (including negatives), or each pair of a clip and one of its sources or
    classes.
    """
    if unit == "clip":
        clips = np.arange(len(truth))
        return Units(clips, np.zeros_like(clips), truth.reported_class, truth.box_clip)
    if truth.masks is not None:
        clip, part = np.nonzero(truth.masks.any(axis=(2, 3)))
        if unit == "class" and truth.mask_class is not None:
            pairs = np.stack([clip, truth.mask_class[clip, part]], axis=1)
            clip, label = np.unique(pairs[pairs[:, 1] >= 0], axis=0).T
            return Units(clip, label, label, np.zeros(0, np.int64), unit)
        return Units(clip, part, truth.reported_class[clip], np.zeros(0, np.int64), unit)
    parts = truth.box_class if unit == "class" else truth.sources
    pairs = np.stack([truth.box_clip, parts], axis=1)
    found, first, box_unit = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    box_unit, label = box_unit.reshape(-1), truth.box_class[first]
    if unit == "class" and (label < 0).any():  # a box without a class is of none of them
        kept = np.flatnonzero(label >= 0)
        number = np.full(len(label), -1)
        number[kept] = np.arange(len(kept))
        found, label, box_unit = found[kept], label[kept], number[box_unit]
    return Units(found[:, 0], found[:, 1], label, box_unit, unit)
