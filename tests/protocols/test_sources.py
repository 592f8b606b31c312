"""Protocols for classes, sources, matched maps and pooled pixels, against worked examples and loops written out."""

from dataclasses import replace

import cv2
import numpy as np
import plain
import pytest
from making import heat_maps, truth_of, two_sources
from sklearn.metrics import average_precision_score

from avloc.annotations import Truth
from avloc.errors import DataError
from avloc.protocols import named
from avloc.scoring import score, score_all

LETTERS = tuple("abcdefghijk")


def dsol_example():
    maps = np.zeros((2, 11, 224, 224), np.float32)
    maps[:, 1, :112, :112] = 0.9
    maps[:, 2, 112:, 112:] = 0.6
    maps[:, 2, :56] = 0.1
    maps[:, 0, :, :56] = 0.5
    maps[:, 5] = 0.2
    boxes = [[[0, 0, 0.5, 0.25], [0.5, 0.5, 0.5, 0.5]], [[0.25, 0.25, 0.5, 0.5]]]
    return maps, truth_of(boxes, [[1, 2], [1]], LETTERS, xywh=True)


def test_dsol_stage_one_example():
    heat = np.zeros((2, 1, 224, 224), np.float32)
    heat[:, :, :112, :112] = 1
    result = score("dsol-solo", heat, truth_of([[[0, 0, 0.5, 0.25]], [[0.25, 0.25, 0.5, 0.5]]], xywh=True), resamples=0)
    assert [row["ciou"] for row in result.per_clip] == pytest.approx([0.5, 3136 / 21952])
    assert result.metrics["auc"].value == pytest.approx(0.325)
    assert result.metrics["iou@0.5"].value == 0.5


def test_dsol_duet_example():
    maps, truth = dsol_example()
    result = score("dsol-duet", maps, truth, assignment=np.eye(11), resamples=0)
    assert [row["ciou"] for row in result.per_clip] == pytest.approx([0.75, 0.142857], abs=1e-6)
    assert [row["nsa"] for row in result.per_clip] == pytest.approx([0.972222, 0.95], abs=1e-6)
    values = {name: metric.value for name, metric in result.metrics.items()}
    assert values["ciou@0.3"] == values["ciou@0.5"] == 0.5
    assert values["auc"] == pytest.approx(0.45)
    assert values["nsa"] == pytest.approx(0.961111, abs=1e-6)


def test_a_class_of_several_clusters_sums_them_before_resizing():
    maps = np.zeros((1, 3, 14, 14), np.float32)
    maps[0, 0, :, :7], maps[0, 2, :, :7] = 0.1, 0.15
    truth = truth_of([[[0, 0, 0.5, 1]]], [[0]], ("a", "b"))
    table = [[1, 0, 1], [0, 1, 0]]
    whole = cv2.resize(maps[0, 0] + maps[0, 2], (224, 224))
    expected = plain.ciou(whole > 0.2 * whole.max(), plain.truth_map([[0, 0, 0.5, 1]]))
    result = score("dsol-duet", maps, truth, assignment=table, resamples=0)
    assert result.metrics["ciou"].value == pytest.approx(expected)
    skipped = {skip: named("dsol-duet").with_axes(nsa_skip=skip, nsa_cut=0.12) for skip in ("first", "class")}
    nsa = {
        skip: score(p, maps, truth, assignment=table, resamples=0).metrics["nsa"].value for skip, p in skipped.items()
    }
    assert nsa["first"] < nsa["class"] == 1.0, "its second cluster counts as silent, as in the release"


def test_the_release_looks_at_eleven_maps_for_silence():
    maps = np.full((1, 20, 4, 4), 0.9, np.float32)
    maps[:, :11] = 0.0
    truth = truth_of([[[0, 0, 0.5, 1]]], [[0]], ("a",))
    table = np.arange(20)[None] == 0
    assert score("dsol-synthetic", maps, truth, assignment=table, resamples=0).metrics["nsa"].value == 1.0
    every = named("dsol-synthetic").with_axes(nsa_maps="all")
    assert score(every, maps, truth, assignment=table, resamples=0).metrics["nsa"].value == pytest.approx(10 / 19)


