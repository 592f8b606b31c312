"""All maps of a clip together compared with the first box of each source, as in GAR-SSL."""

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.boxes import pixel_corners
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.protocols.units import units_of
from avloc.scoring.fast.bit_planes import Bits, count, draw, pack
from avloc.scoring.fast.given import Given
from avloc.scoring.fast.resized_maps import Survey, look_of
from avloc.scoring.fast.thresholds import cuts_of, median_places, rank_place
from avloc.scoring.fast.truth_masks import draw_truth

Ints = NDArray[np.int64]
#: rules that only need the map itself
RULES = ("rank", "rank-or-one", "median", "absolute", "relative")


def union_counts(protocol: Protocol, truth: Truth, given: Given, firsts: Ints, clips: Ints) -> Ints:
    """(n, 3) pixels of some clips: in both mask and ground truth, in the mask, in the ground truth. firsts: see
    `first_boxes`.
    """
    marked = union_truths(protocol, truth, firsts, clips)
    masks = union_masks(protocol, given, clips)
    return np.stack([count(masks & marked), count(masks), count(marked)], axis=1)


def first_boxes(truth: Truth) -> Ints:
    """The indices of the first box of each source of every clip, clip by clip."""
    pairs = np.stack([truth.box_clip, truth.sources], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    return first.astype(np.int64)


def union_truths(protocol: Protocol, truth: Truth, firsts: Ints, clips: Ints) -> Bits:
    """(n, H, W/8) bit planes: the union of the first box of each source of a clip; for pixel masks, of all of them."""
    if truth.masks is not None:
        return draw_truth(protocol, truth, units_of(truth, "clip"), clips).bits[:, 0]
    of_clip = truth.box_clip[firsts]  # rising, so that the boxes of a clip are found without checking all others
    begins, ends = np.searchsorted(of_clip, clips, side="left"), np.searchsorted(of_clip, clips, side="right")
    own = np.concatenate([firsts[begin:end] for begin, end in zip(begins, ends, strict=True)])
    row = np.repeat(np.arange(len(clips)), ends - begins)
    frames = None if truth.picture_sizes is None else truth.picture_sizes[truth.box_clip[own]]
    corners = pixel_corners(truth.boxes[own], protocol.corners, protocol.size, None, frames)
    return draw(corners, row, len(clips), *canvas_size(protocol, 1), 1)[:, 0]


def union_masks(protocol: Protocol, given: Given, clips: Ints) -> Bits:
    """(n, H, W/8) bit planes: the masks of all maps of a clip together; a map with NaN or infinity marks nothing."""
    maps = given.maps[clips]
    flat = maps.reshape(-1, *maps.shape[2:])
    broken = np.logical_not(np.isfinite(flat).all(axis=(1, 2)))
    look = look_of(protocol, canvas_size(protocol, 1))
    rows = look.rows(np.where(broken[:, None, None], np.float32(0), flat), None)
    places = {
        "rank": (rank_place(protocol, look.pixels),),
        "rank-or-one": (rank_place(protocol, look.pixels),),
        "median": median_places(look.pixels),
    }
    known = Survey.empty(len(rows), places.get(protocol.mask, ()), (), False)
    known.look_at(np.arange(len(rows)), rows, {})
    heard = rows >= cuts_of(protocol, known, look.pixels, (), given.ends)[0][:, None]
    heard[broken] = False
    together = heard.reshape(*maps.shape[:2], look.height, look.width)
    return pack(np.logical_or.reduce(together, axis=1))
