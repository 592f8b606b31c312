"""A protocol: one published way from heat maps to a score, as a frozen value of named axes."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, get_args, get_type_hints

from numpy.typing import NDArray

from avloc.errors import ConfigError
from avloc.protocols.boxes import CORNERS
from avloc.protocols.normalise import MASK_RULES, NORMALISATIONS
from avloc.protocols.resize import RESIZES

CHOICES: dict[str, tuple[str, ...]] = {
    "unit": ("auto", "clip", "source", "class", "greedy", "pixels", "batch", "labels", "picture", "union", "sounds"),
    "aggregate": ("pooled", "frame"),
    "canvas": ("frame", "wide", "tall"),
    "resize": RESIZES,
    "object_resize": ("as-map", "bilinear-aligned"),
    "normalise": NORMALISATIONS,
    "mask": MASK_RULES,
    "truth": ("votes", "union", "counts"),
    "boxes": ("as-written", "xywh-as-corners"),
    "corners": CORNERS,
    "lookup": ("own", "partner"),
    "pixel_ap": ("none", "binary", "swapped", "continuous", "pooled"),
    "missing": ("zero", "drop"),
    "negatives": ("apart", "zero"),
    "undefined": ("zero", "nan"),
    "nsa_skip": ("first", "class"),
}
#: the axes that the user's own rule replaces
_OF_MASKS = ("resize", "align_corners", "normalise", "tau", "ogl_alpha", "object_resize", "mask", "cut", "strict")
_MOST = 1e9
#: range of the numeric axes; whether a cut is a share depends on the mask
_RANGES: dict[str, tuple[float, float]] = {
    "size": (8, 4096),
    "tau": (1e-6, _MOST),
    "ogl_alpha": (0, 1),
    "cut": (-_MOST, _MOST),
    "level": (0, _MOST),
    "nsa_cut": (-_MOST, _MOST),
    "nsa_maps": (0, _MOST),
    "batch": (1, _MOST),
    "padding": (0, _MOST),
}


#: your own rule: (heat map (h, w), truth (H, W) weights in [0, 1]) to a mask (H, W), True where it hears the sound
Rule = Callable[[NDArray, NDArray], NDArray]


@dataclass(frozen=True)
class Protocol:
    """How maps become masks, what they are compared with, and what is reported.

    Every field but name, source and rule is an axis. avloc.protocols.plain reads them.
    """

    name: str
    #: its source: paper or repository@commit
    source: str
    #: what is scored: the clip, each source, each class (of cluster or class maps), maps matched greedily to frames,
    #: all pixels of a class, batches of frames, the class of every pixel (labels), each clip at the size of its own
    #: picture, the first boxes of all sources together (union), or clips with other sounds (sounds); auto is class
    #: where an assignment or class names are given, else clip for one map, else source
    unit: str = "clip"
    #: whether success is counted per unit (pooled) or for the mean of a frame's units (frame)
    aggregate: str = "pooled"
    #: what a map shows: its own frame, or the frames of all sources side by side (wide) or one above the other (tall)
    canvas: str = "frame"
    #: side of a frame in pixels, for maps and ground truth
    size: int = 224
    resize: str = "cv2-linear"
    align_corners: bool = False
    normalise: str = "none"
    #: temperature of the fixed normalisation
    tau: float = 0.03
    #: weight of the audio-visual map relative to the object map (object-guided localization); 1 uses no object map
    ogl_alpha: float = 1.0
    #: how an object map is resized: like the audio-visual map, or bilinear with aligned corners whatever that map's
    #: resize is (one release does this)
    object_resize: str = "as-map"
    mask: str = "rank"
    #: share of pixels below the threshold (rank), value (absolute), share of the maximum (relative)
    cut: float = 0.5
    #: a pixel must exceed the threshold instead of reaching it
    strict: bool = False
    #: weight of a pixel: the benchmark's votes, the union of boxes, or plain counts of boxes
    truth: str = "votes"
    #: boxes written as x, y, w, h read as the corners x1, y1, x2, y2, which is what some releases do
    boxes: str = "as-written"
    corners: str = "clip"
    #: whose boxes a mixed clip is compared with: its own row's, or those of its partner's row, as one release does
    lookup: str = "own"
    #: average precision over pixels: mask as score, the release's swapped arguments, continuous scores, or pooled
    #: over clips
    pixel_ap: str = "none"
    #: success thresholds are the float products 0.05*i of the published loops (0.3 is 0.30000000000000004), or plain
    grid: bool = True
    #: a success exceeds its threshold instead of reaching it
    strict_success: bool = False
    #: score only frames with exactly this many classes; 0 is all frames
    level: int = 0
    #: a requested clip without a prediction scores 0, or is dropped (and counted)
    missing: str = "zero"
    #: a clip without any box only counts in the metrics of silent clips (if there are none, it is counted), or scores 0
    negatives: str = "apart"
    #: the score if neither ground truth nor mask has a pixel: 0, or undefined (a failure at every threshold, even 0)
    undefined: str = "zero"
    nsa_cut: float = 0.2
    #: only use this many maps for silence; 0 is all of them
    nsa_maps: int = 0
    #: of a sounding class, leave out only its first map or all of its maps
    nsa_skip: str = "first"
    #: frames in a batch, where a release takes its metrics batch by batch (unit batch)
    batch: int = 1
    #: frames of a video to which a release pads shorter ones with background (unit labels); 0 pads none
    padding: int = 0
    report: tuple[str, ...] = ("locacc", "auc", "ciou")
    #: axes that differ from the named protocol
    changed: tuple[str, ...] = ()
    #: your own rule instead of the axes that make a mask of a map (resize, normalise, mask, cut, ...)
    rule: Rule | None = None

    def __post_init__(self) -> None:
        if self.rule is not None:
            object.__setattr__(self, "mask", "own")

    def axes(self) -> dict[str, Any]:
        """Name, source and every axis, for the result."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self) if one.name != "rule"}

    def with_axes(self, **axes: Any) -> "Protocol":
        """The same protocol with some axes changed; values may be text as typed. ConfigError names a wrong axis or
        value."""
        values = {name: read_axis(self.name, name, value) for name, value in axes.items()}
        idle = [name for name in values if self.rule is not None and name in _OF_MASKS]
        if idle:
            raise ConfigError(f"protocol {self.name} makes masks with its own rule; the axis {idle[0]} has no effect")
        changed = {name for name, value in values.items() if value != getattr(self, name)}
        return replace(self, **values, changed=tuple(sorted({*self.changed, *changed})))

    @property
    def label(self) -> str:
        """The name with the changed axes, for tables: results with different labels are not comparable."""
        return self.name + "".join(f" {name}={getattr(self, name)}" for name in self.changed if name != "report")


