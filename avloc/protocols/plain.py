"""The definition of all protocols, for one clip and written as plainly as possible.

    values = normalised(protocol, resized(protocol, heat, truth.shape))
    mask = threshold(protocol, values, truth)
    ciou(mask, truth)

This is how one heat map becomes one number; `plain_report` computes those of a whole test set. `avloc evaluate` runs
avloc.scoring.fast, with the same numbers for thousands of maps; a test checks this for every protocol. The user's own
rule (Protocol.rule) has no fast version: it is scored here.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.given_arrays import array_of
from avloc.metrics import average_precision, ciou
from avloc.metrics.precision import average_precision_of_mask
from avloc.protocols.boxes import pixel_corners
from avloc.protocols.normalise import ap_values, extremes, guided, normalise, relative_cut, settled
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.protocols.resize import resize

Map = NDArray[np.float32]  # (h, w), or (H, W) at the size at which it is scored
Weights = NDArray[np.float64]  # (H, W), the weight of each pixel of the ground truth

#: the thresholds that the rule `best` chooses from, on the test set: swimmiing/ACL-SSL@57f4a6c
CUTS = tuple(round(0.05 * i, 2) for i in range(1, 20))
#: the option iou_thr of enyac-group/T-VSL@2cddbbb
SMOOTH_CUT = 0.3


def heard(
    protocol: Protocol, heat: Map, truth: Weights, objects: Map | None = None, ends: tuple[float, float] = (0.0, 1.0)
) -> NDArray:
    """The mask of a heat map under a protocol: (H, W) bool, or the share of each pixel in [0, 1].

    heat: (h, w), as the model gives it. A map with NaN or infinity marks nothing.
    truth: (H, W) weights; its shape is the size at which the map is scored.
    objects: (h, w), of object-guided localization. ends: the minimum and maximum of the whole set, for `minmax-set`.
    """
    heat = np.asarray(heat, np.float32)
    if not np.isfinite(heat).all():
        return np.zeros(truth.shape, bool)
    if protocol.rule is not None:
        return _own_mask(protocol, heat, truth)
    if objects is None:
        protocol = replace(protocol, normalise=settled(protocol.normalise, heat.shape, truth.shape, heat))
    return threshold(protocol, normalised(protocol, resized(protocol, heat, truth.shape, objects), ends), truth)


def resized(protocol: Protocol, heat: Map, size: tuple[int, ...], objects: Map | None = None) -> Map:
    """The map at the size (H, W) at which it is scored, mixed with the object map if the protocol does so."""
    height, width = size
    full = resize(heat[None], height, width, protocol.resize, protocol.align_corners)
    if objects is None or protocol.ogl_alpha >= 1:
        return full[0]
    others = resize(objects[None], height, width, *object_resize(protocol))
    # one row of pixels per map
    rows = guided(full.reshape(1, -1), others.reshape(1, -1), protocol.normalise, protocol.ogl_alpha, protocol.tau)
    return rows.reshape(height, width)


def object_resize(protocol: Protocol) -> tuple[str, bool]:
    """How an object map is resized, and whether with aligned corners."""
    aligned = protocol.object_resize == "bilinear-aligned"
    return ("bilinear", True) if aligned else (protocol.resize, protocol.align_corners)


def normalisation(protocol: Protocol) -> str:
    """The normalisation after resizing; for a mixture with object maps, only the last step of `fixed-minmax` remains."""
    if protocol.ogl_alpha >= 1:
        return protocol.normalise
    return "minmax" if protocol.normalise == "fixed-minmax" else "none"


def normalised(protocol: Protocol, values: Map, ends: tuple[float, float] = (0.0, 1.0)) -> Map:
    """The pixels (H, W) on the scale of the protocol's threshold."""
    kind, row = normalisation(protocol), values.reshape(1, -1)
    low, high = extremes(row)
    if kind == "minmax-set":
        low, high = (np.full_like(low, end) for end in ends)
    with np.errstate(all="ignore"):
        return normalise(row, kind, low, high, protocol.tau).reshape(values.shape)


