"""AVSS, AVATAR, GAR-SSL and other sounds by examples that were worked out by hand or given by the released code."""

import numpy as np
import pytest
from making import truth_of

from avloc import metrics
from avloc.errors import DataError
from avloc.protocols import named, plain_pictures, plain_sounds
from avloc.protocols.boxes import rounded_corners
from avloc.protocols.plain_labels import over_classes
from avloc.scoring import score

LABELS = np.array([[[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [2, 2, 0, 0]], np.zeros((4, 4))], np.uint8)
SAID = np.array([[[0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0, 2, 2, 0]], np.eye(4) * 0], np.uint8)
SAID[1, 0, 0] = 1
#: the example of the negative sounds: a map, and an object in rows 1 and 2, columns 1 to 3
OWN = np.array([[0.1, 0.2, 0.3, 0.4], [0.2, 0.6, 0.7, 0.3], [0.1, 0.5, 0.6, 0.2], [0, 0.1, 0.2, 0.1]], np.float32)
MARKED = np.zeros((4, 4), bool)
MARKED[1:3, 1:4] = True


def test_classes_of_two_frames():
    frames = [metrics.class_scores(said, real, 4) for said, real in zip(SAID, LABELS, strict=True)]
    iou, f, inside = (np.sum([one[place] for one in frames], axis=0, dtype=float) for place in range(3))
    assert iou == pytest.approx([1.6875, 0.75, 1 / 3, 0]) and inside.tolist() == [2, 2, 1, 0]
    found = over_classes(iou, f, inside)
    expected = {"miou": 0.38802, "miou_nobg": 0.51736, "fscore": 0.46864, "fscore_nobg": 0.62486}
    assert found == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize("scores", [False, True])
def test_classes_by_the_protocol_from_numbers_or_scores_and_with_padding(scores):
    truth = truth_of([[], []], classes=("a", "b", "c"), labels=None)
    truth.labels, truth.ids = LABELS, ["v1s/x/0", "v1s/x/1"]
    maps = (
        (np.arange(4)[:, None, None] == SAID[:, None]).astype(np.float32)
        if scores
        else SAID[:, None].astype(np.float32)
    )
    protocol = named("avss-real").with_axes(size=8)  # each pixel four times: the same shares
    if scores:
        maps = maps.repeat(2, axis=2).repeat(2, axis=3)
    assert score(protocol, maps, truth, resamples=0).metrics["miou"].value == pytest.approx(0.38802, abs=5e-6)
    padded = score(protocol.with_axes(padding=5), maps, truth, resamples=0)
    assert padded.metrics["miou"].value == pytest.approx(0.41146, abs=5e-6)
    assert padded.extra["frames"]["padded"] == 3 and any("3 background frames" in line for line in padded.warnings)


def test_the_pixels_of_a_set_are_counted_together_by_cavp():
    """The worked example of the specification; accuracy 28 of 32, IoU 24/28, 3/5, 1/3 and 0."""
    truth = truth_of([[], []], classes=("a", "b", "c"), labels=None)
    truth.labels = LABELS
    protocol = named("cavp").with_axes(size=8)
    found = score(protocol, SAID[:, None].astype(np.float32), truth, resamples=20)
    values = {name: metric.value for name, metric in found.metrics.items()}
    expected = {"miou_set": 0.4476, "accuracy_set": 0.875, "fdr_set": 0.2756, "f1_set": 0.7244, "f03_set": 0.7244}
    assert values == pytest.approx(expected, abs=5e-5)
    assert found.per_class["a"] == pytest.approx({"clips": 2, "ciou": 0.6, "f1": 0.75})
    assert found.baselines["all background"]["accuracy_set"] == pytest.approx(26 / 32)
    assert all(metric.ci95[0] <= metric.value <= metric.ci95[1] for metric in found.metrics.values())


def test_pixels_without_a_label_are_not_scored_by_cavp_and_refused_by_avss():
    truth = truth_of([[], []], classes=("a", "b", "c"), labels=None)
    truth.labels = LABELS.copy()
    truth.labels[0, 0] = 255
    maps = SAID[:, None].astype(np.float32)
    found = score(named("cavp").with_axes(size=8), maps, truth, resamples=0)
    assert found.metrics["accuracy_set"].value == pytest.approx(24 / 28)
    with pytest.raises(DataError, match="class number 255; expected 0 to 3"):
        score(named("avss-real").with_axes(size=8), maps, truth, resamples=0)


def test_ciou_and_auc_of_avatar_are_a_mean_and_a_trapezoid():
    scores = (0.1, 0.5, 0.5, 0.9)
    assert (np.mean(scores), metrics.auc(scores)) == pytest.approx((0.5, 0.525))


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ((0, 0, 640, 360), (0, 0, 639, 359)),
        ((5, 5, 5, 5), (5, 5, 6, 6)),
        ((639, 359, 639, 359), (639, 359, 639, 359)),
        ((300, 200, 100, 50), (100, 50, 300, 200)),
    ],
)
def test_corners_in_a_picture_of_640_x_360_as_gar_ssl_holds_them(corners, expected):
    square = rounded_corners(np.array([corners]) / [640, 360, 640, 360], (640, 360), 10**6)
    # at a size that much larger, the corners of the picture can be read off again
    found = np.rint((square[0] - [0, 0, 1, 1]) / 10**6 * [640, 360, 640, 360])
    assert found.tolist() == list(expected)


