"""Inputs that few give: pixel masks with class names, clips that all are silent, rules without a hash, no resamples."""

import gc
import weakref
from dataclasses import dataclass, replace

import numpy as np
import pytest

from avloc.errors import ConfigError, DataError
from avloc.predictions import Predictions
from avloc.protocols import PROTOCOLS, named
from avloc.protocols.reporting import reporting
from avloc.protocols.resize import _bands, _weights, resize
from avloc.scoring import score, score_all
from avloc.scoring.inputs import task_of
from avloc.scoring.tuned import tuned
from avloc.scoring.verdict import verdicts
from avloc.statistics import bootstrap_ratios, bootstrap_several, bootstrap_statistic
from tests.protocols.making import heat_maps, random_truth, truth_of

HALF = [[0.0, 0.0, 0.5, 1.0]]


def test_perfect_maps_of_named_classes_are_perfect_on_pixel_masks_as_on_boxes():
    masks = np.zeros((2, 2, 16, 16), bool)
    masks[:, 0, :8, :8], masks[:, 1, 8:, 8:] = True, True
    fields = {"classes": ("x", "y"), "masks": masks, "mask_class": np.tile([0, 1], (2, 1))}
    boxes = [[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]] * 2
    for truth in (truth_of([[]] * 2, **fields), truth_of(boxes, [[0, 1]] * 2, ("x", "y"))):
        found = score("denseav", masks.astype(np.float32), truth, classes=["x", "y"], resamples=0)
        assert found.metrics["cap"].value > 0.999
        assert found.metrics["best_iou"].value > 0.99


def test_every_frame_of_mixed_pixel_masks_counts():
    masks = np.zeros((3, 2, 32, 32), bool)
    masks[:, 0, :16, :16], masks[:, 1, 16:, 16:] = True, True
    maps = np.zeros((3, 2, 64, 32), np.float32)
    maps[:, 0, :32], maps[:, 1, 32:] = masks[:, 0], masks[:, 1]
    maps += 0.001 * np.random.default_rng(0).random(maps.shape, np.float32)
    found = score("noprior", maps, truth_of([[]] * 3, masks=masks, mixed=True), resamples=0)
    assert len(found.per_clip[0]["sources"]) == 2
    assert found.metrics["ciou@0.5"].value == 1  # a half-area mask reaches a quarter of a frame that it holds: 0.5


def test_a_protocol_only_reports_what_its_scores_give():
    for name, wanted in (
        ("noprior", "auroc"),
        ("gar", "tells"),
        ("cavp", "ciou"),
        ("vssl-eval", "locacc"),
        ("denseav", "ap"),
    ):
        with pytest.raises(ConfigError, match=f"--metric {wanted}: protocol {name} cannot report it; it can report "):
            reporting(named(name), [wanted])
    found = reporting(named("noprior"), ["ciou", "locacc", "ciou@0.2"]).report
    assert found == ("ciou@0.3", "ciou@0.5", "ciou", "locacc", "ciou@0.2")
    assert reporting(named("ez-vsl"), ["auroc", "tells"]).report == ("auroc", "tells")


def test_a_threshold_cannot_be_chosen_on_silent_clips(tmp_path):
    truth = truth_of([HALF, HALF, [], []])
    given = Predictions(list(truth.ids), heat_maps(4)[:, None])
    (tmp_path / "val.txt").write_text("clip2\nclip3\n")
    with pytest.raises(DataError, match=r"val\.txt: no clip has a box, so acl cannot choose its threshold; list some"):
        tuned([named("acl")], given, truth, tmp_path / "val.txt")


