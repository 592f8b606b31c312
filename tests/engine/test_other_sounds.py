"""A run on a test set with sounds that nothing in view makes, and its frames and sounds searched for with one another."""

import json

import numpy as np
import pytest
import torch

import avloc
from avloc.data.loader import Batch
from avloc.data.store import Store
from avloc.engine.other_sounds import _noise, off_screen
from avloc.engine.predicting import frames_to_score
from avloc.errors import AvlocError
from avloc.methods.hard_way import HardWay
from avloc.predictions import read_predictions
from avloc.scoring import score
from tests.engine.test_hearing import hard_way
from tests.engine.tiny import make_tiny_store, write_config

KINDS = ("silence", "noise", "offscreen")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_tiny_store(tmp_path_factory.mktemp("data") / "store")


@pytest.fixture(scope="module")
def run(store, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    avloc.train_stage1(write_config(path / "c.yaml", hard_way(store, 1.0)), path / "run")
    return path / "run"


@pytest.fixture(scope="module")
def evaluated(run):
    return avloc.evaluate(run=run, negatives=list(KINDS), metric=["retrieval"], resamples=20).sets["solo"]


def test_any_protocol_of_a_run_has_the_other_sounds_beside_it(run, evaluated):
    assert evaluated.result.protocol.name == "avloc"
    found = evaluated.result.extra["negatives"]
    assert set(found["kinds"]) == set(KINDS) and "balanced" in found["rules"]
    assert json.loads(evaluated.file.read_text())["negatives"]["rules"]["max"] == found["rules"]["max"]


def test_the_maps_of_other_sounds_are_kept_and_score_the_same_again(run, store, evaluated):
    kept = read_predictions(evaluated.predictions)
    assert set(kept.negative_maps) == set(KINDS) and kept.negative_maps["noise"].shape == kept.maps.shape
    assert not np.array_equal(kept.negative_maps["silence"], kept.maps)
    truth = frames_to_score(Store.open(store).split("test"), "all", 1, "solo").truth
    again = score("vssl-eval", kept.maps, truth, ids=kept.ids, negative_maps=kept.negative_maps, resamples=0)
    assert again.extra["negatives"]["rules"] == evaluated.result.extra["negatives"]["rules"]


def test_evaluating_again_takes_no_maps_and_no_figures_of_other_sounds_away(run, evaluated):
    before = json.loads(evaluated.file.read_text())
    avloc.evaluate(run=run, resamples=0)
    kept, after = read_predictions(evaluated.predictions), json.loads(evaluated.file.read_text())
    assert set(kept.negative_maps) == set(KINDS)
    assert {name: after[name] for name in ("negatives", "retrieval")} == {
        name: before[name] for name in ("negatives", "retrieval")
    }
    again = avloc.evaluate(run=run, negatives=["noise"], resamples=0).sets["solo"]
    assert again.result.extra["negatives"] == evaluated.result.extra["negatives"], "beside the kinds that are stored"
    assert json.loads(evaluated.file.read_text())["negatives"] == before["negatives"]


def test_the_sound_off_screen_is_of_no_class_in_view(store):
    part = Store.open(store).split("test")
    plan = frames_to_score(part, "all", 1, "solo").plan
    heard = off_screen(part, plan, 1).sounds
    sounding = part.labels[plan.clips].argmax(1)
    assert (part.labels[heard].argmax(1) == (sounding + 2) % 3).all(), (
        "neither what sounds nor the silent square beside it"
    )


def test_noise_is_the_same_for_a_clip_in_any_batch():
    whole = Batch(torch.zeros(3, 1), torch.zeros(3, 1), torch.zeros(3, 50), index=torch.tensor([4, 7, 9]))
    part = Batch(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 50), index=torch.tensor([7]))
    assert torch.equal(_noise(whole, 1)[1], _noise(part, 1)[0]) and not torch.equal(_noise(part, 1), _noise(part, 2))


def test_frames_and_sounds_are_searched_for_with_one_another(run, evaluated, monkeypatch):
    found = evaluated.result.extra["retrieval"]
    assert found["queries"] == 6 and found["chance"] == {"r@1": 1 / 6, "r@5": 5 / 6, "r@10": 1.0}
    for way in ("sound to frame", "frame to sound"):
        assert found[way]["r@10"]["value"] == 1 and 1 <= found[way]["median_rank"] <= 6
        assert len(found[way]["r@1"]["ci95_by_video"]) == 2
    assert not evaluated.result.metrics, "only what was asked for is shown"
    assert "locacc" in json.loads(evaluated.file.read_text())["metrics"], "and all is stored"
    monkeypatch.setattr(HardWay, "embed", lambda self, batch: None)
    with pytest.raises(AvlocError, match="--metric retrieval: HardWay does not embed"):
        avloc.evaluate(run=run, metric=["retrieval"], resamples=0)


def test_how_well_a_frame_fits_its_sound_is_the_cosine_of_its_vectors(store):
    torch.manual_seed(0)
    one = HardWay().eval()
    batch = Batch(torch.randn(2, 3, 64, 64), torch.randn(2, 1, 64, 64))
    with torch.inference_mode():
        seen, heard = one.embed(batch)
        assert torch.allclose(one.fits(batch), (seen * heard).sum(1)) and torch.allclose(
            seen.norm(dim=1), torch.ones(2)
        )
