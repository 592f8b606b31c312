"""Pseudo labels from tags, tables and clusters; and what is refused."""

from pathlib import Path

import numpy as np
import pytest

import avloc
from avloc.data.labels import read_labels
from avloc.drawing.overlays import pictures
from avloc.drawing.sets import choose_clips, read_set, set_moments
from avloc.errors import AvlocError, DataError
from avloc.predictions import read_predictions
from tests.commands import printed
from tests.engine.tiny import BACKBONE, CLASSES, MODEL, make_tiny_store, write_config


@pytest.fixture
def store(tmp_path) -> Path:
    return make_tiny_store(tmp_path / "store")


def train(store: Path) -> avloc.Store:
    return avloc.Store.open(store).split("train")


def test_tags(store):
    found = avloc.pseudo_labels(store, "train", "tags", tags=True)
    part = train(store)
    labels = read_labels(part, "tags")
    assert labels.classes == CLASSES == found.classes and found.clips == 18 and found.sound == found.frame == 1
    assert (labels.sound == part.labels).all() and (labels.frame == part.labels).all()


def test_a_table_in_any_order(store, tmp_path, caplog):
    ids = train(store).ids
    rows = [f"{clip},{number / 100},{1 - number / 100}" for number, clip in enumerate(ids)]
    (tmp_path / "s.csv").write_text("\ufeff" + "\r\n".join(["id,low,high", *reversed(rows), "another,0.5,0.5"]))
    avloc.pseudo_labels(store, "train", "mine", scores=tmp_path / "s.csv")
    assert "s.csv: 1 id is not in train: another" in caplog.text
    labels = read_labels(train(store), "mine")
    assert labels.classes == ("low", "high")
    np.testing.assert_allclose(labels.sound[:, 0], np.arange(18) / 100, atol=1e-6)
    assert (labels.frame == labels.sound).all()


def test_arrays_of_both_streams(store, tmp_path):
    ids = np.array(train(store).ids)
    sound, frame = np.random.default_rng(0).random((2, 18, 4))
    np.savez(tmp_path / "s.npz", ids=ids, classes=np.array(list("abcd")), sound=sound, frame=frame)
    avloc.pseudo_labels(store, "train", "mine", scores=tmp_path / "s.npz")
    labels = read_labels(train(store), "mine")
    np.testing.assert_allclose(labels.sound, sound, atol=1e-6)
    np.testing.assert_allclose(labels.frame, frame, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows[:-1], "1 of 18 clips of train are missing, such as video_00008"),
        (lambda rows: [rows[0].replace("0.5", "nan"), *rows[1:]], "sound score nan; expected 0 to 1"),
        (lambda rows: [rows[0].replace("0.5", "1.5"), *rows[1:]], "sound score 1.5; expected 0 to 1"),
        (lambda rows: [rows[0].replace("0.5", "much"), *rows[1:]], "a score is not a number"),
        (lambda rows: [rows[0] + ",1", *rows[1:]], r"s.csv:2: 4 fields, the header has 3"),
        (lambda rows: [rows[0], *rows], "duplicate id"),
    ],
)
def test_a_bad_table_is_one_line_and_leaves_nothing(store, tmp_path, change, expected):
    rows = change([f"{clip},0.5,0.25" for clip in train(store).ids])
    (tmp_path / "s.csv").write_text("\n".join(["id,a,b", *rows]))
    with pytest.raises(DataError, match=expected) as refused:
        avloc.pseudo_labels(store, "train", "mine", scores=tmp_path / "s.csv")
    assert "\n" not in str(refused.value) and not (store / "labels").exists()


def test_one_source_is_wanted(store):
    for options in ({}, {"tags": True, "run": store}):
        with pytest.raises(DataError, match="come from one source: give --tags, --run DIR, or"):
            avloc.pseudo_labels(store, "train", "mine", **options)


