"""Scoring as a whole: counts, missing and broken maps, and properties that hold for any maps and boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from avloc.annotations import Truth
from avloc.errors import DataError
from avloc.protocols import PROTOCOLS, named
from avloc.scoring import score, score_all, summary

SINGLE = [name for name, protocol in PROTOCOLS.items() if protocol.unit in ("auto", "clip") and not protocol.level]


def simple(clips=4, **fields):
    boxes = np.tile([0.0, 0.0, 0.5, 1.0], (clips, 1))
    ids = [f"c{number}" for number in range(clips)]
    return Truth(
        ids, [f"v{number // 2}" for number in range(clips)], boxes, np.arange(clips), np.zeros(clips), ("x",), **fields
    )


def left_maps(clips=4):
    maps = np.zeros((clips, 14, 14), np.float32)
    maps[:, :, :7] = 1
    return maps


def test_ids_in_another_order_are_found():
    maps = left_maps()
    maps[0] = maps[0, :, ::-1]
    ids = ["c3", "c2", "c1", "c0"]
    result = score("kaist-adap", maps[::-1], simple(), ids=ids, resamples=0)
    assert [round(row["ciou"]) for row in result.per_clip] == [0, 1, 1, 1]


def test_maps_may_be_given_by_the_ids_of_their_clips():
    maps = left_maps()
    maps[0] = maps[0, :, ::-1]
    by_id = {f"c{3 - number}": one for number, one in enumerate(maps[::-1])}
    assert score("kaist-adap", by_id, simple(), resamples=0).per_clip == (
        score("kaist-adap", maps, simple(), resamples=0).per_clip
    )
    sizes = by_id | {"c0": maps[0].repeat(2, 0)}  # a map of another size
    assert list(score_all(sizes, simple(), protocols=["avloc"], resamples=0).results) == ["avloc"]
    with pytest.raises(DataError, match="give the ids once"):
        score("kaist-adap", by_id, simple(), ids=list(by_id), resamples=0)


def test_missing_clips_are_scored_zero_or_left_out_and_counted():
    result = score("kaist-adap", left_maps(3), simple(), ids=["c0", "c1", "c9"], resamples=0)
    assert result.metrics["locacc"].value == 0.5
    assert result.counts["missing"] == 2
    assert [row.get("missing", False) for row in result.per_clip] == [False, False, True, True]
    dropped = score(
        named("kaist-adap").with_axes(missing="drop"), left_maps(2), simple(), ids=["c0", "c1"], resamples=0
    )
    assert dropped.metrics["locacc"].value == 1.0
    counts = {"requested": 4, "found": 2, "evaluated": 2, "dropped": {"no prediction": 2}, "missing": 2}
    assert dropped.counts == counts | {"unjudged_masks": 2}


@pytest.mark.parametrize("name", SINGLE)
def test_a_map_with_nan_hears_nothing_and_is_counted(name):
    maps = left_maps()
    maps[1, 3, 3], maps[2, 0, 0] = np.nan, np.inf
    result = score(name, maps, simple(), resamples=0)
    assert result.counts["broken_maps"] == 2
    assert [row["ciou"] for row in result.per_clip][1:3] == [0.0, 0.0]
    clean = score(name, maps[[0, 3]], simple().take([0, 3]), resamples=0)
    assert [result.per_clip[0]["ciou"], result.per_clip[3]["ciou"]] == [row["ciou"] for row in clean.per_clip]


@pytest.mark.parametrize("name", ["denseav", "noprior-fixed", "avloc"])
def test_broken_maps_hear_nothing_where_pixels_or_frames_are_looked_at_together(name):
    maps = left_maps()
    maps[1, 3, 3], maps[2, 0, 0] = np.nan, np.inf
    silent = left_maps()
    silent[1:3] = 0
    broken, quiet = (score(named(name), each, simple(), resamples=0) for each in (maps, silent))
    assert broken.counts["broken_maps"] == 2
    if name == "noprior-fixed":
        assert [row["ciou"] > 0.9 for row in broken.per_clip] == [True, False, False, True]
        assert broken.per_clip[1]["ciou"] == broken.per_clip[2]["ciou"] == 0
    else:
        assert broken.metrics["cap"].value == quiet.metrics["cap"].value < 1.0


def test_constant_maps_are_counted():
    maps = left_maps()
    maps[0] = 0.5
    result = score("ez-vsl", maps, simple(), resamples=0)
    assert result.counts["constant_maps"] == 1
    assert any("1 clip has constant maps" in line for line in result.warnings)


def test_negatives_are_left_out_and_counted_where_a_protocol_has_no_use_for_them():
    truth = simple(4)
    truth = Truth(truth.ids, truth.videos, truth.boxes[:3], truth.box_clip[:3], truth.box_class[:3], ("x",))
    without = score("hardway", left_maps(), truth, resamples=0)
    assert without.counts["dropped"] == {"no box": 1} and "3 of 4 clips, 1 left out: no box, in %" in repr(without)
    kept = score("slavc", left_maps(), truth, resamples=20)
    assert (
        "4 of 4 clips, 3 of them with something to find, in %" in repr(kept) and repr(kept)[:20] in kept._repr_html_()
    )
    assert kept.counts["negatives"] == 1
    assert kept.metrics["locacc"].value == pytest.approx(4 / 3 * kept.metrics["precision_all"].value)


def test_intervals_of_detection_do_not_depend_on_how_many_draws_are_looked_at_together(monkeypatch):
    truth = simple(4)
    truth = Truth(truth.ids, truth.videos, truth.boxes[:3], truth.box_clip[:3], truth.box_class[:3], ("x",))
    maps = left_maps() * np.arange(1, 5)[:, None, None]
    whole = score("slavc", maps, truth, resamples=100)
    monkeypatch.setattr(summary, "_PIECE", 12)  # three draws of four clips
    assert score("slavc", maps, truth, resamples=100).to_dict() == whole.to_dict()
    assert whole.metrics["ap"].ci95 is not None


def test_one_release_counts_clips_without_a_box_as_failures():
    truth = simple()
    truth = Truth([*truth.ids, "n"], [*truth.videos, "n"], truth.boxes, truth.box_clip, truth.box_class, ("x",))
    found = score("kaist", left_maps(5), truth, resamples=0)
    assert (found.counts["evaluated"], found.metrics["locacc"].value) == (5, 0.8)
    assert found.per_clip[-1]["ciou"] == 0
    assert any("1 clip has no box; scored 0 and counted" in line for line in found.warnings)
    apart = score(named("kaist").with_axes(negatives="apart"), left_maps(5), truth, resamples=0)
    assert (apart.counts["dropped"], apart.metrics["locacc"].value) == ({"no box": 1}, 1.0)


def test_a_score_above_the_ceiling_or_below_the_blind_is_said():
    small = Truth(["a"], ["a"], [[0.4, 0.4, 0.6, 0.6]], [0], [0], ("x",))
    peak = np.zeros((1, 50, 50), np.float32)
    peak[:, 20:30, 20:30] = 1
    above = score("hardway", peak, small, resamples=0).warnings
    assert any("above" in line and "equal pixels" in line for line in above)
    below = score("hardway", 1 - peak, small, resamples=0).warnings
    assert any("below the centre mask" in line for line in below)


def test_shares_of_videos_widen_the_interval_over_videos():
    metric = score("ez-vsl", np.random.default_rng(0).random((4, 14, 14)), simple()).metrics["ciou"]
    assert metric.ci95_by_video is not None
    single = score("ez-vsl", left_maps(), simple(), videos=["a", "b", "c", "d"]).metrics["ciou"]
    assert single.ci95_by_video is None, "a video a clip: both intervals would be the same"


def test_breakdowns():
    truth = simple(4)
    truth.boxes[3] = [0, 0, 0.1, 0.1]
    result = score("kaist-adap", left_maps(), truth, resamples=0)
    assert result.by_size["small"]["clips"] == 1
    assert result.by_size["huge"]["clips"] == 3
    assert result.per_class["x"]["clips"] == 4
    assert set(result.per_video) == {"v0", "v1"}
    assert result.macro["by_video"]["locacc"] == pytest.approx(np.mean([1.0, 0.5]))
    assert len(result.curve) == 21


def test_the_result_holds_what_the_contract_says():
    value = score("slavc", left_maps(), simple(), resamples=10).to_json()
    keys = (
        "benchmark protocol annotations_sha256 counts metrics per_clip per_class per_video by_size baselines warnings"
    )
    assert set(keys.split()) <= set(value)
    assert set(value["baselines"]) == {"all-ones", "centre", "half-area ceiling"}
    assert set(value["metrics"]["auc"]) == {"value", "ci95", "ci95_by_video"}
    assert value["protocol"]["name"] == "slavc"
    assert {"requested", "found", "evaluated", "dropped"} <= set(value["counts"])
    assert {"avloc", "numpy", "python"} <= set(value["made_with"]["versions"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": np.zeros((4, 3))}, "expected .N, h, w."),
        ({"maps": np.zeros((4, 0, 3))}, "expected .N, h, w."),
        ({"maps": np.array([["x"]])}, "expected .N, h, w."),
        ({"maps": np.zeros((3, 4, 4))}, "3 heat maps for 4 clips"),
        ({"ids": ["a"]}, "1 ids for 4 heat maps"),
        ({"ids": ["c0", "c0", "c1", "c2"]}, "duplicate id 'c0'"),
        ({"ids": ["p", "q", "r", "s"]}, "no id of the predictions is in the ground truth"),
        ({"assignment": np.eye(3)}, "expected 1 classes x 1 maps"),
        ({"classes": ["x", "y"]}, "2 class names for 1 maps"),
        ({"confidence": [0.5]}, "confidence has 1 rows"),
        ({"object_maps": np.zeros((2, 4, 4))}, "object_maps has 2 rows"),
        ({"protocol": named("ez-vsl").with_axes(ogl_alpha=0.4)}, "needs object maps"),
        (
            {"protocol": named("ez-vsl").with_axes(ogl_alpha=0.4), "object_maps": np.full((4, 7, 7), np.nan)},
            "object maps hold NaN",
        ),
        ({"protocol": named("ez-vsl").with_axes(resize="none")}, "resize=none takes maps of 224x224"),
        ({"protocol": named("ez-vsl").with_axes(cut=2)}, "a rank is a share of the pixels"),
        ({"protocol": named("ez-vsl").with_axes(unit="greedy", mask="median")}, "matched maps are cut by rank"),
        ({"protocol": "c2f-agnostic"}, "none of 4 clips can be scored"),
    ],
)
def test_what_cannot_be_scored_is_one_line(change, message):
    given = {"protocol": "hardway", "maps": left_maps(), **change}
    with pytest.raises(DataError, match=message) as error:
        score(given.pop("protocol"), given.pop("maps"), simple(), **given)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"videos": ["v"]}, "one video for each"),
        ({"box_clip": [0, 1]}, "the same number of each"),
        ({"box_clip": [0, 1, 7]}, "outside the 3 clips"),
        ({"box_class": [0, 0, 5]}, "outside the 1 classes"),
        ({"ids": ["a", "b", "a"]}, "duplicate id 'a'"),
    ],
)
def test_a_truth_that_does_not_hang_together_is_refused(change, message):
    fields = {
        "ids": ["a", "b", "c"],
        "videos": ["v"] * 3,
        "boxes": np.zeros((3, 4)),
        "box_clip": [0, 1, 2],
        "box_class": [0] * 3,
    }
    with pytest.raises(DataError, match=message):
        Truth(**{**fields, "classes": ("x",), **change})


TWO = [
    named(name).with_axes(size=24)
    for name in ("avloc", "avgn", "avgn-rel", "avgn-val", "avgn-fixed", "noprior", "noprior-fixed", "dsol-duet")
]


@settings(max_examples=6, deadline=None)
@given(
    arrays.arrays(np.float32, (4, 2, 8, 4), elements=st.floats(-9, 9, width=32) | st.sampled_from([0.0, float("nan")])),
    arrays.arrays(np.float64, (8, 4), elements=st.floats(-0.1, 1.1)),
    st.booleans(),
    st.permutations(range(4)),
)
def test_for_any_maps_and_boxes_of_two_sources(maps, boxes, mixed, order):
    ids, clip = [f"c{n}" for n in range(4)], np.repeat(np.arange(4), 2)
    truth = Truth(ids, ["v", "v", "w", "w"], boxes, clip, np.tile([0, 1], 4), ("a", "b"), xywh=boxes, mixed=mixed)
    first, _ = score_all(maps, truth, protocols=TWO, resamples=20, chunk=4)
    again, _ = score_all(maps[list(order)], truth, protocols=TWO, ids=[ids[n] for n in order], resamples=20, chunk=1)
    assert set(first) >= {"avloc", "avgn", "noprior", "dsol-duet"}, "maps of two frames, one above the other"
    for name, result in first.items():
        assert again[name].to_json() == result.to_json()
        assert all(np.isnan(one.value) or 0 <= one.value <= 1 + 1e-9 for one in result.metrics.values())
        assert all(a >= b for a, b in zip(result.curve, result.curve[1:], strict=False))


CLIPS = 6
MAPS = arrays.arrays(
    np.float32, (CLIPS, 5, 5), elements=st.floats(-40, 40, width=32) | st.sampled_from([0.0, 1.0, float("nan")])
)
BOXES = arrays.arrays(np.float64, (CLIPS, 4), elements=st.floats(-0.2, 1.2))


@settings(max_examples=12, deadline=None)
@given(MAPS, BOXES, st.integers(1, 2), st.randoms(use_true_random=False))
def test_for_any_maps_and_boxes(maps, boxes, votes, random):
    truth = simple(CLIPS)
    truth = Truth(truth.ids, truth.videos, boxes, truth.box_clip, truth.box_class, ("x",), votes=votes)
    small = [protocol.with_axes(size=24) for protocol in PROTOCOLS.values()]
    first, _ = score_all(maps, truth, protocols=small, resamples=20, chunk=4)
    order = list(range(CLIPS))
    random.shuffle(order)
    again, _ = score_all(maps[order], truth, protocols=small, ids=[truth.ids[n] for n in order], resamples=20, chunk=1)
    for name, result in first.items():
        assert again[name].to_json() == result.to_json(), "neither the order of the file nor the chunk changes anything"
        for metric, value in result.metrics.items():
            assert np.isnan(value.value) or -1e-12 <= value.value <= 1 + 1e-9, metric
            if value.ci95 is not None and not np.isnan(value.ci95).any():
                assert value.ci95[0] <= value.ci95[1]
        assert all(a >= b for a, b in zip(result.curve, result.curve[1:], strict=False)), "a success curve never rises"
        assert result.counts["evaluated"] + sum(result.counts["dropped"].values()) == result.counts["requested"]