def canvas_size(protocol: Protocol, frames: int) -> tuple[int, int]:
    """Height and width in pixels of a map's canvas with this many frames."""
    wide = frames if protocol.canvas == "wide" else 1
    tall = frames if protocol.canvas == "tall" else 1
    return protocol.size * tall, protocol.size * wide


def axis_names() -> list[str]:
    """The axes that can be overridden."""
    return [one.name for one in fields(Protocol) if one.name not in ("name", "source", "changed", "rule")]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def read_axis(protocol: str, name: str, value: Any) -> Any:
    """The value of an axis, also from text as typed; ConfigError names a wrong axis or value."""
    if name not in axis_names():
        raise ConfigError(f"protocol {protocol}: no axis {name!r}; the axes are {', '.join(axis_names())}")
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise ConfigError(f"protocol {protocol}: {name} {value!r}; expected one of {', '.join(CHOICES[name])}")
        return value
    kind = _types()[name]
    try:
        if kind is bool:
            return _truth_value(value)
        if get_args(kind):
            return tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        if name == "nsa_maps" and value == "all":
            return 0
        number = kind(value)
        low, high = _RANGES[name]
        if not low <= number <= high:
            raise ValueError
        return number
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"protocol {protocol}: {name} {value!r}; expected {_wanted(name, kind)}") from None


@cache
def _types() -> dict[str, Any]:
    """The type of each axis; reading the annotations takes a moment, and every axis of every protocol is checked."""
    return get_type_hints(Protocol)


def _wanted(name: str, kind: type) -> str:
    if kind is bool:
        return "true or false"
    if name not in _RANGES:
        return "names of metrics"
    what, (low, high) = "a whole number" if kind is int else "a number", _RANGES[name]
    if high < _MOST:
        return f"{what} from {low:g} to {high:g}"
    return what if low == -_MOST else f"{what}, {low:g} or more"


def _truth_value(value: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]
