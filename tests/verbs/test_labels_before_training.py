"""Bad labels end a training before it starts: one line, status 2, nothing in the run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import avloc
from avloc.data.labels import Labels, labels_path, write_labels
from tests.commands import invoke
from tests.engine.tiny import BACKBONE, MODEL, make_tiny_store


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    path = make_tiny_store(tmp_path_factory.mktemp("labels") / "store")
    for split in ("train", "validation"):
        part = avloc.Store.open(path).split(split)
        scores = np.random.default_rng(0).random((len(part), 3), np.float32)
        write_labels(part, "good", Labels(("a", "b", "c"), scores, scores))
        if split == "train":
            write_labels(part, "four", Labels(tuple("abcd"), *[np.zeros((len(part), 4), np.float32)] * 2))
    return path


def break_(store: Path, name: str, change) -> None:
    part = avloc.Store.open(store).split("train")
    kept = dict(np.load(labels_path(part, "good")))
    np.savez(labels_path(part, name), **change(kept))


def train(store: Path, folder: Path, data: dict, model: dict | None = None, stage: int = 1):
    config = {
        "method": "coarse_to_fine",
        "stage1": {
            "data": {"store": str(store), "train": "train", **data},
            "model": {
                "frame": MODEL["frame"], "sound": MODEL["sound"], "visual": BACKBONE, "audio": BACKBONE, "classes": 3,
                **(model or {}),
            },
            "train": {"epochs": 1, "batch_size": 6, "device": "cpu", "workers": 0},
        },
    }  # fmt: skip
    config["stage2"] = {**config["stage1"], "model": {"dim": 4, "hidden": 4}}
    folder.mkdir(exist_ok=True)
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    return invoke(f"train-stage{stage}", "--config", folder / "c.yaml", "--run", folder / "run")


def nan(kept):
    kept["frame"][4, 1] = np.nan
    return kept


def fewer(kept):
    return {key: value if key == "classes" else value[1:] for key, value in kept.items()}


@pytest.mark.parametrize(
    ("data", "model", "words"),
    [
        ({"labels": "four"}, {}, "the labels four have 4 classes, the model 3; set stage1.model.classes to 4"),
        (
            {"labels": "good"},
            {"classes": 7},
            "the labels good have 3 classes, the model 7; set stage1.model.classes to 3",
        ),
        ({}, {"classes": 7}, "the labels have 3 classes, the model 7"),
        ({"labels": "nan"}, {}, "frame score of row 4, class 1 is nan; expected 0 to 1"),
        ({"labels": "fewer"}, {}, "1 of 18 clips have no pseudo label, such as video_00000"),
        ({"labels": "none"}, {}, "no such pseudo labels; it has few"),
        ({"labels": "four", "validation": "validation"}, {"classes": 4}, "four.validation.npz: no such pseudo labels"),
    ],
)
def test_labels_that_do_not_fit(store, tmp_path, data, model, words):
    break_(store, "nan", nan)
    break_(store, "fewer", fewer)
    found = train(store, tmp_path / "t", data, model)
    lines = found.stderr.splitlines()
    assert found.exit_code == 2 and len(lines) == 1 and words in lines[0], found.stderr
    assert not (tmp_path / "t" / "run").exists()


def test_labels_that_were_broken_before_stage_two(store, tmp_path):
    assert train(store, tmp_path / "t", {"labels": "good"}).exit_code == 0
    part = avloc.Store.open(store).split("train")
    whole = labels_path(part, "good").read_bytes()
    try:
        write_labels(part, "good", Labels(tuple("abcd"), *[np.zeros((len(part), 4), np.float32)] * 2))
        found = train(store, tmp_path / "t", {"labels": "good"}, stage=2)
    finally:
        labels_path(part, "good").write_bytes(whole)
    assert found.exit_code == 2 and "the labels good have 4 classes, the model 3" in found.stderr
    assert not (tmp_path / "t" / "run" / "stage2").exists()


def test_a_method_that_asks_for_proposals_gets_them_unchanged_or_not_at_all(store):
    from avloc.engine.settings import Data
    from avloc.engine.training import refuse_labels
    from avloc.errors import DataError
    from avloc.methods.base import Localizer

    part = avloc.Store.open(store).split("train")
    localizer = Localizer()
    localizer.needs, localizer.frame = avloc.Needs(proposals=True), avloc.FrameView(size=32)
    scores, boxes = np.zeros((18, 3), np.float32), np.zeros((18, 2, 8, 4), np.float32)
    plain = Labels(("a", "b", "c"), scores, scores)
    boxed = Labels(("a", "b", "c"), scores, scores, boxes, np.zeros((18, 2, 8), np.int64))
    data = Data(store, "train", labels="mine")
    for labels, words in (
        (None, "the labels mine have no proposals; `avloc pseudo-labels` with --proposals FILE writes them"),
        (plain, "have no proposals"),
        (boxed, r"have proposals, but frames are augmented; set stage1.model.frame \{augment: false, crop: false\}"),
    ):
        with pytest.raises(DataError, match=words):
            refuse_labels(data, "train", part, labels, localizer)
    localizer.frame = avloc.FrameView(size=32, augment=False, crop=False)
    refuse_labels(data, "train", part, boxed, localizer)
    nameless = replace(boxed, proposal_classes=boxed.proposal_classes - 1)
    refuse_labels(data, "train", part, nameless, localizer)
    localizer.needs = avloc.Needs(proposals=True, label_classes=3)  # learns from the classes
    with pytest.raises(DataError, match="proposals without classes; `avloc pseudo-labels` with --classifier FILE"):
        refuse_labels(data, "train", part, nameless, localizer)
