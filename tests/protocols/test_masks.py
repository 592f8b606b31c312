"""Every protocol for one map per clip equals its rule written out for a single map."""

import numpy as np
import plain
import pytest
from making import heat_maps, random_truth, truth_of

from avloc.protocols import PROTOCOLS, named
from avloc.protocols.normalise import guided
from avloc.protocols.plain import heard
from avloc.scoring import score

#: how near: OpenCV resizes to the bit; where PyTorch resizes, a pixel at the threshold may fall to the other side
NEAR = {"hardway": 0, "vcs": 0, "sspl": 0, "dsol-solo": 0, "c2f-agnostic": 0}


@pytest.mark.parametrize("votes", [1, 2])
@pytest.mark.parametrize("name", sorted(plain.MASKS))
def test_a_protocol_equals_its_rule_for_one_map(name, votes):
    truth, boxes = random_truth(votes=votes)
    maps = heat_maps()
    protocol = named(name).with_axes(corners="clip", truth="votes", level=0)
    expected = []
    for heat, own in zip(maps, boxes, strict=True):
        weights = plain.truth_map(own, votes, protocol.size)
        mask = plain.MASKS[name](heat, weights) if name == "kaist-adap" else plain.MASKS[name](heat)
        expected.append(plain.ciou(mask, weights))
    result = score(protocol, maps, truth, resamples=0)
    found = [row["ciou"] for row in result.per_clip]
    assert found == pytest.approx(expected, abs=NEAR.get(name, 2e-3), nan_ok=True)


RAMP = np.tile(np.arange(14, dtype=np.float32), (14, 1))[None]
ONE_BOX = truth_of([[[0.25, 0, 1, 0.5]]])
TWO_VOTES = truth_of([[[0, 0, 0.5, 1], [0.25, 0, 0.75, 1]]], votes=2)


@pytest.mark.parametrize(
    ("name", "one_box", "two_votes"),
    [("vcs", 0.4, 1 / 6), ("hardway", 12432 / (18816 + 12432), 6160 / (25088 + 12544))],
)
def test_the_ramp_of_the_visual_context_spec(name, one_box, two_votes):
    assert score(name, RAMP, ONE_BOX, resamples=0).metrics["ciou"].value == pytest.approx(one_box, abs=1e-12)
    assert score(name, RAMP, TWO_VOTES, resamples=0).metrics["ciou"].value == pytest.approx(two_votes, abs=1e-12)


def test_half_of_the_map_in_the_sspl_example():
    heat = np.zeros((1, 14, 14), np.float32)
    heat[:, :, :7] = 1
    truth = truth_of([[[0, 0, 0.5, 1], [0, 0, 0.75, 1]]], votes=2)
    assert score("sspl", heat, truth, resamples=0).metrics["ciou"].value == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("name", "value", "predicted"),
    [
        ("ez-vsl", 0.25, "all"),
        ("vcs", 0.25, "all"),
        ("hardway", 0.25, "all"),
        ("hardway", 0.0, "all"),
        ("hardway", -1.0, "nothing"),
        ("kaist", 0.25, "nothing"),
        ("sspl", 0.25, "nothing"),
        ("slavc", 0.25, "all"),
        ("slavc", -0.25, "nothing"),
        ("dsol-solo", 1.0, "all"),
        ("c2f-agnostic", -1.0, "nothing"),
    ],
)
def test_constant_maps(name, value, predicted):
    truth = truth_of([[[0, 0, 0.5, 1], [0.5, 0, 0.75, 1]]], labels=[[0, 1]], classes=("x", "y"))
    found = score(name, np.full((1, 14, 14), value, np.float32), truth, resamples=0).metrics
    mean = found["iou" if name == "dsol-solo" else "ciou"].value
    assert mean == pytest.approx({"all": 0.75, "nothing": 0.0}[predicted])


def test_a_perfect_map_misses_one_pixel_under_kaist_adap_and_none_under_ours():
    truth = truth_of([[[0.25, 0.25, 0.75, 0.5]]])
    heat = np.random.default_rng(0).random((1, 224, 224)).astype(np.float32)
    heat[0, 56:112, 56:168] += 1
    pixels = 56 * 112
    assert score("kaist-adap", heat, truth, resamples=0).metrics["ciou"].value == pytest.approx((pixels - 1) / pixels)
    assert score("avloc", heat, truth, resamples=0).metrics["ciou"].value == 1.0


