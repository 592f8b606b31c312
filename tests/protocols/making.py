"""Small truths and heat maps for the tests of protocols."""

import numpy as np

from avloc.annotations import Truth


def truth_of(boxes, labels=None, classes=("x",), votes=1, xywh=False, **fields):
    """A truth of one clip for each list of boxes; labels name the class of each box."""
    flat = np.array([box for own in boxes for box in own], float).reshape(-1, 4)
    clip = np.repeat(np.arange(len(boxes)), [len(own) for own in boxes])
    corners = flat.copy()
    if xywh:
        corners[:, 2:] += flat[:, :2]
    label = np.zeros(len(flat), int) if labels is None else np.array([k for own in labels for k in own])
    names = [f"clip{number}" for number in range(len(boxes))]
    return Truth(names, list(names), corners, clip, label, classes, xywh=flat if xywh else None, votes=votes, **fields)


def random_truth(clips=12, seed=0, votes=1, most=3):
    rng = np.random.default_rng(seed)
    boxes = []
    for _ in range(clips):
        ends = np.sort(rng.random((rng.integers(1, most + 1), 2, 2)), axis=1)
        boxes.append(ends.reshape(-1, 4).tolist())
    return truth_of(boxes, votes=votes), boxes


def heat_maps(clips=12, seed=0, size=14):
    """A third each of dense maps, of sparse ones (half exact zeros) and of maps that are flat in places."""
    maps = np.random.default_rng(seed).standard_normal((clips, size, size)).astype(np.float32)
    maps[1::3] = np.maximum(maps[1::3] - 0.3, 0)
    maps[2::3] = np.clip(maps[2::3], -0.5, 0.5)
    return maps


def two_sources(clips=9, seed=5, mixed=False):
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.random((clips, 2, 2, 2)), axis=2).reshape(clips, 2, 4)
    truth = truth_of(ends.tolist(), [[0, 1]] * clips, ("a", "b"), mixed=mixed)
    return truth, ends, np.stack([heat_maps(clips, seed), heat_maps(clips, seed + 1)], axis=1) * 20
