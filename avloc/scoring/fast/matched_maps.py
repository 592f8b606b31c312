"""Maps matched to frames one after the other, as NoPrior_MultiSSL does, for methods that do not know how many sources
sound.

A clip shows F frames, stacked vertically on one canvas; the method gives one map per source that it found. In order,
each map is cut into frames and takes the frame with its highest cIoU (the first of equal ones), whose ground truth is
then cleared. Missing maps add zeros; surplus maps are compared with cleared truth.
VisualAIKHU/NoPrior_MultiSSL@9910fb1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.metrics import ciou_of_counts
from avloc.metrics.precision import average_precision_of_mask
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.protocols.resize import resize
from avloc.protocols.units import Units
from avloc.scoring.fast.bit_planes import Planes, count, pack
from avloc.scoring.fast.compiled import Loops, loops
from avloc.scoring.fast.given import Given
from avloc.scoring.fast.order_statistics import values_at
from avloc.scoring.fast.resized_maps import Survey, map_pieces
from avloc.scoring.fast.thresholds import cuts_of, rank_place
from avloc.scoring.fast.truth_masks import DrawnTruth

Floats = NDArray[np.float64]
_CHUNKS = 3  # taken together: masks are bits, and with fewer clips the calls of numpy take longer than the work


@dataclass
class Matched:
    """Scores of matched maps (I,) with the clip of each, and the pixel AP of every clip (N,)."""

    clip: NDArray[np.int64]
    ciou: Floats
    ap: Floats
    of_clip: Floats
    silent: int  # clips for which the method gave no map


def frames_of(truth: Truth, frames: int) -> Units:
    """A unit for each frame of each clip, with the boxes of its source."""
    clip, part = np.repeat(np.arange(len(truth)), frames), np.tile(np.arange(frames), len(truth))
    return Units(clip, part, np.full(len(clip), -1), truth.box_clip * frames + truth.sources, "source")


def match(protocol: Protocol, drawn: DrawnTruth, given: Given, todo: NDArray[np.int64], chunk: int) -> Matched:
    """Match the maps of the clips in `todo`; a map that is NaN throughout is no map, and a clip without any is
    dropped. A map that holds NaN or infinity among other values hears nothing.

    drawn: the ground truth of every frame; all clips have the same number of frames.
    """
    amount = len(drawn.truth)
    frames = len(drawn.units) // max(amount, 1)
    single = protocol.with_axes(canvas="frame")
    drawn.levels(single)
    of_clip, many = np.full(amount, np.nan), loops(given.maps)
    there, broken = np.zeros((2, *given.maps.shape[:2]), bool)
    step = _CHUNKS * chunk
    for clips in _parts(np.arange(len(given.maps)), step):
        pixels = given.maps[clips].reshape(len(clips), given.maps.shape[1], -1)
        there[clips] = np.logical_not(np.isnan(pixels).all(axis=2))
        broken[clips] = np.logical_and(there[clips], np.logical_not(np.isfinite(pixels).all(axis=2)))

    def piece(clips: NDArray[np.int64]) -> Floats:
        chosen = (clips[:, None] * frames + np.arange(frames)).reshape(-1)
        planes = drawn.of(single, chosen)
        masks = _masks(single, given.maps[clips], frames, many)
        masks[broken[clips]] = 0
        if masks.shape[1] > 1:
            with np.errstate(over="ignore"):
                summed = np.nansum(given.maps[clips], axis=1, keepdims=True).astype(np.float32)
            whole = _masks(single, summed, frames, many)[:, 0]
            whole[broken[clips].any(axis=1)] = 0
            whole[np.logical_not(np.isfinite(summed).all(axis=(1, 2, 3)))] = 0  # no float32 holds the sum
        else:
            whole = masks[:, 0]
        heard = there[clips].any(axis=1)
        of_clip[clips[heard]] = _whole_ap(whole, planes, single.size**2)[heard]
        return _assign(clips, masks, there[clips], planes, single.size**2)

    table = np.concatenate([np.zeros((0, 3)), *map_pieces(piece, _parts(todo, step))])
    silent = int((~there[todo].any(axis=1)).sum())
    return Matched(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], of_clip, silent)


def _parts(todo: NDArray[np.int64], step: int) -> Iterator[NDArray[np.int64]]:
    return (todo[start : start + step] for start in range(0, len(todo), step))


def _masks(protocol: Protocol, maps: NDArray[np.float32], frames: int, many: Loops | None) -> NDArray[np.uint8]:
    """(n, K, F, H, W/8): each map resized to the canvas and cut into frames, each with a separate threshold.

    many: the compiled loops, which give the same.
    """
    clips, amount = maps.shape[:2]
    flat = np.nan_to_num(maps.reshape(-1, *maps.shape[2:]), copy=True)
    height, width = canvas_size(protocol, 1)
    full = resize(flat, height * frames, width, protocol.resize, protocol.align_corners)
    rows = full.reshape(-1, height * width)
    place = rank_place(protocol, rows.shape[1])
    order = {place: values_at(rows, np.full((len(rows), 1), place), many)[:, 0]}
    cut, *_ = cuts_of(protocol, Survey(rows.min(axis=1), rows.max(axis=1), order), rows.shape[1], (), (0.0, 1.0))
    return pack((rows >= cut[:, None]).reshape(-1, height, width)).reshape(clips, amount, frames, height, -1)


def _assign(
    clips: NDArray[np.int64], masks: NDArray[np.uint8], there: NDArray[np.bool_], truth: Planes, pixels: int
) -> Floats:
    """Rows of clip, cIoU, AP: of every map that is there, in order, and zeros for missing ones; clears the truth of
    the frames (n * F) that were taken."""
    amount, maps, frames = masks.shape[:3]
    scores = np.zeros((2, amount, maps + frames))
    for number in range(maps):
        mask = masks[:, number].reshape(-1, *masks.shape[3:])
        shared, levels, marked = truth.shared(mask), truth.levels, count(mask)
        ciou = ciou_of_counts(truth.weigh(shared), truth.weigh(levels), marked - shared[0]).reshape(amount, frames)
        ap = average_precision_of_mask(shared[0], marked, levels[0], pixels).reshape(amount, frames)
        best = np.argmax(ciou, axis=1)
        rows = np.flatnonzero(there[:, number])
        scores[0, rows, number], scores[1, rows, number] = ciou[rows, best[rows]], ap[rows, best[rows]]
        truth.bits[rows * frames + best[rows]] = 0
    given = there.sum(axis=1, keepdims=True)
    counted = np.concatenate([there, (given > 0) & (np.arange(frames) < frames - given)], axis=1)
    clip = np.broadcast_to(clips[:, None], counted.shape)[counted]
    return np.stack([clip, scores[0][counted], scores[1][counted]], axis=1)


def _whole_ap(masks: NDArray[np.uint8], truth: Planes, pixels: int) -> Floats:
    """(n,) AP over the pixels of all frames of a clip together."""
    amount, frames = masks.shape[:2]
    flat = masks.reshape(amount * frames, *masks.shape[2:])
    hits, marked, area = (
        part.reshape(amount, frames).sum(axis=1) for part in (truth.shared(flat)[0], count(flat), truth.levels[0])
    )
    return average_precision_of_mask(hits, marked, area, pixels * frames)
