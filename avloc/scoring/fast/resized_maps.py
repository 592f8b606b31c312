"""Heat maps at the size at which a protocol compares them, and what must be known of a whole map before its threshold is.

Protocols that resize alike share a look, so maps are resized and their order statistics found once for all of them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from avloc.processes import processors
from avloc.protocols.normalise import Rows, guided, top_pixels
from avloc.protocols.plain import object_resize
from avloc.protocols.protocol import Protocol
from avloc.protocols.resize import resize
from avloc.scoring.fast.compiled import Loops
from avloc.scoring.fast.order_statistics import values_at

Maps = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Look:
    """How maps are resized, and mixed with object maps where a protocol does that."""

    height: int
    width: int
    resize: str
    align_corners: bool
    #: normalisation, weight and temperature of a mixture with object maps; empty for none
    mixed: tuple[str, float, float] | tuple[()] = ()
    #: how object maps are resized, and whether with aligned corners
    of_objects: tuple[str, bool] = ("none", False)

    @property
    def pixels(self) -> int:
        return self.height * self.width

    def rows(self, maps: Maps, objects: Maps | None) -> Rows:
        """(n, P) pixels of maps (n, h, w)."""
        rows = self._resized(maps, self.resize, self.align_corners)
        if not self.mixed or objects is None:
            return rows
        kind, alpha, tau = self.mixed
        return guided(rows, self._resized(objects, *self.of_objects), kind, alpha, tau)

    def _resized(self, maps: Maps, kind: str, align_corners: bool) -> Rows:
        return resize(maps, self.height, self.width, kind, align_corners).reshape(len(maps), -1)


def look_of(protocol: Protocol, size: tuple[int, int], given: tuple[int, ...] = ()) -> Look:
    """given: height and width of the maps; where they have the size already, all ways of resizing are one look."""
    how = ("none", False) if given == size else (protocol.resize, protocol.align_corners)
    if protocol.ogl_alpha >= 1:
        return Look(*size, *how)
    mixed = (protocol.normalise, protocol.ogl_alpha, protocol.tau)
    return Look(*size, *how, mixed, object_resize(protocol))


@dataclass
class Survey:
    """What is known of each of U maps under one look: its lowest and highest pixel, the order statistics that mask rules
    need, and its confidence if a metric needs it."""

    low: Rows
    high: Rows
    #: the value at a place among the sorted pixels, by place
    order: dict[int, Rows] = field(default_factory=dict)
    #: the value at the place that the area of the unit's truth gives, by the key of that truth
    of_area: dict[tuple, Rows] = field(default_factory=dict)
    confidence: NDArray[np.float64] | None = None

    @classmethod
    def empty(cls, units: int, places: Iterable[int], areas: Iterable[tuple], confidence: bool) -> "Survey":
        """A survey with nothing filled in."""
        return cls(
            np.zeros(units, np.float32),
            np.zeros(units, np.float32),
            {place: np.zeros(units, np.float32) for place in places},
            {key: np.zeros(units, np.float32) for key in areas},
            np.full(units, -np.inf) if confidence else None,
        )

    def look_at(self, chosen: Ints, rows: Rows, areas: Mapping[tuple, Ints], many: Loops | None = None) -> None:
        """Fill in the maps `chosen`, whose pixels are `rows` (n, P).

        areas: pixels (U,) of the truth, by its key.
        many: the compiled loops, which give the same.
        """
        pixels = rows.shape[1]
        columns = [np.full(len(rows), place) for place in self.order]
        columns += [_area_places(areas[key][chosen], pixels) for key in self.of_area]
        if self.confidence is not None:
            columns.append(np.full(len(rows), pixels - top_pixels(pixels)))
        values = list(values_at(rows, np.stack(columns, axis=1), many).T) if columns else []
        self.low[chosen], self.high[chosen] = rows.min(axis=1), rows.max(axis=1)
        for into, column in zip([*self.order.values(), *self.of_area.values()], values, strict=False):
            into[chosen] = column
        if self.confidence is not None:
            self.confidence[chosen] = mean_of_loudest(rows, values[-1], self.high[chosen], top_pixels(pixels), many)

    def of(self, chosen: Ints) -> "Survey":
        """The survey of some of the maps, without their confidence, which no threshold needs."""
        order = {place: values[chosen] for place, values in self.order.items()}
        of_area = {key: values[chosen] for key, values in self.of_area.items()}
        return Survey(self.low[chosen], self.high[chosen], order, of_area)


def mean_of_loudest(rows: Rows, least: Rows, most: Rows, amount: int, many: Loops | None = None) -> NDArray[np.float64]:
    """(n,) the mean of the highest pixels of each row, `amount` of them.

    least: (n,) the lowest of them; other pixels may be equal to it. most: (n,) the highest.
    many: the compiled loops, which give the same.
    """
    sums, room = np.empty(len(rows)), np.empty(rows.shape[1], bool)
    for number, (row, cut, highest) in enumerate(zip(rows, least, most, strict=True)):
        if many is not None and _exact_in_any_order(cut, highest, len(row)):
            sums[number] = many.raised_sum(row, cut) - (len(row) - amount) * np.float64(cut)
            continue
        # not "above": NaN is the highest, as in sorting
        higher = row.compress(np.logical_not(np.less_equal(row, cut, out=room), out=room))
        with np.errstate(invalid="ignore"):  # infinity less infinity
            sums[number] = higher.sum(dtype=np.float64) + (amount - len(higher)) * np.float64(cut)
    return sums / amount


def _exact_in_any_order(least: np.float32, most: np.float32, amount: int) -> bool:
    """Whether double precision adds `amount` float32 values from least to most without any rounding, in any order.

    A float32 has 24 bits, so all values are multiples of a step of at least 2**-24 of the value nearest to zero. Double
    precision is exact for sums below 2**53 steps. If all values have one sign, no sum exceeds amount times the value farthest
    from zero, so it is enough that this is at most 2**28 times the nearest value: less than 2**53 steps.
    """
    near, far = (least, most) if least > 0 else (-most, -least)
    return bool(near > 0 and far < np.inf and np.float64(far) * amount <= np.float64(near) * 2**28)


def _area_places(area: Ints, pixels: int) -> Ints:
    """The place, among the sorted pixels, of the lowest of the highest `area` pixels; of half of all pixels if the ground
    truth is empty."""
    return np.minimum(pixels - np.where(area > 0, area, pixels // 2), pixels - 1)


def over_pieces(work: Callable, pieces: Iterator) -> None:
    """Do the work for every piece; pieces touch different clips."""
    for _ in map_pieces(work, pieces):
        pass


def map_pieces(work: Callable, pieces: Iterator) -> Iterator:
    """The work of every piece, in order, on as many threads as there are cores (at most four).

    Matrix products stay within their thread: a library that starts threads of its own for each of them is much slower.
    """
    threads = min(4, processors())
    if threads == 1:
        yield from map(work, pieces)
        return
    waiting: deque[Future] = deque()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) >= 4 * threads:  # so that finished results do not pile up
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
