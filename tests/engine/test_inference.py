"""`inference`: heat maps in bf16 and another memory format, which results tell."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.engine import inference
from avloc.engine.inference import ready, told
from avloc.engine.resolved import fingerprint_of
from avloc.engine.settings import Inference
from avloc.predictions import read_predictions
from tests.commands import error_of, printed
from tests.data.making import make_video
from tests.engine.test_finding import RATE, blinking
from tests.engine.tiny import train_tiny

HALF = ["inference.precision=bf16", "inference.channels_last=true"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("inference"))


def test_a_trained_run_is_scored_in_bf16_and_its_results_say_so(run):
    plain = avloc.evaluate(run=run, sets=["solo"], resamples=0).sets["solo"]
    maps = read_predictions(plain.predictions).maps
    half = avloc.evaluate(run=run, set=HALF, sets=["solo"], resamples=0).sets["solo"]
    found = read_predictions(half.predictions)
    span = float(maps.max() - maps.min())
    assert 0 < np.abs(found.maps - maps).max() < 0.1 * span
    assert found.attributes["inference"] == "bf16, channels_last"
    result = json.loads(half.file.read_text())
    assert result["made_with"]["inference"] == "bf16, channels_last" and "inference" not in plain.result.made_with
    assert (
        result["made_with"]["fingerprints"]["configuration"] != plain.result.made_with["fingerprints"]["configuration"]
    )


def test_videos_and_weights_are_predicted_as_their_configuration_says(run, tmp_path):
    text = (run / "config.yaml").read_text()
    assert "inference:" in text
    model = avloc.load(run)
    frame = torch.rand(2, 3, 32, 32)
    sound = torch.rand(2, 1, 16, 12)
    batch = avloc.Batch(frame, sound)
    plain = model.localizer.locate(batch)
    half = ready(avloc.load(run).localizer, Inference("bf16"), torch.device("cpu")).locate(batch)
    assert half.dtype == torch.bfloat16 and torch.allclose(half.float(), plain, atol=0.05)


def test_a_video_is_predicted_as_the_command_says_and_its_file_tells(run, tmp_path):
    images, sound = blinking(1.0)
    video = make_video(tmp_path / "clip.mp4", images, 20, sound=sound[None], sound_rate=RATE)
    found = [
        printed("predict", video, "--run", run, "--out", tmp_path / name, "--maps", *given)
        for name, given in (("same", []), ("same", ["--set", HALF[0], "--set", HALF[1]]), ("same", ["--set", HALF[0]]))
    ]
    assert [one["overlays"][0]["fresh"] for one in found] == [True, True, True]  # none is passed over as another's
    made = json.loads((tmp_path / "same" / "clip.json").read_text())["made_with"]
    assert made["inference"] == "bf16"
    model = avloc.load(run, set=HALF)
    assert model.inference == "bf16, channels_last" and avloc.load(run).inference == ""
    batch = avloc.Batch(torch.rand(2, 3, 32, 32), torch.rand(2, 1, 16, 12))
    assert model.localizer.locate(batch).dtype == torch.bfloat16
    weights = avloc.load(model.weights, set="inference.precision=bf16")  # a lone text is one setting
    assert weights.localizer.locate(batch).dtype == torch.bfloat16


def test_auto_is_bf16_where_the_device_has_it(monkeypatch):
    for has in (True, False):
        monkeypatch.setattr(inference, "has_bf16", lambda device, has=has: has)
        assert inference.computes_half(Inference("auto"), torch.device("cpu")) == has
    assert (told(Inference()), told(Inference("auto", True))) == ("", "auto, channels_last")


def test_the_defaults_leave_a_configuration_the_fingerprint_that_it_had():
    before = {"method": "ez_vsl", "seed": 0, "stage1": {"train": {"lr": 1e-3}}}
    now = {**before, "inference": {"precision": "fp32", "channels_last": False}}
    now["stage1"] = {"train": {"lr": 1e-3, "gather": False, "sync_bn": False, "save_every": 5, "compile": True}}
    assert fingerprint_of(now) == fingerprint_of(before)
    assert fingerprint_of({**now, "inference": {"precision": "bf16", "channels_last": False}}) != fingerprint_of(before)
    assert fingerprint_of({**now, "stage1": {"train": {"lr": 1e-3, "gather": True}}}) != fingerprint_of(before)


def test_a_precision_that_is_none_is_refused_with_those_that_are(run):
    words = error_of("evaluate", "--run", run, "--set", "inference.precision=fp16", "--quiet")
    assert "inference.precision" in words and "bf16" in words
