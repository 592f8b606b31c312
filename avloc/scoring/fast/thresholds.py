"""The rule of a protocol as a number for each map: the lowest pixel value, before normalisation, that counts as heard.

Every normalisation is elementwise and never reverses order, so a mask is all pixels from some value upwards. That
value is found exactly, to the last float, and a mask is then one comparison however the protocol normalises.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from avloc.protocols.normalise import Rows, normalise, relative_cut
from avloc.protocols.plain import CUTS, SMOOTH_CUT, normalisation
from avloc.protocols.protocol import Protocol
from avloc.scoring.fast.resized_maps import Survey


def cuts_of(protocol: Protocol, known: Survey, pixels: int, area_key: tuple, ends: tuple[float, float]) -> list[Rows]:
    """The lowest heard value (U,) of each mask that the protocol looks at.

    One mask; for the rule top two, of the pixels surely heard and of those that may be; for best one for each cut;
    and a last one where the smoothed IoU of T-VSL is reported.
    """
    look = _Normalised(protocol, known, ends)
    rule, found = protocol.mask, []
    if rule in ("rank", "rank-or-one"):
        cut = look.of(known.order[rank_place(protocol, pixels)])
        found = [look.lowest(cut, protocol.strict)]
        if rule == "rank-or-one":
            found = [np.minimum(found[0], look.lowest(np.ones_like(cut), False))]
    elif rule == "median":
        low, high = (look.of(known.order[place]) for place in median_places(pixels))
        found = [look.lowest((low + high) / np.float32(2), protocol.strict)]
    elif rule == "relative":
        found = [look.lowest(relative_cut(look.of(known.high), protocol.cut), protocol.strict)]
    elif rule == "area":
        found = [look.lowest(look.of(known.of_area[area_key]), protocol.strict)]
    elif rule == "top":
        cut = look.of(known.of_area[area_key])
        found = [look.lowest(cut, True), look.lowest(cut, False)]
    elif rule == "best":
        found = [look.lowest(np.full_like(known.low, cut), protocol.strict) for cut in CUTS]
    else:
        found = [look.lowest(np.full_like(known.low, protocol.cut), protocol.strict)]
    if "smooth_iou" in protocol.report:
        found.append(look.lowest(np.full_like(known.low, SMOOTH_CUT), False))
    return found


def rule_key(protocol: Protocol) -> tuple:
    """Protocols with the same key cut the same pixels alike."""
    smooth = "smooth_iou" in protocol.report
    return protocol.mask, protocol.cut, protocol.strict, protocol.normalise, protocol.tau, smooth


def rank_place(protocol: Protocol, pixels: int) -> int:
    """Where the threshold of a rank stands among the sorted pixels."""
    return min(int(pixels * protocol.cut), pixels - 1)


def median_places(pixels: int) -> tuple[int, int]:
    return (pixels - 1) // 2, pixels // 2


class _Normalised:
    """Values of all maps, one a map, seen through the protocol's normalisation."""

    def __init__(self, protocol: Protocol, known: Survey, ends: tuple[float, float]) -> None:
        self.kind = normalisation(protocol)
        self.tau = protocol.tau
        self.low, self.high = known.low, known.high
        if self.kind == "minmax-set":
            self.low, self.high = (np.full_like(known.low, end) for end in ends)

    def of(self, values: Rows) -> Rows:
        with np.errstate(all="ignore"):
            return normalise(values, self.kind, self.low, self.high, self.tau)

    def lowest(self, cut: Rows, strict: bool) -> Rows:
        """The lowest value of each map that is at (or, if strict, above) the cut after normalisation; infinity for
        none."""
        return lowest_accepted(lambda values: self.of(values) > cut if strict else self.of(values) >= cut, len(cut))


def lowest_accepted(accepts: Callable[[Rows], NDArray[np.bool_]], rows: int) -> Rows:
    """The lowest float32 of each row that a rising condition accepts, by bisection over all floats; infinity for
    none."""
    below = np.full(rows, _LAST_NEGATIVE, np.int64)
    above = np.full(rows, _INFINITY, np.int64)
    while (above - below > 1).any():
        middle = (below + above) // 2
        yes = accepts(_floats(middle))
        above, below = np.where(yes, middle, above), np.where(yes, below, middle)
    return _floats(above)


#: float32 in rising order as whole numbers: the bits of a positive one, minus the bits without sign of a negative one
_INFINITY = 0x7F800000
_LAST_NEGATIVE = -_INFINITY


def _floats(numbers: NDArray[np.int64]) -> Rows:
    bits = np.where(numbers >= 0, numbers, -numbers | 0x80000000)
    return bits.astype(np.uint32).view(np.float32)