def test_a_constant_map_gets_its_chance_level_under_ours():
    truth = truth_of([[[0, 0, 0.5, 0.5]]])
    metrics = score("avloc", np.zeros((1, 14, 14)), truth, resamples=0).metrics
    assert metrics["ciou"].value == pytest.approx((0.25 * 0.25) / (0.5 - 0.0625))
    assert metrics["piap"].value == pytest.approx(0.25)


def test_strict_rules_keep_one_pixel_less_than_half():
    truth = truth_of([[[0, 0, 1, 1]]])
    heat = np.random.default_rng(0).standard_normal((1, 224, 224)).astype(np.float32)
    half = 224 * 224 // 2
    assert score("kaist", heat, truth, resamples=0).metrics["ciou"].value == (half - 1) / (2 * half)
    assert score("ez-vsl", heat, truth, resamples=0).metrics["ciou"].value == 0.5


def test_sparse_maps_are_where_rules_part():
    rng = np.random.default_rng(1)
    boxes = [[[x, y, x + 0.3, y + 0.3]] for x, y in rng.uniform(0, 0.7, (60, 2))]
    maps = np.zeros((60, 14, 14), np.float32)
    for heat, ((x0, y0, x1, y1),) in zip(maps, boxes, strict=True):
        heat[round(y0 * 14) : round(y1 * 14), round(x0 * 14) : round(x1 * 14)] = 0.2 + 0.8 * rng.random()
    truth = truth_of(boxes)
    locacc = {
        name: score(name, maps, truth, resamples=0).metrics["locacc"].value for name in ("hardway", "ez-vsl", "sspl")
    }
    assert locacc["hardway"] > 0.9, "a strict threshold keeps only what is above zero"
    assert locacc["ez-vsl"] == 0.0, "a threshold at zero keeps the whole image"


def test_acl_takes_sigmoids_of_the_scored_size_as_they_are_and_scales_other_maps():
    """swimmiing/ACL-SSL@57f4a6c thresholds its model's sigmoid; a faint map marks nothing at 0.5."""
    truth, _ = random_truth(4)
    faint = np.full((4, 224, 224), 0.02, np.float32)
    faint[:, 50:150, 50:150] = 0.3
    half = named("acl").with_axes(mask="absolute", cut=0.5)

    def scored(maps):
        found = score(half, maps, truth, resamples=0)
        return found.protocol.normalise, found.metrics["ciou"].value > 0

    assert scored(faint) == ("none", False)
    assert scored(faint[:, ::16, ::16]) == ("minmax", True), "a model that gives 14 x 14 is no ACL"
    assert scored(faint - 0.1) == ("minmax", True), "and neither is one that gives cosines"
    assert scored([faint[0], *faint[1:, :112, :112]]) == ("minmax", True), "nor maps of several sizes"
    assert heard(half, faint[0], np.ones((224, 224))).sum() == 0


def test_the_best_cut_is_chosen_for_each_metric():
    truth, _ = random_truth(30)
    maps = heat_maps(30)
    result = score("acl", maps, truth, resamples=50)
    singles = [
        score(named("acl").with_axes(mask="absolute", cut=cut), maps, truth, resamples=0)
        for cut in (0.05, 0.3, 0.6, 0.95)
    ]
    for name in ("locacc", "auc"):
        assert result.metrics[name].value >= max(single.metrics[name].value for single in singles) - 1e-12
    assert set(result.extra["cuts"]) == {"auc", "locacc"}


def test_object_maps_are_mixed_in():
    truth = truth_of([[[0, 0, 0.5, 1]]])
    sound, sight = np.random.default_rng(0).random((2, 1, 14, 14)).astype(np.float32)
    sight[:, :, :7] += 5
    guided = named("ez-vsl").with_axes(ogl_alpha=0.4)
    alone = score("ez-vsl", sound, truth, resamples=0).metrics["ciou"].value
    mixed = score(guided, sound, truth, object_maps=sight, resamples=0)
    assert mixed.metrics["ciou"].value > alone + 0.2
    assert mixed.protocol.label == "ez-vsl ogl_alpha=0.4", "a number with object maps is never taken for one without"


