"""`avloc calibrate`: a score and a threshold tell a clip's own sound from silence, noise and other videos' sounds."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.data.loader import Loader
from avloc.engine.calibrating import aurocs_of, best, clips_of, rates_of, scores_of_kinds, threshold_of
from avloc.engine.calibration import FITS, Calibration, scores_of
from avloc.errors import AvlocError, DataError
from tests.commands import error_of, printed, shown
from tests.engine.tiny import tiny_config, train_tiny, write_config


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("calibrate"))


def test_scores_are_what_they_are_called():
    maps = np.zeros((3, 2, 2, 2), np.float32)
    maps[0, 1] = [[4, 0], [0, 0]]
    maps[1] = 1
    maps[2, 0, 0, 0] = np.nan
    found = scores_of(maps, np.array([0.5, 0.25, 0.75]))
    assert found["peak"].tolist() == [4, 1, -np.inf] and found["contrast"].tolist() == [3, 0, -np.inf]
    assert found["top"].tolist() == [4, 1, -np.inf] and found["sharpness"][0] == pytest.approx(np.sqrt(3))
    assert found[FITS].tolist() == [0.5, 0.25, -np.inf]
    assert FITS not in scores_of(maps)


def test_the_threshold_lies_where_own_and_other_sounds_part():
    scores = {
        "own": {"peak": np.array([3.0, 4.0, 5.0, 1.0]), "top": np.array([1.0, 2.0, 1.0, 2.0])},
        "silence": {"peak": np.array([0.0, 0.5]), "top": np.array([1.0, 2.0])},
        "noise": {"peak": np.array([2.0, 0.0, 0.0, 0.0]), "top": np.array([2.0, 1.0, 1.0, 2.0])},
    }
    aurocs = aurocs_of(scores)
    assert aurocs["peak"] == {"silence": 1.0, "noise": 15 / 16} and aurocs["top"]["silence"] == 0.5
    assert best(aurocs) == "peak"
    # 2.5 lets 3 of 4 own and no other through; 0.75 all own, but a quarter of the noise: 0.75 against 0.875
    assert threshold_of(scores, "peak") == 0.75
    rates = rates_of(scores, "peak", 0.75)
    assert (rates["missed"], rates["alarms"]) == (0, {"silence": 0, "noise": 0.25})
    assert rates["clips"] == {"own": 4, "silence": 2, "noise": 4}


class Listener(avloc.Localizer):
    """Its map is as high as the sound is loud, and higher where the picture and the pitch are of one class."""

    frame = avloc.FrameView(size=32, resize=32, crop=False, augment=False)
    sound = avloc.Waveform(4000)

    def locate(self, batch):
        spectrum = torch.fft.rfft(batch.sound).abs()
        pitch = spectrum.argmax(1)
        loud = spectrum.amax(1) / spectrum.mean(1).clamp(min=1e-9)
        suits = torch.tensor(
            [int(abs(int(p) - 200 - 450 * int(c)) < 60) for p, c in zip(pitch, self.classes_of(batch), strict=True)]
        )
        return (loud * (1 + suits))[:, None, None, None].expand(-1, 1, 2, 2)

    def classes_of(self, batch):
        return batch.labels.int().argmax(1)


def test_a_method_that_listens_tells_all_kinds_apart(run):
    """Silence has no peak in its spectrum, noise a low one, and another class's pitch does not suit the picture."""
    store = avloc.Store.open(run.parent / "store").split("train")
    localizer = Listener()
    loader = Loader(store, localizer, torch.device("cpu"))
    plan = clips_of(store, 500, 0)
    assert len(plan) == len(store) and clips_of(store, 5, 1).clips.tolist() == sorted(clips_of(store, 5, 1).clips)
    found = scores_of_kinds(localizer, loader, plan, 0)
    assert list(found) == ["own", "silence", "noise", "other class"]
    assert aurocs_of(found)["peak"] == {"silence": 1.0, "noise": 1.0, "other class": 1.0}
    again = scores_of_kinds(localizer, loader, plan, 0)
    assert all(np.array_equal(found[kind]["peak"], again[kind]["peak"]) for kind in found)


def test_a_method_that_is_deaf_is_at_chance(run):
    class Deaf(Listener):
        def locate(self, batch):
            return batch.frame.mean(1, keepdim=True)

    store = avloc.Store.open(run.parent / "store").split("train")
    loader = Loader(store, Deaf(), torch.device("cpu"))
    found = aurocs_of(scores_of_kinds(Deaf(), loader, clips_of(store, 500, 0), 0))
    assert all(value == 0.5 for of in found.values() for value in of.values())


def test_a_run_keeps_its_calibration_and_the_other_stage_s(run, tmp_path):
    place = tmp_path / "run"
    shutil.copytree(run, place)
    found = printed("calibrate", "--run", place, "--test", "test")
    assert found["clips"] == {"own": 6, "silence": 6, "noise": 6, "other class": 6}
    assert set(found["aurocs"]) == {"peak", "top", "contrast", "sharpness", "fits"}
    assert found["test"]["split"] == "test" and found["test"]["clips"]["own"] == 6
    kept = Calibration.load(place)
    assert kept is not None and (kept.score, kept.threshold) == (found["score"], found["threshold"])
    assert kept.data["split"] == "validation"
    replace(kept, stage=2, threshold=7.0).save(avloc.Run(place))
    both = [Calibration.load(place, number) for number in (1, 2, None)]
    assert [one.threshold for one in both if one is not None] == [kept.threshold, 7.0, 7.0]
    first = (place / "calibration.json").read_bytes()
    avloc.calibrate(run=place, test="test")
    assert (place / "calibration.json").read_bytes() == first  # the same seed, the same choice
    assert avloc.load(place).calibration == kept
    assert "counted as sounding" in shown("calibrate", "--run", place)