def test_the_first_box_against_a_box_by_hand():
    truth = truth_of([[[0.1, 0.2, 0.5, 0.75], [0, 0, 1, 1]]])
    truth.picture_sizes = np.array([[640, 360]])
    marked = plain_pictures.union_truth(named("gar"), truth, 0)
    assert marked.sum() == 91 * 124 and marked[45:169, 22:113].all()
    x0, y0, x1, y1 = rounded_corners(np.array([[64, 72, 200, 270]]) / [640, 360, 640, 360], (640, 360), 224)[0]
    said = np.zeros((1, 224, 224), np.float32)
    said[0, y0:y1, x0:x1] = 1
    assert said.sum() == 6076
    result = score("gar", said, truth, resamples=20)
    values = {name: metric.value for name, metric in result.metrics.items()}
    assert values["ciou"] == pytest.approx(0.53846, abs=5e-6) and values["cap"] == pytest.approx(0.64226, abs=5e-6)
    assert values["piap"] == values["cap"] and (values["ciou@0.3"], values["ciou@0.5"]) == (1, 1)
    assert any("1 box is not the first" in line for line in result.warnings)


def test_two_sources_are_united_and_clips_without_a_prediction_are_left_out():
    halves = [[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]] * 2
    truth = truth_of(halves, [[0, 1]] * 2, ("a", "b"))
    maps = np.zeros((1, 2, 224, 224), np.float32)
    maps[0, 0, :113, :113] = maps[0, 1, 112:, 112:] = 1
    result = score("gar", maps, truth, ids=["clip0"], resamples=0)
    assert result.metrics["ciou"].value == 1 and result.counts["dropped"] == {"no prediction": 1}
    assert metrics.precision.average_precision_of_mask(6, 12, 12, 64) == pytest.approx(0.34375)


def test_own_scores_and_areas_at_thresholds_by_hand():
    at = np.array([0.5, 0.25, 0.65, 0.9, 0.2, 0.3, 0.35], np.float32)
    found = plain_sounds.own_scores(OWN, MARKED, at)
    assert found == pytest.approx([0.5, 0.625, 1 / 6, 0, 0.625, 4 / 7, 4 / 7])
    others = {"silence": np.full((4, 4), 0.1), "noise": np.full((4, 4), 0.2), "offscreen": np.full((4, 4), 0.1)}
    others["noise"].flat[:3], others["offscreen"].flat[:4] = 0.5, 0.6
    pia = [plain_sounds.on_share(one.astype(np.float32), (4, 4), at)[-1] for one in others.values()]
    assert pia == [0, 0.1875, 0.25]
    ciou, auc = found[-1], metrics.auc(found[-1:])
    assert [100 * float(metrics.harmonic(ciou, 1 - one)) for one in pia] == pytest.approx(
        [72.727, 67.097, 64.865], abs=5e-4
    )
    assert 100 * float(metrics.harmonic(ciou, 1 - np.mean(pia))) == pytest.approx(68.476, abs=5e-4)
    aoc = [metrics.aoc([one]) for one in pia]
    assert [auc, *aoc] == pytest.approx([0.575, 1, 0.825, 0.775])
    assert 100 * float(metrics.harmonic(auc, np.mean(aoc))) == pytest.approx(69.133, abs=5e-4)
    assert metrics.auc([0, 0.42, 0.5, 1]) == pytest.approx(0.49375) and metrics.aoc([0, 0.05, 0.3, 1]) == pytest.approx(
        0.68125
    )


