"""Some heat maps on their way to masks, with what several protocols can share: resized maps, extremes, order
statistics."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.protocols.protocol import Protocol
from avloc.protocols.resize import resize
from avloc.protocols.rules import (
    Rows,
    extremes,
    guided,
    normalise,
    order_statistic,
    order_statistic_of_each,
    relative_cut,
    top_share,
)

#: the cuts that the acl report chooses from, on the test set: swimmiing/ACL-SSL@57f4a6c
CUTS = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass
class Chunk:
    """Maps (n, h, w) float32 of n canvases of one size; maps with NaN or infinity hear nothing."""

    maps: NDArray[np.float32]
    objects: NDArray[np.float32] | None = None  # (n, h', w') for object-guided localization
    #: least and greatest value of the whole set, for the normalisation minmax-set
    ends: tuple[float, float] = (0.0, 1.0)
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.broken = np.logical_not(np.isfinite(self.maps).reshape(len(self.maps), -1).all(axis=1))
        if self.broken.any():
            self.maps = np.where(self.broken[:, None, None], np.float32(0), self.maps)

    def resized(self, protocol: Protocol, size: tuple[int, int]) -> Rows:
        """(n, P) pixels of the canvas, before normalisation."""
        return self._once(_key(protocol, size), lambda: self._resize(protocol, size))

    def _resize(self, protocol: Protocol, size: tuple[int, int]) -> Rows:
        rows = self._rows(self.maps, protocol, size)
        if protocol.normalise == "relu":
            return np.maximum(rows, np.float32(0))
        if protocol.ogl_alpha < 1 and self.objects is not None:
            objects = self._rows(self.objects, protocol, size)
            return guided(rows, objects, protocol.normalise, protocol.ogl_alpha, protocol.tau)
        return rows

    def _rows(self, maps: NDArray[np.float32], protocol: Protocol, size: tuple[int, int]) -> Rows:
        return resize(maps, *size, protocol.resize, protocol.align_corners).reshape(len(maps), -1)

    def extremes(self, protocol: Protocol, size: tuple[int, int]) -> tuple[Rows, Rows]:
        if protocol.normalise == "minmax-set":
            return np.full((1, 1), self.ends[0], np.float32), np.full((1, 1), self.ends[1], np.float32)
        return self._once((*_key(protocol, size), "ends"), lambda: extremes(self.resized(protocol, size)))

    def normalised(self, protocol: Protocol, size: tuple[int, int]) -> Rows:
        """(n, P) pixels after normalisation."""
        key = (*_key(protocol, size), protocol.normalise, protocol.tau)
        return self._once(key, lambda: self._normalise(protocol, size, self.resized(protocol, size)))

    def _normalise(self, protocol: Protocol, size: tuple[int, int], values: Rows) -> Rows:
        if protocol.ogl_alpha < 1 and self.objects is not None:
            return values  # already normalised before the two maps were mixed
        return normalise(values, protocol.normalise, *self.extremes(protocol, size), protocol.tau)

    def order(self, protocol: Protocol, size: tuple[int, int], place: int) -> Rows:
        """(n, 1) the normalised value at a place of each sorted map; taken from the resized values, in the same
        order."""
        key = (*_key(protocol, size), "order", place)
        return self._normalise(
            protocol, size, self._once(key, lambda: order_statistic(self.resized(protocol, size), place))
        )

    def order_of_each(self, protocol: Protocol, size: tuple[int, int], places: NDArray[np.int64]) -> Rows:
        return self._normalise(protocol, size, order_statistic_of_each(self.resized(protocol, size), places))

    def confidence(self, protocol: Protocol, size: tuple[int, int]) -> NDArray[np.float64]:
        """(n,) mean of the top quarter of each map: of the fixed-normalised map, else of the map as it was given."""

        def take() -> NDArray[np.float64]:
            rows = self.resized(protocol, size)
            fixed = protocol.normalise.startswith("fixed") and protocol.ogl_alpha >= 1
            return top_share(normalise(rows, "fixed", rows, rows, protocol.tau) if fixed else rows)

        return self._once((*_key(protocol, size), protocol.normalise.startswith("fixed"), "confidence"), take)

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def _key(protocol: Protocol, size: tuple[int, int]) -> tuple[Hashable, ...]:
    mixed = (protocol.ogl_alpha, protocol.normalise, protocol.tau) if protocol.ogl_alpha < 1 else ()
    return (size, protocol.resize, protocol.align_corners, protocol.normalise == "relu", mixed)


def heard(protocol: Protocol, chunk: Chunk, size: tuple[int, int], area: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, H, W) what each map hears under the protocol's rule; `area` (n,) is the truth's, for the rule area."""
    values, cut = chunk.normalised(protocol, size), threshold(protocol, chunk, size, area)
    mask = values > cut if protocol.strict else values >= cut
    if protocol.mask == "rank-or-one":
        mask |= values >= 1
    mask[chunk.broken] = False
    return mask.reshape(len(mask), *size)


def threshold(protocol: Protocol, chunk: Chunk, size: tuple[int, int], area: NDArray[np.int64]) -> Any:
    """The value that a pixel must reach (or exceed): one for each map (n, 1), or one for all."""
    pixels, rule = size[0] * size[1], protocol.mask
    if rule in ("rank", "rank-or-one"):
        return chunk.order(protocol, size, min(int(pixels * protocol.cut), pixels - 1))
    if rule == "median":
        low, high = chunk.order(protocol, size, (pixels - 1) // 2), chunk.order(protocol, size, pixels // 2)
        return (low + high) / np.float32(2)
    if rule == "relative":
        greatest = chunk._normalise(protocol, size, chunk.extremes(protocol, size)[1])
        return relative_cut(greatest, protocol.cut)
    if rule in ("area", "top"):
        kept = np.where(area > 0, area, pixels // 2)
        return chunk.order_of_each(protocol, size, np.minimum(pixels - kept, pixels - 1))
    return np.float32(protocol.cut)