@dataclass
class AboveMean:
    """A rule that has no hash, as data classes have none."""

    share: float = 1.0

    def __call__(self, heat, truth):
        return np.kron(heat > self.share * heat.mean(), np.ones(np.array(truth.shape) // heat.shape)) > 0


def test_a_rule_needs_no_hash_and_is_not_kept():
    truth, _ = random_truth(6)
    rule = AboveMean()
    found = score(rule, heat_maps(6), truth, resamples=0)
    assert 0 < found.metrics["ciou"].value < 1
    gone = weakref.ref(rule)
    del rule, found
    gc.collect()
    assert gone() is None


def test_success_is_as_strict_in_tables_as_in_the_whole():
    truth = truth_of([HALF, HALF], [[0], [0]], ("x",))
    maps = np.zeros((2, 224, 224), np.float32)
    maps[0, :, :112], maps[1, :112, :112] = 1, 1  # cIoU 1 and 0.5 exactly
    for protocol, expected in (("slavc", 0.5), ("sspl", 1.0)):
        plainly = named(protocol).with_axes(normalise="none")
        found = score(plainly, maps, truth, resamples=0)
        assert found.metrics["locacc"].value == expected
        assert found.per_class["x"]["locacc"] == expected
        assert [row["locacc"] for row in found.per_video.values()] == [1.0, 2 * expected - 1]
        assert sum(row.get("locacc", 0) * row["clips"] for row in found.by_size.values()) == 2 * expected


def test_two_variants_of_a_protocol_need_two_names():
    truth, _ = random_truth(6)
    one = named("ez-vsl")
    other = one.with_axes(cut=0.9)
    with pytest.raises(DataError, match="protocols: ez-vsl is given more than once, and results are by name"):
        score_all(heat_maps(6), truth, protocols=[one, other], resamples=0)
    found, _ = score_all(heat_maps(6), truth, protocols=[one, replace(other, name="mine")], resamples=0)
    assert list(found) == ["ez-vsl", "mine"]


def test_without_resamples_no_statistic_has_an_interval():
    ends = bootstrap_statistic(lambda drawn: np.stack([drawn.sum(1), drawn.max(1)], axis=1), 5, resamples=0)
    assert ends.shape == (2, 2)
    assert np.isnan(ends).all()


def test_an_interval_does_not_depend_on_what_is_resampled_with_it():
    rng = np.random.default_rng(0)
    pairs = [(rng.random((60, columns)), rng.random((60, columns))) for columns in (1, 3, 5)]
    videos = [f"video{number // 3}" for number in range(60)]
    for names in (None, videos):
        together = bootstrap_several(pairs, names, 50)
        for (top, bottom), ends in zip(pairs, together, strict=True):
            assert ends.tolist() == bootstrap_ratios(top, bottom, names, 50).tolist()


def test_intervals_of_a_protocol_are_the_same_alone_and_with_others():
    truth, _ = random_truth(50)
    together, _ = score_all(heat_maps(50), truth, resamples=30)
    for name in ("ez-vsl", "kaist", "avgn", "sspl"):
        assert score(name, heat_maps(50), truth, resamples=30).metrics == together[name].metrics


def test_partners_are_grouped_by_the_videos_that_were_given():
    own = truth_of([HALF] * 6, mixed=True)
    truth = replace(own, partners=truth_of([[[0.5, 0, 1, 1]]] * 6, mixed=True))
    videos = ["v"] * 3 + ["w"] * 3
    task = task_of(heat_maps(6), truth, videos=videos)
    assert task.of_partners.truth.videos == task.truth.videos == videos


def test_drawn_truths_are_freed_when_no_other_protocol_needs_them():
    truth, _ = random_truth(8)
    task = task_of(heat_maps(8), truth)
    verdicts([PROTOCOLS["noprior"], PROTOCOLS["denseav"], PROTOCOLS["gar"]], task, 0, 0, 4)
    assert task.drawn_truths
    assert not any(drawn._kept for drawn in task.drawn_truths.values())


def test_weights_of_a_limited_number_of_shapes_are_kept():
    for side in range(5, 105):
        resize(np.ones((1, side, side), np.float32), 8, 8, "bicubic")
    assert _bands.cache_info().currsize <= 64
    assert _weights.cache_info().currsize <= 64
