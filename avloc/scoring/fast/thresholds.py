"""The threshold of a protocol as a number for each map: the lowest pixel value, before normalisation, that is marked.

Every normalisation is elementwise and order-preserving, so a mask is all pixels from some value upwards. That value is
found exactly, to the last float, so a mask is a single comparison for any normalisation.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from avloc.protocols.normalise import Rows, normalise, relative_cut
from avloc.protocols.plain import CUTS, SMOOTH_CUT, normalisation
from avloc.protocols.protocol import Protocol
from avloc.scoring.fast.resized_maps import Survey


def cuts_of(protocol: Protocol, known: Survey, pixels: int, area_key: tuple, ends: tuple[float, float]) -> list[Rows]:
    """The lowest marked value (U,) of each mask that the protocol uses.

    One mask; for the rule top two, of the pixels certainly marked and of those possibly marked; for best one for each
    cut; and a last one if the smoothed IoU of T-VSL is reported.
    """
    look = _Normalised(protocol, known, ends)
    rule, found = protocol.mask, []
    if rule in ("rank", "rank-or-one"):
        value = known.order[rank_place(protocol, pixels)]
        found = [look.lowest(look.of(value), protocol.strict, value)]
        if rule == "rank-or-one":
            found = [np.minimum(found[0], look.lowest(np.ones_like(value), False))]
    elif rule == "median":
        near, far = (known.order[place] for place in median_places(pixels))
        found = [look.lowest((look.of(near) + look.of(far)) / np.float32(2), protocol.strict, near)]
    elif rule == "relative":
        found = [look.lowest(relative_cut(look.of(known.high), protocol.cut), protocol.strict)]
    elif rule == "area":
        value = known.of_area[area_key]
        found = [look.lowest(look.of(value), protocol.strict, value)]
    elif rule == "top":
        value = known.of_area[area_key]
        found = [look.lowest(look.of(value), strict, value) for strict in (True, False)]
    elif rule == "best":
        cuts = np.repeat(np.array(CUTS, np.float32), len(known.low))  # all of them at once
        found = np.split(_Normalised(protocol, known, ends, len(CUTS)).lowest(cuts, protocol.strict), len(CUTS))
    else:
        found = [look.lowest(np.full_like(known.low, protocol.cut), protocol.strict)]
    if "smooth_iou" in protocol.report:
        found.append(look.lowest(np.full_like(known.low, SMOOTH_CUT), False))
    return found


def masks_of(protocol: Protocol) -> int:
    """How many masks `cuts_of` has cuts for."""
    return {"top": 2, "best": len(CUTS)}.get(protocol.mask, 1) + ("smooth_iou" in protocol.report)


def rule_key(protocol: Protocol) -> tuple:
    """Protocols with the same key mark the same pixels."""
    smooth = "smooth_iou" in protocol.report
    return protocol.mask, protocol.cut, protocol.strict, protocol.normalise, protocol.tau, smooth


def ap_kind(protocol: Protocol) -> str:
    """Protocols with the same kind and ground truth have the same continuous AP, but for constant maps."""
    return normalisation(protocol).removesuffix("-nan")


def rank_place(protocol: Protocol, pixels: int) -> int:
    """The index of a rank's threshold among the sorted pixels."""
    return min(int(pixels * protocol.cut), pixels - 1)


def median_places(pixels: int) -> tuple[int, int]:
    return (pixels - 1) // 2, pixels // 2


class _Normalised:
    """One value per map, seen through the protocol's normalisation."""

    def __init__(self, protocol: Protocol, known: Survey, ends: tuple[float, float], times: int = 1) -> None:
        self.kind = normalisation(protocol)
        self.tau = protocol.tau
        self.low, self.high = (np.tile(values, times) for values in (known.low, known.high))
        if self.kind == "minmax-set":
            self.low, self.high = (np.full_like(self.low, end) for end in ends)

    def of(self, values: Rows) -> Rows:
        with np.errstate(all="ignore"):
            return normalise(values, self.kind, self.low, self.high, self.tau)

    def lowest(self, cut: Rows, strict: bool, guess: Rows | None = None) -> Rows:
        """The lowest value of each map that is at (or, if strict, above) the cut after normalisation; infinity for
        none. guess: values near which it may be; they change no result."""
        if self.kind == "none":
            return np.nextafter(cut, np.float32(np.inf)) if strict else cut
        guess = self._back(cut) if guess is None else guess
        return lowest_accepted(lambda values: self.of(values) > cut if strict else self.of(values) >= cut, guess)

    def _back(self, cut: Rows) -> Rows:
        """Approximately the value that the normalisation maps to a cut."""
        with np.errstate(all="ignore"):
            if self.kind in ("none", "relu"):
                return cut
            if self.kind == "max":
                return cut * np.where(self.high > 0, self.high, np.float32(1))
            if self.kind == "fixed":
                return (2 * cut - 1) / np.float32(self.tau)
            return np.nan_to_num(self.low + cut * (self.high - self.low))


def lowest_accepted(accepts: Callable[[Rows], NDArray[np.bool_]], guess: Rows) -> Rows:
    """The lowest float32 of each row that a monotone condition accepts; infinity for none.

    It goes from the guess (n,) outwards in growing steps until the value is bracketed, then bisects over all floats
    between.
    """
    first = np.clip(_numbers(guess), _LAST_NEGATIVE + 1, _INFINITY - 1)
    down = accepts(_floats(first))
    above, below = np.where(down, first, _INFINITY), np.where(down, _LAST_NEGATIVE, first)
    step, unbounded = 1, True
    while unbounded:
        probe = np.clip(np.where(down, first - step, first + step), _LAST_NEGATIVE + 1, _INFINITY - 1)
        yes = accepts(_floats(probe))
        above, below = np.where(yes, np.minimum(above, probe), above), np.where(yes, below, np.maximum(below, probe))
        at_end = (probe == _LAST_NEGATIVE + 1) | (probe == _INFINITY - 1)
        unbounded = bool(((yes == down) & ~at_end).any())
        step *= 8
    while (above - below > 1).any():
        middle = (below + above) // 2
        yes = accepts(_floats(middle))
        above, below = np.where(yes, middle, above), np.where(yes, below, middle)
    return _floats(above)


#: float32 as integers in the same order: the bits of a positive one, minus the bits without sign of a negative one
_INFINITY = 0x7F800000
_LAST_NEGATIVE = -_INFINITY


def _floats(numbers: NDArray[np.int64]) -> Rows:
    bits = np.where(numbers >= 0, numbers, -numbers | 0x80000000)
    return bits.astype(np.uint32).view(np.float32)


def _numbers(floats: Rows) -> NDArray[np.int64]:
    bits = np.ascontiguousarray(floats, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