def test_coarse_to_fine_audioset_example():
    boxes = [[[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.25, 0.25], [0.3, 0.3, 0.1, 0.1]]]
    truth = truth_of(boxes, [[2, 7, 7]], tuple("abcdefghijklmno"), xywh=True)
    maps = np.zeros((1, 15, 256, 256), np.float32)
    maps[0, 2, 64:128, 64:192], maps[0, 7] = 1, -1
    result = score("c2f-class", maps, truth, resamples=0)
    values = {name: metric.value for name, metric in result.metrics.items()}
    assert values == pytest.approx({"locacc": 0.0, "auc": 0.275, "ciou": 0.25})
    heat = np.zeros((1, 1, 256, 256), np.float32)
    heat[0, 0, 64:128, 64:192] = 1
    heat[0, 0, 0, :2] = 0.05, 0.11
    result = score("c2f-agnostic", heat, truth, resamples=0)
    assert result.metrics["ciou"].value == pytest.approx(4096 / 12289)
    assert result.metrics["auc"].value == pytest.approx(0.325)


def test_coarse_to_fine_counts_classes_of_a_frame():
    truth = truth_of([[[0, 0, 0.5, 0.5]], [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]], [[0], [0, 1]], ("a", "b"))
    result = score("c2f-class", np.ones((2, 2, 16, 16)), truth, resamples=0)
    assert result.counts["evaluated"] == 1
    assert result.counts["dropped"] == {"not 2 classes": 1}


@pytest.mark.parametrize("name", ["avgn", "avgn-fixed"])
def test_sources_one_by_one_with_the_swapped_and_the_right_average_precision(name):
    truth, ends, maps = two_sources()
    shares, aps = [], []
    for source in (0, 1):
        scores = []
        for heat, box in zip(maps[:, source], ends[:, source], strict=True):
            mask, weights = plain.slavc(heat), plain.truth_map([box])
            scores.append(plain.ciou(mask, weights))
            pair = (mask.ravel(), weights.ravel()) if name == "avgn" else (weights.ravel() > 0, mask.ravel())
            aps.append(average_precision_score(*pair) if pair[0].any() else 0.0)
        shares.append(np.mean(np.array(scores) > 0.1))
    result = score(name, maps, truth, resamples=0)
    assert result.metrics["ciou@0.1"].value == pytest.approx(np.mean(shares))
    assert result.metrics["piap"].value == pytest.approx(np.mean(aps), abs=2e-3)
    if name == "avgn-fixed":
        of_class = np.array([aps[:9], aps[9:]])  # the first source is of the one class, the second of the other
        assert result.metrics["cap"].value == pytest.approx(of_class.mean(axis=1).mean(), abs=2e-3)


def test_cap_weighs_classes_alike_however_many_sources_they_have():
    truth = truth_of([[[0, 0, 0.5, 1]]] * 4, [[0], [0], [0], [1]], ("a", "b"))
    maps = np.full((4, 14, 14), -1, np.float32)
    maps[:3, :, :7], maps[3, :, 7:] = 1, 1  # the class of three is found, the class of one is not
    found = score("avgn-fixed", maps, truth, resamples=50).metrics
    assert found["piap"].value == pytest.approx((3 + 0.5) / 4, abs=0.1)
    assert found["cap"].value == pytest.approx((1 + 0.5) / 2, abs=0.1)
    assert found["cap"].ci95[0] <= found["cap"].value <= found["cap"].ci95[1]


def test_corners_and_extents_are_not_the_same_box():
    truth = truth_of([[[0.2, 0.2, 0.5, 0.5]]], xywh=True)
    everywhere = np.full((1, 1, 8, 8), 40.0)
    right = score("avgn-fixed", everywhere, truth, resamples=0).metrics["ciou"].value
    wrong = score("avgn", everywhere, truth, resamples=0).metrics["ciou"].value
    assert right == pytest.approx(0.25, abs=0.01)
    assert wrong == pytest.approx(0.09, abs=0.01)


