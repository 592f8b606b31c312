"""The ground truth of all units of a task, drawn once for all protocols that draw it alike."""

import math
from dataclasses import dataclass, field
from mmap import mmap

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.boxes import pixel_corners
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.protocols.units import Units
from avloc.scoring.fast.bit_planes import Planes, draw, pack

_ROOM = 2**27  # bytes of bit planes that are kept: 20,000 frames of 224 x 224
_LARGE = 2**28  # bytes of heat maps beside which none are kept, so that memory stays near that of the maps
_STEP = 256
Ints = NDArray[np.int64]


@dataclass
class DrawnTruth:
    """Draws the ground truth of units by a protocol's rules; bit planes of all units are kept as long as there is room.

    map_bytes: of the heat maps that are scored.
    """

    truth: Truth
    units: Units
    frames: int = 1
    map_bytes: int = 0
    _areas: dict[tuple, tuple[Ints, NDArray[np.float64]]] = field(default_factory=dict)
    _kept: dict[tuple, Planes] = field(default_factory=dict)

    def key(self, protocol: Protocol) -> tuple:
        """Protocols with the same key compare with the same pixels."""
        return truth_key(protocol, self.truth, self.frames)

    def levels(self, protocol: Protocol) -> tuple[Ints, NDArray[np.float64]]:
        """Pixels of each level of the ground truth of every unit (U, L), and the weight of each level (L,)."""
        key = self.key(protocol)
        if key not in self._areas:
            self._draw(protocol, key)
        return self._areas[key]

    def of(self, protocol: Protocol, chosen: Ints) -> Planes:
        """The ground truth of some units; request `levels` of the protocol before threads use this."""
        self.levels(protocol)
        kept = self._kept.get(self.key(protocol))
        if kept is not None:
            return Planes(kept.bits[chosen], kept.weights)
        return draw_truth(protocol, self.truth, self.units, chosen, self.frames)

    def forget(self, protocol: Protocol) -> None:
        """Free the bit planes of a protocol's ground truth; they are drawn again if they are requested."""
        self._kept.pop(self.key(protocol), None)

    def forget_but(self, keys: set[tuple]) -> None:
        """Free all bit planes but those of these keys."""
        self._kept = {key: planes for key, planes in self._kept.items() if key in keys}

    def _draw(self, protocol: Protocol, key: tuple) -> None:
        amount, (height, width) = len(self.units), canvas_size(protocol, self.frames)
        _, unit = self.units.boxes_of(np.arange(amount))
        most = 1 if self.truth.masks is not None else _levels(protocol, self.truth, unit)
        shape = (amount, most, height, (width + 7) // 8)
        room = (_ROOM if self.map_bytes <= _LARGE else 0) - sum(planes.bits.nbytes for planes in self._kept.values())
        kept = _zeros(shape) if 0 < math.prod(shape) <= room else None
        levels, weight = np.zeros((amount, most), np.int64), 1.0
        for start in range(0, amount, _STEP):
            chosen = np.arange(start, min(start + _STEP, amount))
            planes = draw_truth(protocol, self.truth, self.units, chosen, self.frames)
            own, weight = len(planes.weights), planes.weights[0]
            levels[chosen, :own] = np.stack(planes.levels, axis=1)
            if kept is not None:
                kept[chosen, :own] = planes.bits
        weights = np.full(most, weight)
        self._areas[key] = levels, weights
        if kept is not None:
            self._kept[key] = Planes(kept, weights)


def _zeros(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Memory of its own, which goes back to the system when it is freed; numpy's would stay with the process."""
    return np.frombuffer(mmap(-1, math.prod(shape)), np.uint8).reshape(shape)


def truth_key(protocol: Protocol, truth: Truth, frames: int) -> tuple:
    """Protocols with the same key compare with the same pixels of this ground truth."""
    weights, reading, corners = protocol.truth, protocol.boxes, protocol.corners
    if weights == "votes" and truth.votes == 1:
        weights = "union"
    if truth.xywh is None:
        reading = "as-written"
        corners = "clip" if corners.startswith("extent") else corners
    return (*canvas_size(protocol, frames), weights, reading, corners)


def draw_truth(protocol: Protocol, truth: Truth, units: Units, chosen: Ints, frames: int = 1) -> Planes:
    """The ground truth of some units as bit planes, by the protocol's size, rule for corners and weights.

    On a wide canvas, a source's boxes are in the frame of their source; the rest of the canvas is background.
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
    """Pixel masks at the protocol's size, with nearest neighbours as in the released loader of VGGSound-Instruments.

    A clip that is scored as one, on one frame, has the masks of all its sources together.
    """
    assert truth.masks is not None
    whole = not truth.mixed and units.kind == "clip"
    size = protocol.size
    canvas = np.zeros((len(chosen), 1, height, width), bool)
    for number, unit in enumerate(chosen.tolist()):
        clip, part = units.clip[unit], units.part[unit]
        if whole:
            mask = truth.masks[clip].any(axis=0)
        elif units.kind == "class" and truth.mask_class is not None:
            mask = truth.masks[clip, truth.mask_class[clip] == part].any(axis=0)
        else:
            mask = truth.masks[clip, part]
        full = cv2.resize(mask.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
        left = part * size if protocol.canvas == "wide" else 0
        canvas[number, 0, :size, left : left + size] = full > 0
    return pack(canvas)
