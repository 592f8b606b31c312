"""From a heat map to a mask: normalisations and order statistics, on many maps at once and in float32 as published.

Maps are (n, P) float32, one row of P pixels for each map. Every normalisation is an elementwise, order-preserving
function of the pixel and of its map's minimum and maximum, so order statistics can be taken before it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Rows = NDArray[np.float32]
NORMALISATIONS = (
    "none",
    "minmax",
    "minmax-nan",
    "inverted",
    "inverted-nan",
    "fixed",
    "fixed-minmax",
    "max",
    "relu",
    "minmax-set",
    "minmax-if-needed",
)
MASK_RULES = ("rank", "rank-or-one", "median", "absolute", "relative", "area", "top", "best", "own", "none")
#: object maps are scaled by this constant range if audio-visual maps have a fixed one: stoneMo/SLAVC@05b429c
OBJECT_RANGE = (0.0, 2.5)


def normalise(values: Rows, kind: str, low: Rows, high: Rows, tau: float = 0.03) -> Rows:
    """Normalised pixels; `low` and `high` (n, 1) are the minimum and maximum of each whole map.

    minmax leaves constant maps as they are, minmax-nan divides 0 by 0 there (sspl); inverted is 1 - minmax(-H)
    (hardway), inverted-nan the same except for constant maps (tvsl); fixed is (H + 1/tau) / (2/tau), for maps that are
    cosines over tau (slavc); max divides by the maximum; relu clears negative values (coarse-to-fine);
    minmax-set uses the extremes of the whole set instead of the map's (denseav); minmax-if-needed is minmax, unless
    `settled` made it none (acl).
    """
    if kind == "none":
        return values
    if kind == "relu":
        return np.maximum(values, np.float32(0))
    if kind in ("minmax", "minmax-set", "minmax-if-needed"):
        return _minmax(values, low, high)
    if kind == "minmax-nan":
        with np.errstate(invalid="ignore"):
            return (values - low) / (high - low)
    if kind == "inverted-nan":
        with np.errstate(invalid="ignore"):
            return np.float32(1) - (high - values) / (high - low)
    if kind == "inverted":
        inverse = _minmax(-values, -high, -low)
        return np.subtract(np.float32(1), inverse, out=inverse)
    if kind == "fixed":
        return _fixed(values, tau)
    if kind == "fixed-minmax":
        return _minmax(_fixed(values, tau), _fixed(low, tau), _fixed(high, tau))
    if kind == "max":
        return np.divide(values, np.where(high > 0, high, np.float32(1)), dtype=np.float32)
    raise ValueError(f"normalisation {kind!r}; expected one of {', '.join(NORMALISATIONS)}")


def settled(kind: str, shape: tuple[int, ...] | None, size: tuple[int, ...], values: ArrayLike) -> str:
    """The normalisation of maps of a shape (h, w) that are scored at a size (H, W). shape: None for maps that were resized
    before. values: of all maps, or their least and greatest.

    ACL's maps are sigmoids at the size at which they are scored, and its release compares them as they are
    (swimmiing/ACL-SSL@57f4a6c): minmax-if-needed is none for such maps, and minmax for all others.
    """
    if kind != "minmax-if-needed":
        return kind
    return "none" if shape == size and np.min(values) >= 0 and np.max(values) <= 1 else "minmax"


def ap_values(kind: str, rows: Rows) -> Rows:
    """The pixels whose order the continuous average precision takes, on the scale of the masks: in float32 some of them tie
    there, as in the release (T-VSL inverts its maps). Constant maps have no other scale than their own."""
    scale = "none" if kind == "minmax-set" else kind.removesuffix("-nan")
    low, high = extremes(rows)
    with np.errstate(all="ignore"):
        scaled = normalise(rows, scale, low, high)
        ends = normalise(low, scale, low, high), normalise(high, scale, low, high)
    beyond = ~np.isfinite(ends).all(axis=0)  # float32 does not hold their range; all other pixels lie between the ends
    return np.where(beyond, rows, scaled) if beyond.any() else scaled


def guided(maps: Rows, objects: Rows, kind: str, alpha: float, tau: float = 0.03) -> Rows:
    """Object-guided localization: alpha * norm(AV) + (1 - alpha) * norm(OBJ), then min-max.

    maps, objects: (n, P). Mo and Morgado, ECCV 2022 (stoneMo/EZ-VSL@95ff5bf, alpha 0.4); with fixed normalisation the
    object map is scaled by a constant range and the mixture is left unchanged, because the confidence is computed from it
    (stoneMo/SLAVC@05b429c, alpha 0.9; fixed-minmax min-maxes it afterwards).
    """
    fixed = kind.startswith("fixed")
    ours = _fixed(maps, tau) if fixed else normalise(maps, kind, *extremes(maps), tau)
    least, most = (np.float32(end) for end in OBJECT_RANGE)
    theirs = (objects - least) / (most - least) if fixed else normalise(objects, kind, *extremes(objects), tau)
    mixed = (ours * np.float32(alpha) + theirs * np.float32(1 - alpha)).astype(np.float32)
    return mixed if fixed else _minmax(mixed, *extremes(mixed))


def extremes(values: Rows) -> tuple[Rows, Rows]:
    """(n, 1) each: the minimum and maximum of every row."""
    return values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)


def _minmax(values: Rows, low: Rows, high: Rows) -> Rows:
    flat = low == high
    span = np.where(flat, np.float32(1), high - low)
    scaled = values - np.where(flat, np.float32(0), low)
    scaled /= span
    return scaled


def _fixed(values: Rows, tau: float) -> Rows:
    moved = values - np.float32(-1 / tau)
    moved /= np.float32(2 / tau)
    return moved


def relative_cut(high: Rows, cut: float) -> Rows:
    """cut * maximum as numpy before 2.0 computed it: the product in float64, compared in float32."""
    return (cut * high.astype(np.float64)).astype(np.float32)


def top_pixels(pixels: int) -> int:
    """How many of the highest pixels a confidence averages: a quarter, rounded up (stoneMo/SLAVC@05b429c)."""
    return -(-pixels // 4)


def top_share(values: Rows) -> NDArray[np.float64]:
    """(n,) mean of the highest quarter of each row."""
    rest = values.shape[1] - top_pixels(values.shape[1])
    return np.partition(values, rest, axis=1)[:, rest:].mean(axis=1, dtype=np.float64)