def test_named_maps_go_to_the_source_of_their_class():
    truth, _, maps = two_sources()
    named_maps = maps[:, ::-1]
    plainly = score("avgn-fixed", maps, truth, resamples=0).metrics["ciou"].value
    assert score("avgn-fixed", named_maps, truth, classes=["B", "a"], resamples=0).metrics["ciou"].value == plainly
    with pytest.raises(DataError, match="none of the truth's classes"):
        score("avgn-fixed", maps, truth, classes=["x", "y"], resamples=0)


def test_overlapping_boxes_have_no_average_precision_in_the_release():
    truth = truth_of([[[0, 0, 0.5, 1], [0.25, 0, 0.75, 1]], [[0, 0, 0.5, 1]]])
    counted = named("tvsl").with_axes(truth="counts", canvas="frame")
    result = score(counted, heat_maps(2), truth, resamples=0)
    assert any("1 source has overlapping boxes" in line for line in result.warnings)
    single = score(counted, heat_maps(2)[1:], truth.take([1]), resamples=0)
    assert result.metrics["pixel_ap"].value == single.metrics["pixel_ap"].value


def test_pixels_of_a_class_are_pooled():
    rng = np.random.default_rng(6)
    ends = np.sort(rng.random((8, 2, 2)), axis=1).reshape(8, 1, 4)
    labels = [[0]] * 5 + [[1]] * 3
    truth = truth_of(ends.tolist(), labels, ("a", "b"))
    maps = rng.random((8, 56, 56)).astype(np.float32)
    protocol = named("denseav").with_axes(size=56, corners="clip")
    marked = np.stack([plain.truth_map(own, size=56) > 0 for own in ends])
    scaled = (maps - maps.min()) / (maps.max() - maps.min())
    aps, ious = [], []
    for part in (slice(0, 5), slice(5, 8)):
        scores, inside = scaled[part].ravel(), marked[part].ravel()
        aps.append(average_precision_score(inside, scores))
        cuts = np.linspace(scores.min(), scores.max(), 20)
        ious.append(max((inside & (scores > cut)).sum() / (inside | (scores > cut)).sum() for cut in cuts))
    result = score(protocol, maps, truth, resamples=0)
    assert result.metrics["cap"].value == pytest.approx(np.mean(aps), abs=1e-4)
    assert result.metrics["best_iou"].value == pytest.approx(np.mean(ious), abs=1e-4)
    ours = score(named("avloc").with_axes(size=56, corners="clip"), maps, truth, resamples=0)
    assert ours.metrics["cap"].value == pytest.approx(np.mean(aps), abs=1e-4)
    assert ours.metrics["piap"].value == pytest.approx(
        average_precision_score(marked.ravel(), scaled.ravel()), abs=1e-4
    )


def test_scenes_are_as_good_as_their_worst_sound():
    truth = truth_of([[[0, 0, 0.5, 1]]] * 4, scenes=["s", "s", "t", "t"])
    maps = np.zeros((4, 14, 14), np.float32)
    maps[[0, 1, 2], :, :7], maps[3, :, 7:] = 1, 1
    metrics = score("kaist-adap", maps + 0.001 * heat_maps(4), truth, resamples=0).metrics
    assert metrics["locacc"].value == 0.75
    assert metrics["iiou"].value == 0.5


def test_all_protocols_together_give_what_each_gives_alone():
    truth, _, maps = two_sources()
    together, left_out = score_all(maps, truth, resamples=50)
    assert {"avgn", "avgn-rel", "avgn-fixed", "noprior", "avloc"} <= set(together)
    assert "one map per clip" in left_out["hardway"]
    for name, result in together.items():
        assert result.to_json() == score(name, maps, truth, resamples=50).to_json()


