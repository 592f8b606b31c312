"""Each measurement with its worked example, whose answer can be checked by hand, and with what it refuses."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from avloc.metrics import (
    THRESHOLDS,
    auc,
    auc_of_curve,
    auc_parts,
    auroc,
    ciou,
    false_alarm_rate,
    iou,
    mean_by_frame,
    nsa,
    success_curve,
    success_rate,
    successes,
)
from avloc.metrics.detection import detection_ap, detection_of_draws, max_f1, precision_recall
from avloc.metrics.interactive import iauc, iiou
from avloc.metrics.precision import (
    average_precision,
    average_precision_of_histogram,
    average_precision_of_levels,
    average_precision_of_mask,
    average_precisions,
)


def two_annotators():
    truth = np.zeros((4, 4))
    truth[:2, 0:2] += 0.5
    truth[:2, 1:3] += 0.5
    return truth


def test_two_annotators_who_half_agree():
    mask = np.zeros((4, 4), bool)
    mask[:, :2] = True
    assert ciou(mask, two_annotators()) == 0.375


def test_consensus_iou_of_the_coarse_to_fine_example():
    truth = np.zeros((4, 4))
    truth[:2, :2], truth[:2, 2] = 1, 0.5
    heat = np.zeros((4, 4))
    heat[:2, 1:4], heat[3, 3] = 0.9, 0.5
    assert ciou(heat > 0.5, truth) == pytest.approx(3 / 7)
    assert ciou(heat >= 0.5, truth) == 0.375


def test_a_mask_equal_to_its_box_gives_one_and_half_of_it_a_half():
    truth = np.zeros((8, 8), bool)
    truth[:4] = True
    assert iou(truth, truth) == 1.0
    half = truth.copy()
    half[2:] = False
    assert iou(half, truth) == 0.5
    assert iou(~truth, truth) == 0.0


def test_a_truth_without_pixels_is_refused():
    with pytest.raises(ValueError, match="marks no pixel"):
        ciou(np.ones((2, 2), bool), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="both empty"):
        iou(np.zeros((2, 2), bool), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="same"):
        ciou(np.ones((2, 2), bool), np.ones((3, 3)))


def test_success_rates_reach_or_exceed():
    scores = [0.1, 0.3, 0.5, 0.55, 0.9]
    assert success_rate(scores) == 0.6
    assert success_rate(scores, strict=True) == 0.4
    assert success_rate(scores, 0.3) == 0.8
    assert success_curve(scores)[6] == 0.6, "the published threshold is 0.30000000000000004"
    assert auc(scores) == pytest.approx(0.485)


def test_a_threshold_is_a_float_product_of_the_published_loops_or_plain():
    scores = [0.3, 0.05 * 6, np.nan, 0.31]
    assert successes(scores, 0.3).tolist() == [0, 1, 0, 1]  # 0.05 * 6 is a little more than 0.3
    assert successes(scores, 0.3, grid=False).tolist() == [1, 1, 0, 1]
    assert successes(scores, 0.3, strict=True).tolist() == [0, 0, 0, 1]


def test_the_published_thresholds_are_float_products():
    assert [i for i, t in enumerate(THRESHOLDS) if t > i / 20] == [3, 6, 7, 12, 14, 17, 19]


@pytest.mark.parametrize(
    ("scores", "area", "half"),
    [
        ([3 / 7, 0.5, 0.3, 0.15], 0.3375, 0.25),
        ([0.4, 1 / 6, 0.85], 0.475, 1 / 3),
        ([0.72, 0.5, 0.149999, 0], 0.35, 0.5),
        ([0.5, 3136 / 21952], 0.325, 0.5),
    ],
)
def test_auc_of_the_specs_examples(scores, area, half):
    assert auc(scores) == pytest.approx(area)
    assert success_rate(scores) == pytest.approx(half)


def test_auc_of_zeros_is_not_zero():
    assert auc(np.zeros(7)) == pytest.approx(0.025)


def test_parts_of_the_auc_add_up_to_it():
    scores = np.random.default_rng(0).random(500)
    assert auc_parts(scores).mean() == pytest.approx(auc(scores))


def test_an_undefined_score_fails_at_every_threshold():
    assert success_curve([np.nan, 1.0])[0] == 0.5


def test_rates_over_nothing_are_refused():
    with pytest.raises(ValueError, match="no scores"):
        success_rate([])
    with pytest.raises(ValueError, match="21 rates"):
        auc_of_curve([1.0, 0.0])


def test_a_frame_scores_the_mean_of_its_classes():
    assert mean_by_frame([1.0, 0.0, 0.25], [0, 0, 2], 3) == pytest.approx([0.5, np.nan, 0.25], nan_ok=True)


def test_the_no_sounding_area_compares_in_float32():
    assert nsa([[0.1, 0.2], [0.3, 0.05]]) == 0.75
    assert nsa(np.full((3, 2, 2), 1 / 11)) == 1.0
    with pytest.raises(ValueError, match="no silent map"):
        nsa(np.zeros((0, 2, 2)))


def test_extended_sets_of_the_worked_example():
    sounds, scores, sure = [1, 1, 0, 1], [0.6, 0.4, 0.0, 0.8], [0.9, 0.8, 0.7, 0.6]
    pairs = [precision_recall(sounds, scores, sure, c) for c in sure]
    assert np.allclose(pairs, [(1, 1 / 3), (0.5, 0.5), (1 / 3, 0.5), (0.5, 1)])
    assert detection_ap(sounds, scores, sure) == pytest.approx(0.25)
    assert max_f1(sounds, scores, sure) == pytest.approx(2 / 3)


def test_extended_metrics_equal_a_loop_over_thresholds():
    rng = np.random.default_rng(1)
    for clips in (1, 2, 7, 60, 450):
        sounds, scores = rng.random(clips) < 0.5, rng.random(clips)
        sure = np.round(rng.random(clips), 1)  # many ties
        cuts = np.sort(sure)[:-1][:: -max(1, clips // 200)]
        pairs = [precision_recall(sounds, scores, sure, cut) for cut in cuts]
        best = [max(p for p, _ in pairs[i:]) for i in range(len(pairs))]
        expected = sum(best[i] * (pairs[i + 1][1] - pairs[i][1]) for i in range(len(pairs) - 1))
        assert detection_ap(sounds, scores, sure) == pytest.approx(expected)
        f1 = []
        for cut in np.sort(sure)[:: max(1, clips // 10)]:
            p, r = precision_recall(sounds, scores, sure, cut)
            f1.append(2 * p * r / (p + r) if p + r > 0 else 0.0)
        assert max_f1(sounds, scores, sure) == pytest.approx(max(f1))


def test_resamples_of_extended_sets_equal_a_set_in_which_clips_are_repeated():
    rng = np.random.default_rng(2)
    sounds, scores, sure = rng.random(60) < 0.5, rng.random(60), np.round(rng.random(60), 1)
    order = np.argsort(sure, kind="stable")
    sounds, scores, sure = sounds[order], scores[order], sure[order]
    drawn = rng.multinomial(60, np.full(60, 1 / 60), size=5).astype(float)
    aps, f1s = detection_of_draws(sounds, sounds & (scores >= 0.5), sure, drawn)
    for ap, f1, amounts in zip(aps, f1s, drawn.astype(int), strict=True):
        repeated = [np.repeat(values, amounts) for values in (sounds, scores, sure)]
        assert ap == detection_ap(*repeated)
        assert f1 == max_f1(*repeated)


def test_average_precisions_of_rows_are_those_of_sklearn():
    rng = np.random.default_rng(5)
    score = rng.standard_normal((4, 900)).astype(np.float32)
    score[1], score[2] = np.round(score[1], 1), 0
    truth = rng.random((4, 900)) < 0.3
    truth[3] = False
    expected = [average_precision_score(own, row) for own, row in zip(truth[:3], score[:3], strict=True)]
    assert average_precisions(truth, score) == pytest.approx([*expected, 0.0], abs=1e-6)


def test_a_mask_as_score_in_the_right_and_the_swapped_order():
    assert average_precision_of_mask(3, 8, 4, 16) == pytest.approx(0.34375)
    swapped = average_precision_of_levels([np.array([3])], [np.array([4])], np.array([8]), 16)
    assert swapped == pytest.approx([0.59375])
    assert average_precision_of_mask(0, 8, 0, 16) == 0.0


def test_average_precision_is_that_of_sklearn():
    rng = np.random.default_rng(2)
    truth = rng.random(500) < 0.2
    for score in (rng.random(500), np.round(rng.random(500), 1), np.zeros(500)):
        assert average_precision(truth, score) == pytest.approx(average_precision_score(truth, score))
    mask = rng.random(500) < 0.4
    counts = (truth & mask).sum(), mask.sum(), truth.sum()
    assert average_precision_of_mask(*counts, 500) == pytest.approx(average_precision_score(truth, mask))
    levels = rng.integers(0, 3, 500)
    hits = [np.array([(mask & (levels > level)).sum()]) for level in (0, 1)]
    sizes = [np.array([(levels > level).sum()]) for level in (0, 1)]
    of_levels = average_precision_of_levels(hits, sizes, np.array([mask.sum()]), 500)[0]
    assert of_levels == pytest.approx(average_precision_score(mask, levels))
    bins = rng.integers(0, 40, 500)
    of_bins = average_precision_of_histogram(
        np.bincount(bins[truth], minlength=40), np.bincount(bins[~truth], minlength=40)
    )
    assert of_bins == pytest.approx(average_precision_score(truth, bins))
    with pytest.raises(ValueError, match="no average precision"):
        average_precision(np.zeros(4, bool), np.ones(4))


def test_a_scene_counts_when_each_of_its_sounds_is_found():
    scenes = ["a", "a", "b", "b"]
    assert iiou([0.6, 0.4, 0.7, 0.55], scenes) == 0.5
    assert iauc([0.6, 0.4, 0.7, 0.55], scenes) == pytest.approx(auc([0.4, 0.55]))


def test_auroc_and_false_alarms():
    rng = np.random.default_rng(3)
    truth, sure = rng.random(300) < 0.5, np.round(rng.random(300), 1)
    assert auroc(sure, truth) == pytest.approx(roc_auc_score(truth, sure))
    assert false_alarm_rate([0.1, 0.5, 0.9], 0.5) == pytest.approx(2 / 3)
    assert auroc([0.9, 0.8, 0.4, 0.5, 0.1], [1, 1, 1, 0, 0]) == pytest.approx(5 / 6)
    assert false_alarm_rate([0.5, 0.1], 0.4) == 0.5
    with pytest.raises(ValueError, match="both kinds"):
        auroc([0.1, 0.2], [True, True])
