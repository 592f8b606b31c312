"""Metrics over pooled pixels: how much a clip moves them, and the intervals that come of it."""

import numpy as np
import pytest

from avloc.metrics.precision import average_precision_of_histogram
from avloc.protocols import named
from avloc.scoring import score
from avloc.scoring.fast.histograms import BINS, COARSE, Pooled
from tests.protocols.making import heat_maps, random_truth, truth_of


def histograms(clips=6, pixels=400, seed=0):
    """Of each clip (clips, 2, BINS): pixels without truth, and with it, which score higher; scores at coarse bins alone."""
    rng = np.random.default_rng(seed)
    found = np.zeros((clips, 2, BINS))
    for clip in range(clips):
        for truth in (0, 1):
            level = np.clip(rng.normal(90 + 60 * truth, 40, pixels), 0, COARSE - 1).astype(int)
            np.add.at(found[clip, truth], level * (BINS // COARSE), 1)
    return found


def slope_of(slopes, histogram):
    return float(slopes @ histogram.reshape(2, COARSE, -1).sum(-1).reshape(-1))


def test_ap_moves_with_the_weight_of_a_clip_as_its_slope_says():
    every = histograms()
    outside, inside = every.sum(0)
    slopes = Pooled(inside, outside).ap_slopes()
    for clip in every:
        more, less = (
            average_precision_of_histogram(inside + step * clip[1], outside + step * clip[0]) for step in (1e-4, -1e-4)
        )
        assert slope_of(slopes, clip) == pytest.approx((more - less) / 2e-4, abs=1e-6)
    assert sum(slope_of(slopes, clip) for clip in every) == pytest.approx(0, abs=1e-12)


def test_the_best_iou_moves_with_the_weight_of_a_clip_as_its_slope_says():
    every = histograms(seed=1)
    outside, inside = every.sum(0)
    slopes = Pooled(inside, outside).iou_slopes()
    for clip in every:
        values = [Pooled(inside + step * clip[1], outside + step * clip[0]).best_iou for step in (1e-4, -1e-4)]
        assert slope_of(slopes, clip) == pytest.approx((values[0] - values[1]) / 2e-4, abs=1e-3)


@pytest.mark.parametrize("name", ["avloc", "denseav"])
def test_pooled_metrics_have_intervals_that_narrow_with_the_clips(name):
    protocol, widths = named(name), []
    for clips in (30, 120):
        truth, _ = random_truth(clips)
        result = score(protocol, heat_maps(clips), truth, resamples=300)
        reported = [metric for metric in ("cap", "piap", "best_iou") if metric in protocol.report]
        assert reported and set(reported) <= set(result.metrics)
        for metric in reported:
            low, high = result.metrics[metric].ci95
            assert 0 <= low <= result.metrics[metric].value <= high <= 1 and low < high
        widths.append(high - low)
    assert widths[1] < 0.75 * widths[0]


def test_the_classes_of_pooled_pixels_are_kept_and_their_means_are_the_metrics():
    _, boxes = random_truth(60)
    labels = [[number % 3] * len(own) for number, own in enumerate(boxes)]
    truth = truth_of(boxes, labels, ("cat", "dog", "owl"))
    result = score("denseav", heat_maps(60), truth, resamples=0)
    assert {name: own["clips"] for name, own in result.per_class.items()} == {"cat": 20, "dog": 20, "owl": 20}
    for metric in ("cap", "best_iou"):
        of_classes = [own[metric] for own in result.per_class.values()]
        assert np.mean(of_classes) == pytest.approx(result.metrics[metric].value)
        assert len(set(of_classes)) == 3


def test_an_interval_is_about_that_of_clips_drawn_anew():
    """By scoring many sets of other clips of the same kind: their spread is what the interval of one should say."""
    protocol = named("denseav")
    values, widths = [], []
    for seed in range(40):
        truth, _ = random_truth(40, seed=seed)
        metric = score(protocol, heat_maps(40, seed=100 + seed), truth, resamples=200).metrics["cap"]
        values.append(metric.value)
        widths.append(metric.ci95[1] - metric.ci95[0])
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values), rel=0.35)


def test_maps_whose_range_no_float32_holds_are_pooled_like_the_same_maps_a_quarter_as_high():
    """The least and the greatest value are finite, their difference is not."""
    truth, _ = random_truth(20)
    maps = heat_maps(20)
    maps *= np.float32(2**126) / np.abs(maps).max() * np.float32(3.5)
    high, low = (score(named("denseav"), one, truth, resamples=0) for one in (maps, maps / np.float32(4)))
    with np.errstate(over="ignore"):
        assert np.isinf(maps.max() - maps.min())
    assert {name: one.value for name, one in high.metrics.items()} == {
        name: one.value for name, one in low.metrics.items()
    }