def test_evaluate_says_how_many_frames_count_as_sounding(run, tmp_path):
    place = tmp_path / "run"
    shutil.copytree(run, place)
    avloc.calibrate(run=place)
    before = json.loads((place / "calibration.json").read_text())
    for threshold, expected in ((-1e9, 12), (1e9, 0)):
        before["stages"]["1"]["threshold"] = threshold
        (place / "calibration.json").write_text(json.dumps(before))
        found = printed("evaluate", "--run", place, "--sets", "solo", "--resamples", 0)["sets"]["solo"]["sounding"]
        assert found["kinds"]["own"] == {"frames": 12, "sounding": expected}
        assert found["kinds"]["wrong sound"]["sounding"] == expected
    assert "12 missed" in shown("evaluate", "--run", place, "--sets", "solo", "--resamples", 0)
    (place / "calibration.json").unlink()
    assert "sounding" not in printed("evaluate", "--run", place, "--sets", "solo", "--resamples", 0)["sets"]["solo"]


def test_a_threshold_of_the_own_map_is_not_applied_to_class_maps(run, tmp_path, caplog):
    place = tmp_path / "run"
    shutil.copytree(run, place)
    avloc.cluster(run=place)
    avloc.calibrate(run=place)
    kept = json.loads((place / "calibration.json").read_text())

    def sounding(score):
        kept["stages"]["1"]["score"] = score
        (place / "calibration.json").write_text(json.dumps(kept))
        how = ["--sets", "solo", "--resamples", 0, "--set", "evaluate.solo.maps=class"]
        return printed("evaluate", "--run", place, *how, "--set", "evaluate.solo.protocol=avloc")["sets"]["solo"]

    assert "sounding" in sounding("fits") and "calibration is for" not in caplog.text
    assert "sounding" not in sounding("peak")
    assert "its calibration is for the map of everything that sounds, so it is not used for class maps" in caplog.text


def test_a_stage_that_another_phase_serves_is_calibrated_with_the_weights_that_are_loaded(run, tmp_path):
    """With `joint`, DSOL's stage one is served by its classification, not by its localization."""
    store = run.parent / "store"
    settings = tiny_config(store, joint=True, init_num=1)
    place = tmp_path / "joint"
    avloc.train_stage1(write_config(tmp_path / "c.yaml", settings), place, set=["stage1.train.epochs=2"])
    avloc.calibrate(run=place, stage=1)
    model = avloc.load(place, stage=1)
    assert model.weights is not None and model.weights.name == "classify.safetensors"
    assert model.calibration is not None


def test_a_calibration_of_other_weights_is_not_used(run, tmp_path, caplog):
    place = tmp_path / "run"
    shutil.copytree(run, place)
    avloc.calibrate(run=place)
    kept = Calibration.load(place)
    assert kept is not None
    replace(kept, weights="0" * 16).save(avloc.Run(place))
    assert avloc.load(place).calibration is None
    assert "other weights" in caplog.text


def test_what_cannot_be_calibrated_is_refused_in_one_line(run, tmp_path):
    assert "no split" in error_of("calibrate", "--run", run, "--split", "nothing")
    assert "chosen on" in error_of("calibrate", "--run", run, "--test", "validation")
    unsaid = error_of("calibrate", "--run", run, "--store", run.parent / "store")
    assert "name one with --split, not the training split; it has train, validation, test" in unsaid
    assert "share" in error_of("calibrate", "--run", run, "--split", "train", "--test", "train+test")
    place = tmp_path / "run"
    shutil.copytree(run, place)
    for text in ("[]", '{"format": 9, "stages": {}}', '{"format": 1, "stages": {"1": {"score": "peak"}}}'):
        (place / "calibration.json").write_text(text)
        with pytest.raises(AvlocError, match="calibrat"):
            Calibration.load(place)


def test_without_a_validation_split_the_splits_that_there_are_are_named(run, tmp_path):
    settings = tiny_config(run.parent / "store", class_task=False)
    del settings["stage1"]["data"]["validation"]
    config = write_config(tmp_path / "c.yaml", settings)
    avloc.train_stage1(config, tmp_path / "run", set=["stage1.train.epochs=1"])
    said = error_of("calibrate", "--run", tmp_path / "run")
    assert "there is no validation split; name one with --split" in said and "has train, validation, test" in said


def test_heat_maps_alone_do_not_serve_a_score_of_the_method(run):
    about = {"auroc": {}, "alarms": {}, "missed": 0.0, "clips": {}, "aurocs": {}, "method": "dsol", "stage": 1}
    calibration = Calibration(FITS, 0.5, **about)
    assert calibration.sounding(np.zeros((2, 1, 2, 2)), np.array([0.4, 0.6])).tolist() == [False, True]
    with pytest.raises(AvlocError, match="cannot be computed from heat maps"):
        calibration.sounding(np.zeros((2, 1, 2, 2), np.float32))


def test_clips_whose_sound_is_foreign_calibrate_nothing(run, monkeypatch):
    store = avloc.Store.open(run.parent / "store").split("train")
    monkeypatch.setattr("avloc.engine.calibrating.sounds_of", lambda store: ["foreign"] * len(store))
    with pytest.raises(DataError, match="own sound"):
        clips_of(store, 10, 0)
