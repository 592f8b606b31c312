"""AVSBench's mIoU and F by the worked example: frames A, B (silent) and C of 4 x 4, in batches of three, two and one."""

import numpy as np
import pytest
from making import truth_of

from avloc.metrics import F_THRESHOLDS, best_f, f_curve, mask_iou
from avloc.protocols import named
from avloc.scoring import score

LOGITS = np.full((3, 4, 4), -2.0)
LOGITS[0, 0], LOGITS[0, 1] = (-2, 2, 0, -2), (-2, 3, 1, 2)
LOGITS[1, :2, :2] = 1
LOGITS[2, 3, 3] = 2
MAPS = (1 / (1 + np.exp(-LOGITS))).astype(np.float32)
MASKS = np.zeros((3, 1, 4, 4), bool)
MASKS[[0, 2], 0, :2, 1:3] = True
TRUTH = truth_of([[], [], []], masks=MASKS)


@pytest.mark.parametrize(
    ("batch", "miou", "fscore"),
    [(3, 0.45, 0.4194), (2, 0.3375, 0.5705), (1, 0.45, 0.3803)],
)
def test_the_worked_example_by_batches(batch, miou, fscore):
    protocol = named("avsbench").with_axes(size=8, batch=batch)  # each pixel four times: the same shares
    maps, truth = MAPS.repeat(2, axis=1).repeat(2, axis=2), TRUTH
    found = score(protocol, maps, truth, resamples=0)
    assert found.metrics["miou"].value == pytest.approx(miou, abs=1e-6)
    assert found.metrics["fscore"].value == pytest.approx(fscore, abs=5e-5)
    assert found.extra["frames"] == {"batch": batch, "silent": 1}


@pytest.mark.parametrize(("batch", "miou", "fpr"), [(3, 0.45, 0.1875), (2, 0.3375, 0.15625)])
def test_other_sounds_against_the_clips_own_masks_by_batches(batch, miou, fpr):
    """The same maps as if with noise, and one frame without a map of silence: 4, 4 and 1 of 16 pixels are on."""
    protocol = named("avsbench").with_axes(size=8, batch=batch)
    maps = MAPS.repeat(2, axis=1).repeat(2, axis=2)
    silence = np.zeros_like(maps)
    silence[0] = np.nan
    found = score(protocol, maps, TRUTH, negative_maps={"noise": maps, "silence": silence}, resamples=0)
    others = found.extra["frames_with_other_sounds"]
    assert (others["noise"]["miou"], others["noise"]["fpr"]) == pytest.approx((miou, fpr), abs=1e-6)
    assert others["noise"]["fscore"] == found.metrics["fscore"].value
    assert (others["silence"]["frames"], others["silence"]["fpr"]) == (2, 0)


def test_a_frame_and_its_curve_by_hand():
    assert mask_iou(MAPS[0] > 0.5, MASKS[0, 0]) == pytest.approx(0.6)
    assert mask_iou(MAPS[1] > 0.5, MASKS[1, 0]) == pytest.approx(0.75), "a silent frame: the share that is left out"
    curve = f_curve(MAPS[0], MASKS[0, 0])
    for threshold, value in ((0.1, 0.3023), (0.3, 0.8387), (0.7, 0.75), (0.85, 0.6190), (0.94, 0.5909), (0.96, 0)):
        assert curve[np.searchsorted(F_THRESHOLDS, threshold)] == pytest.approx(value, abs=5e-5)
    assert best_f([]) == 0, "a wholly silent batch"


def test_a_method_that_knows_silence_gets_all_and_one_that_never_does_gets_less():
    truth = truth_of([[[0.1, 0.1, 0.5, 0.5]]] * 5 + [[]] * 5)
    knows = np.zeros((10, 224, 224), np.float32)
    knows[:5, 22:112, 22:112] = 1
    always = np.repeat(knows[:1], 10, axis=0)
    found = {
        name: score("avsbench", maps, truth, resamples=50) for name, maps in (("knows", knows), ("always", always))
    }
    assert found["knows"].metrics["miou"].value == pytest.approx(1, abs=1e-6)
    assert found["always"].metrics["miou"].value == pytest.approx(0.5 + 0.5 * (1 - 90 * 90 / 224**2), abs=1e-6)
    assert all(one.metrics["fscore"].value == pytest.approx(1) for one in found.values()), "F leaves silent frames out"
    assert any("the ground truth is boxes" in line for line in found["knows"].warnings)


def test_negative_values_are_never_on():
    assert f_curve(np.full((2, 2), -0.5), np.ones((2, 2), bool)).max() == 0
