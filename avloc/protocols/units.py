"""What a protocol scores one by one: a clip, one of its sources, or one of the classes that sound in it."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.planes import Planes, draw, pack, pixel_corners
from avloc.protocols.protocol import Protocol

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """U things to score, in the order of their clips."""

    clip: Ints  # (U,) which clip
    part: Ints  # (U,) which source or class of the clip; 0 where the clip is the unit
    label: Ints  # (U,) class, -1 for none
    box_unit: Ints  # (M,) which unit each box is of

    def __len__(self) -> int:
        return len(self.clip)

    @cached_property
    def _boxes(self) -> tuple[Ints, Ints]:
        """Boxes sorted by unit, and where each unit's begin."""
        order = np.argsort(self.box_unit, kind="stable")
        return order, np.searchsorted(self.box_unit[order], np.arange(len(self) + 1))

    def boxes_of(self, chosen: Ints) -> tuple[Ints, Ints]:
        """The boxes of some units, and of which of the chosen each is."""
        order, begins = self._boxes
        amount = begins[chosen + 1] - begins[chosen]
        within = np.arange(amount.sum()) - np.repeat(np.cumsum(amount) - amount, amount)
        return order[np.repeat(begins[chosen], amount) + within], np.repeat(np.arange(len(chosen)), amount)


def units_of(truth: Truth, unit: str) -> Units:
    """The units of a truth: every clip (negatives too), or each pair of a clip and one of its sources or classes."""
    if unit == "clip":
        clips = np.arange(len(truth))
        return Units(clips, np.zeros_like(clips), truth.reported_class, truth.box_clip)
    if truth.masks is not None:
        clip, part = np.nonzero(truth.masks.any(axis=(2, 3)))
        if unit == "class" and truth.mask_class is not None:
            pairs = np.stack([clip, truth.mask_class[clip, part]], axis=1)
            clip, label = np.unique(pairs[pairs[:, 1] >= 0], axis=0).T
            return Units(clip, label, label, np.zeros(0, np.int64))
        return Units(clip, part, truth.reported_class[clip], np.zeros(0, np.int64))
    parts = truth.box_class if unit == "class" else truth.sources
    pairs = np.stack([truth.box_clip, parts], axis=1)
    found, first, box_unit = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    return Units(found[:, 0], found[:, 1], truth.box_class[first], box_unit.reshape(-1))


def canvas_size(protocol: Protocol, frames: int) -> tuple[int, int]:
    """Height and width in pixels of what one map shows, of so many frames."""
    wide = frames if protocol.canvas == "wide" else 1
    tall = frames if protocol.canvas == "tall" else 1
    return protocol.size * tall, protocol.size * wide


def truth_key(protocol: Protocol, truth: Truth, frames: int) -> tuple:
    """Protocols with the same key compare with the same pixels of this truth."""
    weights, reading, corners = protocol.truth, protocol.boxes, protocol.corners
    if weights == "votes" and truth.votes == 1:
        weights = "union"
    if truth.xywh is None:
        reading = "as-written"
        corners = "clip" if corners.startswith("extent") else corners
    return (*canvas_size(protocol, frames), weights, reading, corners)


def draw_truth(protocol: Protocol, truth: Truth, units: Units, chosen: Ints, frames: int = 1) -> Planes:
    """The truth of some units as bit planes, by the protocol's size, rule for corners and weights.

    On a wide canvas a source's boxes lie in the frame of their source; the rest of the canvas is background.
    """
    height, width = canvas_size(protocol, frames)
    if truth.masks is not None:
        return Planes(_draw_masks(truth, units, chosen, height, width, protocol), np.ones(1))
    boxes, unit = units.boxes_of(chosen)
    levels = _levels(protocol, truth, unit)
    xywh = None if truth.xywh is None else truth.xywh[boxes]
    xyxy = truth.boxes[boxes]
    if protocol.boxes == "xywh-as-corners" and xywh is not None:
        xyxy = xywh
    corners = pixel_corners(xyxy, protocol.corners, protocol.size, xywh)
    if protocol.canvas == "wide":
        corners[:, 0::2] += (units.part[chosen][unit] * protocol.size)[:, None]
    share = 1.0 / truth.votes if protocol.truth == "votes" else 1.0
    return Planes(draw(corners, unit, len(chosen), height, width, levels), np.full(levels, share))


def _levels(protocol: Protocol, truth: Truth, unit: Ints) -> int:
    if protocol.truth == "counts":
        return int(np.bincount(unit).max()) if len(unit) else 1
    return truth.votes if protocol.truth == "votes" else 1


def _draw_masks(
    truth: Truth, units: Units, chosen: Ints, height: int, width: int, protocol: Protocol
) -> NDArray[np.uint8]:
    """Pixel masks at the protocol's size, nearest neighbour, as the released loader of VGGSound-Instruments does.

    A clip that is scored as one, on one frame, has the masks of all its sources together.
    """
    assert truth.masks is not None
    whole = not truth.mixed and protocol.unit not in ("source", "class")
    size = protocol.size
    canvas = np.zeros((len(chosen), 1, height, width), bool)
    for number, unit in enumerate(chosen.tolist()):
        clip, part = units.clip[unit], units.part[unit]
        if whole:
            mask = truth.masks[clip].any(axis=0)
        elif protocol.unit == "class" and truth.mask_class is not None:
            mask = truth.masks[clip, truth.mask_class[clip] == part].any(axis=0)
        else:
            mask = truth.masks[clip, part]
        full = cv2.resize(mask.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
        left = part * size if protocol.canvas == "wide" else 0
        canvas[number, 0, :size, left : left + size] = full > 0
    return pack(canvas)