def threshold(protocol: Protocol, values: Map, truth: Weights) -> NDArray:
    """The mask (H, W) of normalised pixels; under the rule top, the share of each pixel.

    rank: the value at index int(N * cut) of the N sorted pixels; rank-or-one also keeps pixels equal to 1. median: the mean
    of the two middle ones. absolute: the value `cut`. relative: this share of the maximum. area: as many pixels as the
    ground truth marks. top: the same, but pixels that tie at the threshold share the remaining number equally.
    """
    cut = _cut(protocol, np.sort(values, axis=None), truth)
    if protocol.mask == "top":
        return _loudest(values, cut, int(np.count_nonzero(truth)))
    with np.errstate(invalid="ignore"):
        mask = values > cut if protocol.strict else values >= cut
    return mask | (values >= 1) if protocol.mask == "rank-or-one" else mask


def _cut(protocol: Protocol, ordered: Map, truth: Weights) -> np.floating:
    pixels = len(ordered)
    if protocol.mask in ("rank", "rank-or-one"):
        return ordered[min(int(pixels * protocol.cut), pixels - 1)]
    if protocol.mask == "median":
        low, high = ordered[(pixels - 1) // 2], ordered[pixels // 2]
        return np.float32((low + high) / np.float32(2))
    if protocol.mask == "relative":
        return relative_cut(ordered[-1:], protocol.cut)[0]
    if protocol.mask in ("area", "top"):
        marked = np.count_nonzero(truth) or pixels // 2  # an empty ground truth counts as half of the pixels
        return ordered[min(pixels - marked, pixels - 1)]
    if protocol.mask == "absolute":
        return np.float32(protocol.cut)
    raise DataError(f"protocol {protocol.name}: the rule {protocol.mask!r} makes no mask of a single map")


def _loudest(values: Map, cut: np.floating, marked: int) -> NDArray[np.float64]:
    above, tied = values > cut, values == cut
    left, at_cut = marked - int(np.count_nonzero(above)), int(np.count_nonzero(tied))
    return above + tied * np.clip(left / max(at_cut, 1), 0, 1)


def _own_mask(protocol: Protocol, heat: Map, truth: Weights) -> NDArray:
    """The mask of the user's own rule, which must have the size of the ground truth."""
    assert protocol.rule is not None
    try:
        found = array_of(protocol.rule(heat.copy(), truth.copy()), "mask")  # copies, because the rule may modify them
    except Exception as error:
        raise DataError(
            f"protocol {protocol.name}: its rule failed on a map of shape {heat.shape} and a truth of {truth.shape}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if found.shape != truth.shape or found.dtype.kind not in "bfiu":
        what = f"an array of shape {found.shape} and type {found.dtype}"
        raise DataError(f"protocol {protocol.name}: its rule gave {what}; expected a mask of shape {truth.shape}")
    if found.dtype != bool and not ((found >= 0) & (found <= 1)).all():
        raise DataError(f"protocol {protocol.name}: its rule gave values outside [0, 1]; expected a mask")
    return found


def truth_of_boxes(
    protocol: Protocol,
    boxes: NDArray[np.floating],
    xywh: NDArray[np.floating] | None = None,
    votes: int = 1,
    frames: int = 1,
    source: int = 0,
    frame: tuple[int, int] | None = None,
) -> Weights:
    """The weight of each pixel (H, W), for boxes (M, 4) in fractions of the frame.

    xywh: (M, 4), the boxes as corner and extent, if the file has them in that form.
    votes: how many boxes must agree on a pixel for its full weight.
    frames, source: on a wide canvas of this many frames, the boxes are in the frame of their source.
    frame: width and height of the picture in pixels, for corners that are rounded in these.
    """
    height, width = canvas_size(protocol, frames)
    xyxy = boxes if xywh is None or protocol.boxes == "as-written" else xywh
    left = source * protocol.size if protocol.canvas == "wide" else 0
    weights = np.zeros((height, width))
    for x0, y0, x1, y1 in pixel_corners(xyxy, protocol.corners, protocol.size, xywh, frame):
        weights[y0:y1, left + x0 : left + x1] += 1
    if protocol.truth == "counts":
        return weights
    return np.minimum(weights / (votes if protocol.truth == "votes" else 1), 1)


def truth_of_mask(protocol: Protocol, mask: NDArray[np.bool_], frames: int = 1, source: int = 0) -> Weights:
    """The same for a pixel mask (h, w), with nearest neighbours as in the released loader of VGGSound-Instruments."""
    height, width = canvas_size(protocol, frames)
    size = (protocol.size, protocol.size)
    left = source * protocol.size if protocol.canvas == "wide" else 0
    weights = np.zeros((height, width))
    full = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    weights[: protocol.size, left : left + protocol.size] = full > 0
    return weights


def score(protocol: Protocol, heat: Map, truth: Weights, mask: NDArray, objects: Map | None = None) -> float:
    """cIoU of a mask (H, W), NaN if the release divides 0 by 0."""
    if protocol.normalise == "minmax-nan" and protocol.mask != "absolute" and _flat(protocol, heat, truth, objects):
        return float("nan")  # the release's mask of a constant map is itself NaN; with a fixed cut it is empty
    if not truth.any():
        return 0.0 if mask.any() else float("nan")
    return ciou(mask, truth)


def smooth_iou(protocol: Protocol, heat: Map, truth: Weights, objects: Map | None = None) -> float:
    """(intersection + 1e-4) / (union + 1e-4) at the cut 0.3: enyac-group/T-VSL@2cddbbb."""
    marked = truth > 0
    mask = heard(replace(protocol, mask="absolute", cut=SMOOTH_CUT, strict=False), heat, truth, objects)
    shared = np.count_nonzero(mask & marked)
    union = np.count_nonzero(mask | marked)
    return (shared + 1e-4) / (union + 1e-4)


def pixel_ap(protocol: Protocol, heat: Map, truth: Weights, mask: NDArray, objects: Map | None = None) -> float:
    """Average precision over the pixels of one map: of the mask (binary), with mask and truth exchanged (swapped), or
    of the normalised values (continuous). NaN if the release fails and leaves the source out."""
    marked, inside = truth > 0, np.asarray(mask, bool)
    if protocol.pixel_ap == "binary":
        return ap_of_mask(inside, marked)
    if protocol.pixel_ap == "swapped":
        return average_precision(inside, truth) if inside.any() else 0.0
    if protocol.truth == "counts" and truth.max() > 1:
        return float("nan")  # overlapping boxes
    if protocol.normalise == "inverted-nan" and _flat(protocol, heat, truth, objects):
        return float("nan")  # a constant map, which became 0/0
    if not np.isfinite(heat).all() or not marked.any():
        return 0.0
    row = resized(protocol, heat, truth.shape, objects).reshape(1, -1)
    return average_precision(marked.ravel(), ap_values(normalisation(protocol), row)[0])


def ap_of_mask(mask: NDArray[np.bool_], marked: NDArray[np.bool_]) -> float:
    """Average precision if the score of a pixel is 1 inside the mask and 0 outside."""
    shared, inside, area = (int(np.count_nonzero(part)) for part in (mask & marked, mask, marked))
    return float(average_precision_of_mask(shared, inside, area, marked.size))


def _flat(protocol: Protocol, heat: Map, truth: Weights, objects: Map | None) -> bool:
    """Whether a map is constant at the size at which it is scored."""
    if not np.isfinite(heat).all():
        return False
    values = resized(protocol, heat, truth.shape, objects)
    return bool(values.min() == values.max())