@pytest.mark.parametrize("name", sorted(plain.GUIDED))
def test_object_maps_are_resized_as_each_release_does(name):
    truth, boxes = random_truth(votes=2)
    maps, objects = heat_maps(), np.abs(heat_maps(seed=4, size=7))
    protocol = named(name).with_axes(corners="clip", ogl_alpha=0.4)
    expected = []
    for heat, other, own in zip(maps, objects, boxes, strict=True):
        weights, values = plain.truth_map(own, 2), plain.guided(heat, other, *plain.GUIDED[name], 0.4)
        number = np.count_nonzero(weights) if name == "kaist-adap" else values.size // 2
        cut = np.sort(values.ravel())[values.size - number]
        expected.append(plain.ciou(values > cut if protocol.strict else values >= cut, weights))
    result = score(protocol, maps, truth, object_maps=objects, resamples=0)
    assert [row["ciou"] for row in result.per_clip] == pytest.approx(expected, abs=2e-3)


def test_a_fused_map_of_two_categories_is_not_divided_by_its_maximum():
    """Two equally likely categories apart: half of each one's map, whose maximum was 1 before they were fused."""
    truth = truth_of([[[0, 0, 0.5, 1]]])
    left, right = np.zeros((2, 1, 256, 256), np.float32)
    left[0, :, :64], left[0, :, 64:128], right[0, :, 192:] = 1.0, 0.15, 1.0
    fused = (left + right) / 2
    marked = 127 * 256 - 127  # corners count from 1, so that the box loses its last column and row
    heard_inside = 64 * 255  # 0.15 / 2 stays below 0.1, but is above it if the map is divided by its maximum
    expected = heard_inside / (marked + 64 * 256 + 64)
    assert score("c2f-flickr", fused, truth, resamples=0).metrics["ciou"].value == pytest.approx(expected, abs=1e-3)
    divided = score("c2f-flickr", fused / fused.max(), truth, resamples=0).metrics["ciou"].value
    assert divided > expected + 0.1


def test_a_constant_map_is_undefined_in_the_branch_that_no_script_reaches():
    truth = truth_of([[[0, 0, 0.5, 1]], [[0, 0, 0.5, 1]]])
    maps = np.stack([np.full((14, 14), 0.25), np.linspace(1, 0, 196).reshape(14, 14).T]).astype(np.float32)
    found = {name: score(name, maps, truth, resamples=0) for name in ("sspl", "sspl-median")}
    assert found["sspl"].curve[0] == 1
    assert found["sspl-median"].curve[0] == 0.5


def test_the_confidence_of_a_mixture_is_taken_before_its_last_min_max():
    rng = np.random.default_rng(0)
    truth = truth_of([[[0, 0, 0.5, 1]], [[0, 0, 0.5, 1]], []])
    maps, objects = rng.uniform(-30, 30, (3, 14, 14)).astype(np.float32), np.ones((3, 7, 7), np.float32)
    maps[0] /= 100  # never loud, but its loudest pixel is 1 after min-max
    found = score(named("slavc-rel").with_axes(ogl_alpha=0.9), maps, truth, object_maps=objects, resamples=0)
    sure = [row["confidence"] for row in found.per_clip]
    assert sure[0] == pytest.approx(0.9 * 0.5 + 0.1 * 0.4, abs=0.01)
    assert sure[1] > 0.6


def test_the_worked_example_of_object_maps():
    one = np.ones((1, 1), np.float32)
    mixed = guided(np.array([[0, 4]]) * one, np.array([[3, 1]]) * one, "minmax", 0.4)
    assert mixed.tolist() == [[1, 0]]


def test_every_protocol_says_where_it_was_read():
    assert all(protocol.source for protocol in PROTOCOLS.values())
    wanted = (
        "hardway ez-vsl fnac-bilinear fnac-bicubic slavc slavc-rel avgn avgn-rel avgn-val vcs sspl sspl-median kaist "
        "kaist-adap acl dsol-solo dsol-synthetic dsol-duet c2f-class c2f-agnostic c2f-flickr noprior tvsl denseav avloc"
    )
    assert set(wanted.split()) <= set(PROTOCOLS)
