"""Both variants of coarse-to-fine's original version through the commands, on a few small clips."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import avloc
from avloc.errors import AvlocError
from tests.engine.tiny import RATE, make_tiny_store, write_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    path = make_tiny_store(tmp_path_factory.mktemp("original") / "store")
    avloc.pseudo_labels(path, "train", "mine", tags=True)
    return path


def config(store: Path, **model: Any) -> dict[str, Any]:
    data = {"store": str(store), "train": "train"}
    if model.get("variant") != "tags":
        data["labels"] = "mine"
    train = {"epochs": 2, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0}
    small = {
        "classes": 3,
        "frame": {"size": 32, "resize": 32, "crop": False, "augment": False},
        "sound": {"rate": RATE, "n_fft": 128, "hop": 40},
        "visual": {"widths": [4, 6, 8], "blocks": [1, 1, 1], "strides": [1, 2, 1]},
        "audio": {"widths": [4, 6, 6, 8], "expand": 2, "hidden": 5},
        "freeze_stem": False,
        "freeze_norms": False,
        "maps": "classes",
    }
    return {
        "method": "coarse_to_fine_original",
        "seed": 3,
        "stage1": {"data": data, "model": {**small, **model}, "train": train},
        "stage2": {"data": data, "model": {"maps": "classes"}, "train": train},
        "evaluate": {"test": {"store": str(store), "split": "test", "protocol": "c2f-class", "axes": {"level": 1}}},
    }


@pytest.mark.parametrize(
    "model", [{}, {"variant": "tags", "frames": 2, "mix": 1}], ids=["labels, one frame", "tags, two frames"]
)
def test_both_variants_train_are_scored_beside_their_baselines_and_drawn(store, tmp_path, model):
    run = tmp_path / "run"
    file = write_config(tmp_path / "c.yaml", config(store, **model))
    trained = avloc.train_stage1(file, run), avloc.train_stage2(file, run)
    assert [set(stage.weights) for stage in trained] == [{"coarse"}, {"fine"}]
    assert np.isfinite(
        [stage.last[name]["loss"] for stage, name in zip(trained, ("coarse", "fine"), strict=True)]
    ).all()
    assert trained[1].last["fine"]["alignment"] > 0
    found = avloc.evaluate(run=run, resamples=20).sets["test"]
    assert {"wrong sound", "CAM", "stage one", "centre"} <= set(found.comparisons)
    page = avloc.visualize(run=run).report
    assert page.exists() and "CAM" in page.read_text()


def test_a_training_that_was_cut_off_ends_like_one_that_was_not(store, tmp_path):
    whole, part = (write_config(tmp_path / f"{name}.yaml", config(store)) for name in ("whole", "part"))
    avloc.train_stage1(whole, tmp_path / "whole")
    avloc.train_stage2(whole, tmp_path / "whole")
    avloc.train_stage1(part, tmp_path / "part")
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage2(part, tmp_path / "part", progress=stop_at_second_epoch)
    avloc.train_stage2(part, tmp_path / "part")
    logs = [
        [json.loads(line) for line in (tmp_path / name / "stage2" / "log.jsonl").read_text().splitlines()]
        for name in ("whole", "part")
    ]
    for entries in logs:
        for entry in entries:
            entry.pop("seconds")
    assert logs[0] == logs[1]


def stop_at_second_epoch(done: int, total: int, text: str) -> None:
    if done == 1 and "step" in text:
        raise KeyboardInterrupt


def test_the_baseline_of_correspondence_is_scored_by_one_setting(store, tmp_path):
    settings = config(store, maps="match")
    settings["evaluate"]["test"]["stage"] = 1
    file = write_config(tmp_path / "c.yaml", settings)
    avloc.train_stage1(file, tmp_path / "run")
    found = avloc.evaluate(run=tmp_path / "run", resamples=0).sets["test"]
    assert "wrong sound" in found.comparisons and 0 <= found.result.metrics["ciou"].value <= 1


def test_priors_that_are_not_there_are_told_before_training(store, tmp_path):
    settings = config(store)
    tables = {"sound_categories": str(tmp_path / "a.npy"), "frame_categories": str(tmp_path / "v.npy")}
    settings["stage1"]["model"]["priors"] = {"tagger": str(tmp_path / "mobilecrnn_v2.pth"), **tables}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(AvlocError, match=r"mobilecrnn_v2\.pth: no such file"):
        avloc.train_stage1(tmp_path / "c.yaml", tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.safetensors"))
