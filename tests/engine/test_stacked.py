"""Test sets of mixtures: several clips, one frame above the other, with one mixed sound."""

import numpy as np
import pytest
import torch

import avloc
from avloc.data.batch import Batch
from avloc.data.loader import Loader
from avloc.data.stacking import one_above_the_other
from avloc.engine.calibration import scores_of
from avloc.engine.predicting import wrong_sounds
from avloc.engine.stacked import mixtures_to_score, partners
from avloc.errors import AvlocError
from avloc.methods.noprior import NoPrior
from avloc.nn.objects import loudest_of
from avloc.predictions import read_predictions
from tests.engine.tiny import BACKBONE, make_tiny_store, tiny_one_stage, write_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained NoPrior with a test set of pairs."""
    folder = tmp_path_factory.mktemp("stacked")
    config = tiny_one_stage(make_tiny_store(folder / "store"), "noprior", flow="none", frozen=False, maps="objects")
    test = {"store": str(folder / "store"), "split": "test"}
    config["evaluate"] = {
        "pairs": {**test, "protocol": "noprior", "stacked": 2},
        "solo": {**test, "protocol": "noprior"},
    }
    path = write_config(folder / "noprior.yaml", config)
    avloc.train_stage1(path, folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def split(run):
    return avloc.Store.open(run.parent / "store").split("test")


def test_partners_are_as_far_apart_in_the_sorted_list_as_there_are_mixtures():
    assert [rows.tolist() for rows in partners(range(7), 3)] == [[0, 1], [2, 3], [4, 5]]
    assert [rows.tolist() for rows in partners(range(8), 3)] == [[0, 1], [2, 3], [5, 6]]


def test_frames_stand_one_above_the_other_and_log_spectrograms_are_averaged():
    clips = [Batch(torch.full((1, 3, 4, 4), float(n)), torch.full((1, 1, 2, 2), (-24 + 24 * n) / 12)) for n in (0, 1)]
    both = one_above_the_other(clips)
    assert both.frame.shape == (1, 3, 8, 4) and both.frame[0, 0, :, 0].tolist() == [0] * 4 + [1] * 4
    assert (both.sound == -1).all()
    assert one_above_the_other(clips[:1]) is clips[0]


def test_a_mixture_is_read_as_its_clips_are_and_its_truth_has_a_source_for_each(split):
    frames = mixtures_to_score(split, 2, "all", 0, "pairs")
    assert len(frames.truth) == len(split) // 2 and frames.truth.mixed
    keys = frames.truth.ids[0].split("+")  # such as video_00012_0_1000/frame_001/00000.jpg
    one, other = (split.ids.index(key.replace("/frame_", "/").rsplit("/", 1)[0]) for key in keys)
    senses = NoPrior(**{name: _part(name) for name in ("visual", "audio")}, flow="none")
    loader = Loader(split, senses, torch.device("cpu"))
    batch = next(iter(loader.of(frames.plan.rows(0, 1), 1)))
    singles = [next(iter(loader.of(layer.rows(0, 1), 1))) for layer in frames.plan.layers]
    assert torch.equal(batch.frame, torch.cat([single.frame for single in singles], dim=2))
    assert [int(single.index) for single in singles] == [one, other]
    mine = frames.truth.box_clip == 0
    assert sorted(frames.truth.sources[mine].tolist()) == [0, 1]


def test_the_wrong_sounds_of_a_mixture_are_of_none_of_its_classes(split):
    plan = mixtures_to_score(split, 2, "all", 0, "pairs").plan
    wrong = wrong_sounds(split, plan, 0)
    labels = np.asarray(split.labels)
    for layer in wrong.layers:
        heard = labels[layer.heard]
        seen = labels[plan.clips] | labels[plan.under[0].clips]
        assert not (heard & seen).any()
    assert np.array_equal(wrong.under[0].clips, plan.under[0].clips)


def test_mixtures_are_scored_beside_their_controls_and_not_drawn(run):
    found = avloc.evaluate(run=run, resamples=10).sets["pairs"]
    assert {"wrong sound", "largest object", "saliency", "centre", "all ones"} == set(found.comparisons)
    stored = read_predictions(found.predictions)
    assert len(stored.ids) == 3 and all("+" in name for name in stored.ids)
    assert stored.maps.shape[2] == 2 * stored.maps.shape[3]
    assert stored.attributes["stacked"] == 2
    page = avloc.visualize(run=run).report.read_text()
    assert "pairs: no pictures (its frames are mixtures of several clips)" in page


def test_a_model_of_the_same_run_shows_the_loudest_of_what_it_found(run, tmp_path):
    """Its number of maps differs from moment to moment; where it finds nothing no place stands out."""
    wide = torch.tensor([[[[-1.0, -0.5]], [[-0.25, -2.0]]], [[[torch.nan] * 2]] * 2])
    assert loudest_of(wide).tolist() == [[[[-0.25, -0.5]]], [[[-2.0, -2.0]]]]
    scores = scores_of(np.array([[[[-1, -0.5]], [[np.nan] * 2]], [[[np.nan] * 2]] * 2], np.float32))
    assert scores["peak"].tolist() == [-0.5, -np.inf] and scores["contrast"].tolist() == [0.25, -np.inf]
    picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    sound = np.sin(np.arange(4000) * 0.9).astype(np.float32)
    assert avloc.load(run).predict(image=picture, sound=sound, rate=4000).maps.shape[1] == 1
    stored = avloc.predict(store=run.parent / "store", run=run, split="test", out=tmp_path)
    assert "nan" not in stored.table.read_text()


def test_clips_that_fill_no_mixture_are_named(split, caplog):
    with caplog.at_level("WARNING", "avloc.evaluate"):
        mixtures_to_score(split, 4, "all", 0, "fours")
    assert "no mixture of 4 is left for 2 frames" in caplog.text
    with pytest.raises(AvlocError, match="something sounds in 6 frames of split test; expected 7 or more"):
        mixtures_to_score(split, 7, "all", 0, "sevens")


def test_a_protocol_of_single_frames_is_refused_for_mixtures(run):
    with pytest.raises(
        AvlocError, match="stacked: found 2, but avloc scores single frames; expected 1, or protocol: nop"
    ):
        avloc.evaluate(run=run, set=["evaluate.pairs.protocol=avloc"])
    with pytest.raises(AvlocError, match=r"mixtures .* cannot be retrieved"):
        avloc.evaluate(run=run, sets=["pairs"], metric=["retrieval"])


def _part(name):
    return avloc.nn.encoders.Backbone(**BACKBONE)