def test_a_map_for_each_source_is_asked_for():
    truth, _, maps = two_sources()
    with pytest.raises(DataError, match="a map for each source; the predictions have 1, the truth up to 2"):
        score("avgn", maps[:, :1], truth)
    with pytest.raises(DataError, match="the predictions have 3, the truth up to 2: give as many, or `classes`"):
        score("avgn", np.zeros((9, 3, 4, 4)), truth)
    with pytest.raises(DataError, match="2 frames stacked vertically; found maps of 14x14"):
        score("noprior", maps, two_sources(mixed=True)[0])
    with pytest.raises(DataError, match="one map per clip"):
        score("hardway", maps, truth)
    with pytest.raises(DataError, match="give `assignment`"):
        score("dsol-duet", np.zeros((9, 5, 4, 4)), truth)


def test_negative_sounds_are_told_apart_by_kind():
    kinds = ["own"] * 6 + ["silence"] * 6 + ["other"] * 6
    ids = [f"{kind}{number}" for number, kind in enumerate(kinds)]
    boxes = np.tile([0, 0, 0.5, 1.0], (6, 1))
    truth = Truth(ids, ids, boxes, np.arange(6), np.full(6, -1), sound=kinds)
    confidence = np.r_[np.full(6, 0.9), np.full(6, 0.1), np.full(6, 0.9)]
    found = score("avloc", np.ones((18, 4, 4)), truth, confidence=confidence, resamples=0).extra["negative_sound"]
    assert found["silence"]["auroc"] == 1.0
    assert found["silence"]["false_alarm_rate"] == 0.0
    assert found["other"]["auroc"] == 0.5
    assert found["other"]["false_alarm_rate"] == 1.0


def test_one_release_compares_with_the_partners_row():
    """Maps that are right for the partner's row, and for the row itself."""
    truth, ends, _ = two_sources(4, mixed=True)
    partner = [1, 2, 3, 0]
    truth.partners = replace(truth, boxes=ends[partner].reshape(-1, 4))
    maps = np.full((2, 4, 2, 56, 56), -30, np.float32)
    for which, boxes in enumerate((ends, ends[partner])):
        for clip, source in np.ndindex(4, 2):
            x0, y0, x1, y1 = np.round(boxes[clip, source] * 56).astype(int)
            maps[which, clip, source, y0:y1, x0:x1] = 30
    released = named("avgn").with_axes(lookup="partner")
    found = [
        [score(protocol, own, truth, resamples=0).metrics["ciou"].value for own in maps]
        for protocol in (named("avgn"), released)
    ]
    assert found[0][0] == found[1][1] > 0.8
    assert max(found[0][1], found[1][0]) < 0.2
    assert score(released, maps[0][:2], truth.take([2, 3]), resamples=0).counts["evaluated"] == 2
    with pytest.raises(DataError, match="lookup=partner needs clips mixed by a list of pairs"):
        score(released, maps[0], replace(truth, partners=None))


def test_a_clip_without_prediction_is_pooled_as_the_least_value():
    truth = truth_of([[[0, 0, 0.5, 1]]] * 4)
    maps = np.zeros((4, 14, 14), np.float32)
    maps[:, :, :7] = 1
    whole = score("avloc", maps, truth, resamples=0).metrics
    half = score("avloc", maps[:2], truth, ids=["clip0", "clip1"], resamples=0).metrics
    low = maps.copy()
    low[2:] = 0
    filled = score("avloc", low, truth, resamples=0).metrics
    assert whole["piap"].value == 1.0 > half["piap"].value == filled["piap"].value
    assert half["cap"].value == filled["cap"].value


def test_pooled_pixels_of_a_mixture_with_object_maps_keep_their_order():
    truth, maps = truth_of([[[0, 0, 0.5, 1]]] * 3), heat_maps(3)
    guided = named("avloc").with_axes(ogl_alpha=0.5)
    small = score(guided, maps, truth, object_maps=maps, resamples=0).metrics["piap"].value
    large = score(guided, maps * 1000, truth, object_maps=maps * 1000, resamples=0).metrics["piap"].value
    assert small == pytest.approx(large, abs=1e-3), "a mixture is scaled to 0 .. 1 whatever the maps are"
