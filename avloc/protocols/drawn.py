"""The truth of all units of a task, drawn once for all protocols that draw it alike."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.planes import Planes
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import Units, draw_truth, truth_key

_ROOM = 2**28  # bytes of bit planes that are kept: 40,000 frames of 224 x 224
_STEP = 256
Ints = NDArray[np.int64]


@dataclass
class DrawnTruth:
    """Draws the truth of units by a protocol's rules; bit planes are kept for all units as long as there is room."""

    truth: Truth
    units: Units
    frames: int = 1
    _areas: dict[tuple, tuple[Ints, NDArray[np.float64]]] = field(default_factory=dict)
    _kept: dict[tuple, Planes] = field(default_factory=dict)

    def key(self, protocol: Protocol) -> tuple:
        """Protocols with the same key compare with the same pixels."""
        return truth_key(protocol, self.truth, self.frames)

    def levels(self, protocol: Protocol) -> tuple[Ints, NDArray[np.float64]]:
        """Pixels of each level of the truth of every unit (U, L), and the weight of each level (L,)."""
        key = self.key(protocol)
        if key not in self._areas:
            self._draw(protocol, key)
        return self._areas[key]

    def of(self, protocol: Protocol, chosen: Ints) -> Planes:
        """The truth of some units; `levels` of the protocol has to be asked for before threads ask for this."""
        self.levels(protocol)
        kept = self._kept.get(self.key(protocol))
        if kept is not None:
            return Planes(kept.bits[chosen], kept.weights)
        return draw_truth(protocol, self.truth, self.units, chosen, self.frames)

    def _draw(self, protocol: Protocol, key: tuple) -> None:
        parts: list[Planes] = []
        counts: list[Ints] = []
        weight = 1.0
        room = _ROOM - sum(planes.bits.nbytes for planes in self._kept.values())
        for start in range(0, len(self.units), _STEP):
            chosen = np.arange(start, min(start + _STEP, len(self.units)))
            planes = draw_truth(protocol, self.truth, self.units, chosen, self.frames)
            counts.append(np.stack(planes.levels, axis=1))
            weight = planes.weights[0]
            if sum(part.bits.nbytes for part in parts) + planes.bits.nbytes <= room:
                parts.append(planes)
        most = max((len(part.T) for part in counts), default=1)
        padded = [np.pad(part, ((0, 0), (0, most - len(part.T)))) for part in counts]
        levels = np.concatenate(padded) if padded else np.zeros((0, 1), np.int64)
        weights = np.full(most, weight)
        self._areas[key] = levels, weights
        if parts and len(parts) == len(counts):
            bits = np.zeros((len(self.units), most, *parts[0].bits.shape[2:]), np.uint8)
            for number, part in enumerate(parts):
                bits[number * _STEP : number * _STEP + len(part.bits), : part.bits.shape[1]] = part.bits
            self._kept[key] = Planes(bits, weights)