def c2f(store: Path, labels: str | None, **model) -> dict:
    data = {"store": str(store), "train": "train", "validation": "validation"}
    settings = {"epochs": 1, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0}
    one = {name: MODEL[name] for name in ("frame", "sound")} | {
        "visual": BACKBONE,
        "audio": BACKBONE,
        "classes": 3,
        **model,
    }
    first = {**data, **({"labels": labels, "validation": None} if labels else {})}
    return {
        "method": "coarse_to_fine",
        "seed": 1,
        "stage1": {"data": first, "model": {**one, "maps": "classes"}, "train": settings},
        "stage2": {"data": first, "model": {"dim": 8, "hidden": 16}, "train": {**settings, "optimizer": "sgd"}},
        "evaluate": {
            "agnostic": {"store": str(store), "split": "test", "protocol": "avloc"},
            "one": {"store": str(store), "split": "test", "protocol": "c2f-agnostic", "axes": {"level": 1}},
            "classes": {"store": str(store), "split": "test", "protocol": "c2f-class", "axes": {"level": 1}},
        },
    }


def test_maps_of_other_classes_are_not_scored_class_by_class(store, tmp_path):
    scores = np.eye(4)[np.arange(18) % 4]
    np.savez(tmp_path / "s.npz", ids=np.array(train(store).ids), classes=np.array(list("abcd")), sound=scores)
    avloc.pseudo_labels(store, "train", "four", scores=tmp_path / "s.npz")
    config = write_config(tmp_path / "c.yaml", c2f(store, "four", classes=4))
    avloc.train_stage1(config, tmp_path / "run")
    avloc.train_stage2(config, tmp_path / "run")
    avloc.evaluate(config, tmp_path / "run", sets=["agnostic"], resamples=0)
    with pytest.raises(AvlocError, match=r"3 classes, but the model has maps of 4; c2f-class scores per class"):
        avloc.evaluate(config, tmp_path / "run", sets=["classes"], resamples=0)


def test_coarse_to_fine_runs_from_a_warm_up_over_clusters_to_scored_and_drawn_maps(store, tmp_path):
    warm = write_config(tmp_path / "warm.yaml", c2f(store, None, correspondence_only=True))
    printed("train-stage1", "--config", warm, "--run", tmp_path / "warm")
    printed("cluster", "--run", tmp_path / "warm")
    printed("match-clusters", "--run", tmp_path / "warm")
    found = printed(
        "pseudo-labels", "--store", store, "--split", "train", "--name", "clusters", "--run", tmp_path / "warm"
    )
    assert len(found["classes"]) == 3 and found["sound"] == 1
    labels = read_labels(train(store), "clusters")
    assert (labels.sound.sum(1) == 1).all()
    config = write_config(tmp_path / "c2f.yaml", c2f(store, "clusters"))
    for verb in ("train-stage1", "train-stage2"):
        printed(verb, "--config", config, "--run", tmp_path / "run")
    sets = printed("evaluate", "--run", tmp_path / "run", "--resamples", 20)["sets"]
    for name in ("agnostic", "one", "classes"):
        assert {"wrong sound", "CAM", "stage one", "centre"} <= set(sets[name]["comparisons"])
        assert read_predictions(tmp_path / "run" / "predictions" / f"{name}.deaf.h5").attributes["variant"] == "CAM"
    seconds = printed("predict", "--run", tmp_path / "run", "--store", store, "--split", "test", "--own-sound")
    assert read_predictions(Path(seconds["predictions"])).classes == labels.classes, "those that were learnt"
    part = avloc.Store.open(store).split("test")
    found = read_set(part, tmp_path / "run" / "predictions", "agnostic", [], "")
    (moment,) = set_moments(part, found, choose_clips(part, [found], 1, 0, 0))
    assert {"Heat map", "Stage one's map", "CAM"} <= {picture.title for picture in pictures(moment)}
    drawn = printed("visualize", "--run", tmp_path / "run", "--clips", 2)
    assert any(path.endswith("classes.panels.png") for path in drawn["figures"])
