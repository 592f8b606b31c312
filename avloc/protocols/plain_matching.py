"""Maps matched to frames one after the other, plain version, for methods that do not know how many sources sound.

A clip shows F frames, stacked vertically on one canvas; the method gives one map per source that it found. In order,
each map is cut into frames and takes the frame with its highest cIoU (the first of equal ones), whose ground truth is
then cleared. Missing maps add zeros; surplus maps are compared with cleared truth.
VisualAIKHU/NoPrior_MultiSSL@9910fb1.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols import plain
from avloc.protocols.plain_units import Floats, Given, Maps, Scores, sources_of
from avloc.protocols.protocol import Protocol
from avloc.protocols.resize import resize

Masks = NDArray[np.bool_]  # (F, H, W)


def matched(protocol: Protocol, given: Given, truth: Truth, kept: list[int]) -> Scores:
    """The scores of the maps of each clip; an all-NaN map does not exist."""
    found = Scores()
    frames = sources_of(truth) if truth.mixed and protocol.canvas == "tall" else 1
    single = replace(protocol, canvas="frame")
    for clip in kept:
        own = [] if clip in given.missing else [heat for heat in given.maps[clip] if not np.isnan(heat).all()]
        if not own and protocol.missing == "drop":
            continue
        truths = frame_truths(single, truth, clip, frames)
        pairs, whole = _one_clip(single, own, given.maps[clip], truths)
        found.clip += [clip] * len(pairs)
        found.label += [int(truth.reported_class[clip])] * len(pairs)
        found.ciou += [ciou for ciou, _ in pairs]
        found.ap += [ap for _, ap in pairs]
        found.ap_of_clip[clip] = whole if own else 0.0
    return found


def frame_truths(protocol: Protocol, truth: Truth, clip: int, frames: int) -> list[Floats]:
    """The weights (H, W) of each frame: from all boxes of the clip, or from those of one mixed source."""
    if truth.masks is not None:
        masks = truth.masks[clip] if truth.mixed else truth.masks[clip].any(axis=0)[None]
        return [plain.truth_of_mask(protocol, mask) for mask in masks[:frames]]
    found = []
    for frame in range(frames):
        boxes = truth.box_clip == clip
        if frames > 1:
            boxes &= truth.sources == frame
        xywh = None if truth.xywh is None else truth.xywh[boxes]
        found.append(plain.truth_of_boxes(protocol, truth.boxes[boxes], xywh, truth.votes))
    return found


def _one_clip(
    protocol: Protocol, own: list[Maps], every: Maps, truths: list[Floats]
) -> tuple[list[tuple[float, float]], float]:
    """(cIoU, AP) of each map and of each missing one, and the AP over all pixels of the clip."""
    frames, pairs, left = len(truths), [], [weights.copy() for weights in truths]
    for heat in own:
        masks = frame_masks(protocol, heat, frames)
        scores = [plain.score(protocol, heat, weights, mask) for weights, mask in zip(left, masks, strict=True)]
        best = int(np.argmax(scores))
        pairs.append((scores[best], plain.ap_of_mask(masks[best], left[best] > 0)))
        left[best][:] = 0
    pairs += [(0.0, 0.0)] * (frames - len(own))
    # a broken map marks nothing, and makes the sum of all maps mark nothing
    broken = any(not np.isfinite(heat).all() for heat in own)
    with np.errstate(over="ignore"):
        summed = own[0] if len(every) == 1 and own else np.nansum(every, axis=0).astype(np.float32)
    masks = np.zeros((frames, *truths[0].shape), bool) if broken else frame_masks(protocol, summed, frames)
    return pairs, plain.ap_of_mask(masks, np.stack(truths) > 0)


def frame_masks(protocol: Protocol, heat: Maps, frames: int) -> Masks:
    """(F, H, W): a map resized to the canvas and cut into frames, each with a separate threshold."""
    size = protocol.size
    if not np.isfinite(heat).all():
        return np.zeros((frames, size, size), bool)
    canvas = resize(heat[None], size * frames, size, protocol.resize, protocol.align_corners)[0]
    parts = canvas.reshape(frames, size, size)
    return np.stack([plain.threshold(protocol, plain.normalised(protocol, part), np.zeros((0, 0))) for part in parts])
