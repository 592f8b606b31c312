"""Every protocol, on maps of every odd kind: the fast half of scoring gives what the plain definition says."""

from dataclasses import replace

import numpy as np
import pytest
from making import truth_of

from avloc.errors import DataError
from avloc.protocols import PROTOCOLS, plain_report
from avloc.protocols.plain_units import Given
from avloc.scoring import score
from avloc.scoring.inputs import task_of
from avloc.scoring.resolving import resolve

#: pixels of a whole set are pooled in 65,536 bins by the fast half, and two scores of a map that differ in the last bit
#: count as tied there
NEAR = {"cap": 2e-4, "piap": 2e-4, "pixel_ap": 1e-4, "best_iou": 2e-3}
CLIPS = 13


def odd_maps(maps: int, height: int, width: int, seed: int, scale: float = 1.0):
    """A clip of each kind: dense, sparse, two-valued, constant, one hot pixel, NaN, infinity, ties, none at all, ..."""
    rng = np.random.default_rng(seed)
    found = (scale * rng.standard_normal((CLIPS, maps, height, width))).astype(np.float32)
    found[1] = np.maximum(found[1] - 0.3 * scale, 0)
    found[2] = np.clip(found[2], -0.5, 0.5)
    found[3] = found[3] > 0.8 * scale
    found[4], found[5] = 0.25, -1
    found[6], found[6, :, height // 2, width // 3] = 0, 1
    found[7, 0, 0, 0] = np.nan
    found[8, 0, 1, 1] = np.inf
    found[9] = np.round(found[9])  # many ties, also at the threshold
    found[10] = np.nan
    found[11] = 1 / (1 + np.exp(-found[11]))
    found[12] -= 5
    return found


def boxes_of(seed: int, sources: int = 1, votes: int = 1, xywh: bool = False, mixed: bool = False, **fields):
    """One to three boxes a clip (or one or two for each source) of four classes; the twelfth clip is silent."""
    rng = np.random.default_rng(seed)
    boxes, labels, source = [], [], []
    for clip in range(CLIPS):
        own = [(0, rng.integers(4)) for _ in range(rng.integers(1, 4))]
        if sources > 1:
            own = [(s, k) for s, k in enumerate(rng.permutation(4)[:sources]) for _ in range(rng.integers(1, 3))]
        own = [] if clip == 11 else own
        corners = np.sort(rng.random((len(own), 2, 2)), axis=1).reshape(-1, 4)
        corners[:, 2:] -= corners[:, :2] if xywh else 0
        boxes.append(corners.tolist())
        labels.append([int(k) for _, k in own])
        source += [s for s, _ in own]
    fields |= {"box_source": np.array(source)} if sources > 1 else {}
    return truth_of(boxes, labels, tuple("abcd"), votes=votes, xywh=xywh, mixed=mixed, **fields)


def masks_of(seed: int, mixed: bool = False):
    rng = np.random.default_rng(seed)
    masks = rng.random((CLIPS, 2, 30, 40)) > 0.7
    masks[11] = False
    mask_class = rng.integers(0, 3, (CLIPS, 2))
    return truth_of([[]] * CLIPS, classes=("a", "b", "c"), masks=masks, mask_class=mask_class, mixed=mixed)


def labels_of(seed: int, numbers: bool):
    """The class of every pixel of clips of three videos, and maps of class numbers or of scores; odd ones among them."""
    rng = np.random.default_rng(seed)
    truth = boxes_of(seed)
    truth.labels = rng.integers(0, 5, (CLIPS, 20, 20)).astype(np.uint8)
    truth.ids = [f"v2/{n // 5}/{n % 5}" for n in range(CLIPS)]
    truth.labels[3] = 0
    maps = rng.integers(0, 5, (CLIPS, 1, 14, 14)) if numbers else rng.standard_normal((CLIPS, 5, 14, 14)).round(1)
    maps = maps.astype(np.float32)
    maps[4, 0, 0, 0], maps[5, 0, 2, 2], maps[6, 0, 3, 3] = np.nan, 0.5, 5
    return maps, truth, {} if numbers else {"classes": ["c", "background", "a", "d", "b"]}


class Picture:
    """Pixels at the size of a picture of its own; some mark nothing."""

    def __init__(self, seed: int):
        self.seed = seed

    def drawn(self):
        rng = np.random.default_rng(self.seed)
        return rng.random((rng.integers(8, 40), rng.integers(8, 40))) < (0 if self.seed % 6 == 5 else 0.4)


def pictures_of(seed: int):
    truth = boxes_of(seed)
    parts = {"Single-Sound": np.arange(CLIPS) % 2 == 0, "Multi-Entity": np.arange(CLIPS) % 3 == 0}
    truth.pictures, truth.parts = [Picture(clip) for clip in range(CLIPS)], parts
    truth.picture_sizes = np.random.default_rng(seed).integers(20, 500, (CLIPS, 2))
    return truth


def other_sounds(seed: int):
    """Odd maps of each kind of sound, one of which has none of a clip."""
    found = {kind: odd_maps(1, 14, 14, seed + n, 0.5) for n, kind in enumerate(("silence", "noise", "offscreen"))}
    found["silence"][0] = np.nan
    return found


RNG = np.random.default_rng(0)
OBJECTS = np.abs(RNG.standard_normal((CLIPS, 7, 7))).astype(np.float32)
HUGE = np.clip(1e38 * np.random.default_rng(24).standard_normal((CLIPS, 3, 14, 14)), -1.6e38, 1.6e38).astype(np.float32)
SETS = {
    "one map per clip": (odd_maps(1, 14, 14, 1), boxes_of(1), {}),
    "at full size": (odd_maps(1, 224, 224, 2), boxes_of(2, xywh=True), {}),
    "sigmoids at full size": (1 / (1 + np.exp(-odd_maps(1, 224, 224, 21))), boxes_of(21), {}),
    "cosines over a temperature, two votes": (odd_maps(1, 9, 11, 3, scale=30), boxes_of(3, votes=2), {}),
    "a clip is missing": (odd_maps(1, 14, 14, 4)[:-1], boxes_of(4), {"ids": [f"clip{n}" for n in range(CLIPS - 1)]}),
    "confidences": (odd_maps(1, 14, 14, 5), boxes_of(5), {"confidence": RNG.random(CLIPS).round(1)}),
    "scenes": (odd_maps(1, 14, 14, 6), boxes_of(6, scenes=["", "", *(f"scene{n // 2}" for n in range(11))]), {}),
    "object maps": (odd_maps(1, 14, 14, 7, scale=10), boxes_of(7), {"object_maps": OBJECTS}),
    "two sources": (odd_maps(2, 14, 14, 8, scale=3), boxes_of(8, sources=2, xywh=True), {}),
    "two mixed clips": (odd_maps(2, 14, 14, 9, scale=3), boxes_of(9, sources=2, mixed=True), {}),
    "side by side": (odd_maps(2, 14, 28, 10), boxes_of(10, sources=2, mixed=True, xywh=True), {}),
    "stacked vertically": (odd_maps(3, 28, 14, 11), boxes_of(11, sources=2, mixed=True), {}),
    "clusters": (odd_maps(7, 14, 14, 12, 0.3), boxes_of(12, 2, xywh=True), {"assignment": RNG.integers(0, 2, (4, 7))}),
    "class names": (odd_maps(4, 14, 14, 13), boxes_of(13, sources=2), {"classes": ["c", "a", "z", "b"]}),
    "one map, pixel masks": (odd_maps(1, 14, 14, 15), masks_of(15), {}),
    "pixel masks": (odd_maps(2, 14, 14, 14), masks_of(14), {}),
    "stacked pixel masks": (odd_maps(2, 28, 14, 22), masks_of(22, mixed=True), {}),
    "pixel masks, class names": (odd_maps(3, 14, 14, 23), masks_of(23), {"classes": ["c", "a", "b"]}),
    "maps whose sum no float32 holds": (HUGE, boxes_of(24, sources=2), {}),
    "class numbers": labels_of(16, numbers=True),
    "scores per class": labels_of(17, numbers=False),
    "pictures of their own sizes": (odd_maps(1, 14, 14, 18), pictures_of(18), {}),
    "other sounds": (odd_maps(1, 14, 14, 19), boxes_of(19), {"negative_maps": other_sounds(20)}),
}  # fmt: skip


@pytest.mark.parametrize("kind", SETS)
def test_the_fast_half_of_scoring_gives_what_the_plain_definition_says(kind):
    maps, truth, more = SETS[kind]
    walked = 0
    for name, protocol in PROTOCOLS.items():
        if "object_maps" in more:
            protocol = replace(protocol, ogl_alpha=0.4)
        task = task_of(maps, truth, **more)
        try:
            protocol = resolve(protocol, task)
        except DataError:
            continue  # it does not take such maps
        found = score(protocol, maps, truth, resamples=0, **more)
        missing = frozenset(np.flatnonzero(~task.found).tolist())
        own = task.given
        given = Given(own.maps, own.table, own.objects, own.confidence, own.named, missing, own.negatives)
        expected = plain_report.report(protocol, given, truth)
        assert set(found.metrics) == set(expected), name
        for metric, value in expected.items():
            near = NEAR.get(metric, 1e-12) if protocol.pixel_ap in ("pooled", "continuous") else 1e-12
            assert found.metrics[metric].value == pytest.approx(value, abs=near, nan_ok=True), (name, metric)
        walked += 1
    assert walked >= 2


def test_every_protocol_is_walked():
    fit = set()
    for maps, truth, more in SETS.values():
        for name, protocol in PROTOCOLS.items():
            try:
                resolve(protocol, task_of(maps, truth, **more))
                fit.add(name)
            except DataError:
                pass
    assert fit == set(PROTOCOLS)
