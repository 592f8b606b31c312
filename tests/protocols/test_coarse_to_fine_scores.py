"""Coarse-to-fine's ways to score: SoundNet-Flickr by three cuts, AudioSet-instrument by class and level."""

import numpy as np
import pytest
from making import truth_of

from avloc.annotations.files import fractions_of_pixels
from avloc.protocols import named
from avloc.scoring import score


def test_two_annotators_of_a_flickr_frame():
    """Boxes (1, 1, 256, 256) and (50, 60, 120, 140) in pixels from 1, ends left out: weights of 35312.5 in all."""
    boxes = fractions_of_pixels([(1, 1, 256, 256), (50, 60, 120, 140)], 256, 256)
    truth, heat = truth_of([boxes.tolist()], votes=2), np.ones((1, 1, 256, 256))
    for name in ("c2f-flickr", "c2f-flickr-half", "c2f-flickr-saved"):
        found = score(name, heat, truth, resamples=0).metrics["ciou"].value
        assert found == pytest.approx(35312.5 / (35312.5 + 256**2 - 255**2))
    inner = np.zeros((1, 1, 256, 256))
    inner[0, 0, 59:139, 49:119] = 1  # where both agree
    assert score("c2f-flickr", inner, truth, resamples=0).metrics["ciou"].value == pytest.approx(5600 / 35312.5)


def test_the_three_cuts_of_flickr():
    """Four by four, each pixel four times: two by two of weight 1, two of 1/2; a map of 0.9 on them and two others."""
    boxes = [[(0, 0, 0.5, 0.5), (0, 0, 0.75, 0.5)]]
    truth, heat = truth_of(boxes, votes=2), np.zeros((1, 1, 4, 4))
    heat[0, 0, :2, 1:], heat[0, 0, 3, 3], heat[0, 0, 3, 0] = 0.9, 0.5, 0.0005
    heat = heat.repeat(2, axis=2).repeat(2, axis=3)
    found = {}
    for cut, name in ((0.5, "half"), (0.1, ""), (0.001, "saved")):
        protocol = named(f"c2f-flickr-{name}".rstrip("-")).with_axes(size=8, normalise="none", corners="clip")
        assert protocol.cut == cut
        found[cut] = score(protocol, heat, truth, resamples=0).metrics["ciou"].value
    assert found == pytest.approx({0.5: 3 / 7, 0.1: 3 / 8, 0.001: 3 / 8})
    at_least = named("c2f-flickr-half").with_axes(size=8, normalise="none", corners="clip", strict=False)
    assert score(at_least, heat, truth, resamples=0).metrics["ciou"].value == pytest.approx(3 / 8)


BOXES = [
    [(0, 0, 0.5, 0.5)],
    [(0, 0, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)],
    [(0, 0, 0.5, 0.5)] * 2 + [(0.5, 0, 0.5, 0.5)] * 2,
]
LABELS = [[0], [0, 1], [0, 0, 1, 2]]


@pytest.mark.parametrize(("level", "by_class", "agnostic"), [(1, 1.0, 1.0), (2, 0.5, 0.5), (3, 1 / 3, 0.5)])
def test_levels_are_frames_of_so_many_classes(level, by_class, agnostic):
    """Every map is the upper left quarter: right for class 0 alone."""
    truth = truth_of(BOXES, LABELS, ("a", "b", "c"), xywh=True)
    maps = np.zeros((3, 3, 256, 256))
    maps[:, :, :128, :128] = 1
    result = score(named("c2f-class").with_axes(level=level), maps, truth, resamples=0)
    assert result.counts["evaluated"] == 1 and result.counts["dropped"] == {f"not {level} classes": 2}
    assert result.metrics["ciou"].value == pytest.approx(by_class)
    result = score(named("c2f-agnostic").with_axes(level=level), maps[:, :1], truth, resamples=0)
    assert result.counts["evaluated"] == 1 and result.metrics["ciou"].value == pytest.approx(agnostic)