def test_universal_thresholds_by_hand():
    others = {"silence": [0.1, 0.2, 0.3, 0.4], "noise": [0.2, 0.3, 0.4, 0.5], "offscreen": [0.3, 0.4, 0.5, 0.9]}
    found = metrics.universal_thresholds([1, 2, 3, 4, np.nan], others)
    expected = {"max": 0.375, "max10": 0.4125, "maxq3": 0.425, "maxq3-apart": 0.6, "ownq1": 1.75}
    assert found == pytest.approx(expected)


def test_thresholds_from_elsewhere_give_the_example_as_a_whole():
    truth = truth_of([[[0.25, 0.25, 1, 0.75]]])
    others = {"silence": np.full((4, 4), 0.1), "noise": np.full((4, 4), 0.2), "offscreen": np.full((4, 4), 0.1)}
    others["noise"].flat[:3], others["offscreen"].flat[:4] = 0.5, 0.6
    larger = {kind: one.repeat(2, 0).repeat(2, 1)[None] for kind, one in others.items()}  # each pixel four times
    how = {"truth": truth, "negative_maps": larger, "resamples": 0}
    protocol = named("vssl-eval").with_axes(size=8, resize="none")
    result = score(protocol, OWN.repeat(2, 0).repeat(2, 1)[None], **how, thresholds={"maxq3": 0.35})
    found = {name: one.value for name, one in result.metrics.items()}
    assert found["ciou_maxq3"] == pytest.approx(4 / 7) and found["f_pos_neg"] == pytest.approx(0.68476, abs=5e-6)
    assert found["f_auc_aoc"] == pytest.approx(0.69133, abs=5e-6) and "ciou_max" not in found
    for wrong, message in (({"max": 0.3}, "no maxq3"), ({"q": 1}, "'q'; expected max"), ({"maxq3": np.nan}, "is nan")):
        with pytest.raises(DataError, match=message):
            score(protocol, OWN[None], **how, thresholds=wrong)


def test_a_method_that_listens_is_told_from_one_that_does_not():
    truth = truth_of([[[0, 0, 0.5, 0.5]]] * 6)
    maps = np.zeros((6, 8, 8), np.float32)
    maps[:, :4, :4] = 1
    listens = score("vssl-eval", maps, truth, negative_maps={"silence": maps * 0.1, "noise": maps * 0.2}, resamples=50)
    deaf = score("vssl-eval", maps, truth, negative_maps={"silence": maps, "noise": maps}, resamples=50)
    rows = [one.extra["negatives"]["rules"]["balanced"] for one in (listens, deaf)]
    assert rows[0]["f"] > 0.95 and rows[0]["kinds"]["noise"]["false_alarms"] == 0
    assert deaf.metrics["ciou_max"].value == 0, "nothing is above the highest value of what is always the same"
    assert deaf.extra["negatives"]["kinds"]["silence"]["auroc"] == 0.5
    assert "pia_offscreen" not in listens.metrics
    with pytest.raises(DataError, match="negative maps of 'rain'; expected silence, noise, offscreen"):
        score("vssl-eval", maps, truth, negative_maps={"rain": maps})
    with pytest.raises(DataError, match="give negative_maps, on the command line --negatives"):
        score("vssl-eval", maps, truth)


def test_recall_by_hand():
    four = [[0.9, 0.2, 0.1, 0.3], [0.4, 0.5, 0.6, 0.1], [0.2, 0.7, 0.4, 0.3], [0.1, 0.2, 0.3, 0.8]]
    for way in (np.array(four), np.array(four).T):
        assert (metrics.recall_at(way, 1), metrics.median_rank(way)) == (0.5, 1.5)
    ties = [[0.5, 0.5, 0.1], [0.2, 0.6, 0.1], [0.3, 0.3, 0.3]]
    assert metrics.ranks(ties)[0].tolist() == [0, 1, 0, 0, 1, 2] and metrics.recall_at(ties, 1) == 0.5
