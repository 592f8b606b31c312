"""Test frames of mixtures: several clips of a split, with frames stacked vertically and one mixed sound."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.engine.predicting import Frames, frames_to_score
from avloc.engine.settings import TestSet
from avloc.errors import DataError
from avloc.naming import some

Rows = NDArray[np.int64]
log = logging.getLogger("avloc.evaluate")


def to_score(store: Store, test: TestSet, seed: int, name: str) -> Frames:
    """The frames of a test set, or its mixtures of several clips."""
    if test.stacked > 1:
        return mixtures_to_score(store, test.stacked, test.frames, seed, name)
    return frames_to_score(store, test.frames, seed, name)


def mixtures_to_score(store: Store, count: int, frames: str, seed: int, name: str) -> Frames:
    """`count` clips at a time as one: item i of len // count has the clips i, i + len // count ... of the sorted list.

    This is as released by Kim et al. (CVPR 2024), so partners are always the same. A clip gives one frame, the
    ``first`` annotated one or one at ``random``. Clips in which nothing sounds, and remaining ones, are counted and
    named in the log.
    """
    single = frames_to_score(store, "random" if frames == "random" else "first", seed, name)
    sounding = single.truth.sounding
    order = sorted(np.flatnonzero(sounding).tolist(), key=lambda row: single.truth.ids[row])
    if len(order) < count:
        raise DataError(
            f"{store.path}: something sounds in {len(order)} frames of split {store.split_name}; expected {count} or more"
        )
    layers = partners(order, count)
    used = set(np.concatenate(layers).tolist())
    for why, rows in (
        ("nothing sounds in", np.flatnonzero(~sounding).tolist()),
        (f"no mixture of {count} is left for", [row for row in order if row not in used]),
    ):
        if rows:
            log.warning("%s: %s %d frames (%s)", name, why, len(rows), some([single.truth.ids[row] for row in rows]))
    plans = [single.plan.of(rows) for rows in layers]
    return Frames(store, Plan(plans[0].clips, plans[0].picks, under=tuple(plans[1:])), _truth(single.truth, layers))


def partners(order: Sequence[int], count: int) -> list[Rows]:
    """Which rows are the first clip of each mixture, which the second, and so on; incomplete mixtures are left out."""
    items = len(order) // count
    starts = [number * len(order) // count for number in range(count)]
    return [np.array(order[start : start + items], np.int64) for start in starts]


def _truth(truth: Truth, layers: list[Rows]) -> Truth:
    """Of mixtures of the clips with rows `layers`: the boxes of each clip, as a separate source, in its own frame."""
    place, source = np.full(len(truth), -1, np.int64), np.zeros(len(truth), np.int64)
    for number, rows in enumerate(layers):
        place[rows], source[rows] = np.arange(len(rows)), number
    kept = np.flatnonzero(place[truth.box_clip] >= 0)
    groups = list(zip(*layers, strict=True))
    masks = truth.masks
    return Truth(
        ids=["+".join(truth.ids[row] for row in group) for group in groups],
        videos=["+".join(dict.fromkeys(truth.videos[row] for row in group)) for group in groups],
        boxes=truth.boxes[kept],
        box_clip=place[truth.box_clip[kept]],
        box_class=truth.box_class[kept],
        box_source=source[truth.box_clip[kept]],
        classes=truth.classes,
        votes=truth.votes,
        mixed=True,
        name=truth.name,
        sha256=truth.sha256,
        masks=None if masks is None else np.stack([masks[rows].any(1) for rows in layers], axis=1),
    )
