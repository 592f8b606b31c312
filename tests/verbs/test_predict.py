"""Heat maps of videos nobody marked: as a file, and as strips over time."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

import avloc
from avloc.errors import AvlocError, DataError
from avloc.predictions import read_predictions
from tests.commands import printed
from tests.data.making import make_video, tone
from tests.engine.tiny import BACKBONE, make_tiny_store

RATE = 8000


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A trained run, and a store of two videos without boxes."""
    folder = tmp_path_factory.mktemp("predict")
    make_tiny_store(folder / "train", RATE)
    settings = {
        "method": "hard_way",
        "stage1": {
            "data": {"store": str(folder / "train"), "train": "train"},
            "model": {
                "frame": {"size": 32, "resize": 36},
                "sound": {"rate": RATE, "n_fft": 256, "hop": 160, "mels": 16},
                "visual": BACKBONE,
                "audio": BACKBONE,
            },
            "train": {"epochs": 1, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0},
        },
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(settings))
    avloc.train_stage1(folder / "c.yaml", folder / "run")
    make_video(folder / "videos" / "one.mp4", 35, sound=tone(3.5))
    make_video(folder / "videos" / "two.mp4", 25, sound=tone(2.5, 880))
    avloc.prepare_folder(
        folder / "videos", folder / "mine", seconds=1.0, every=True, frames_per_clip=2, size=40, rate=RATE, jobs=1
    )
    return folder


def test_every_frame_of_every_second_has_a_map(place):
    shown = printed("predict", "--run", place / "run", "--store", place / "mine")
    assert (shown["clips"], shown["frames"]) == (5, 10)
    predictions = read_predictions(Path(shown["predictions"]))
    assert len(set(predictions.ids)) == 10 and {"one/000", "one/000#0", "two/001"} <= set(predictions.ids)
    assert np.isfinite(predictions.maps).all() and predictions.maps.std() > 0
    picture = cv2.imread(shown["strips"])
    assert picture.shape[1] > 6 * 160 and picture.shape[0] > 2 * (160 + 184)


def test_the_maps_are_those_of_locate(place):
    import torch

    from avloc.data.loader import Loader
    from avloc.data.plans import Plan
    from avloc.engine.experiment import open_run
    from avloc.engine.stages import load_stage

    found = avloc.predict(place / "mine", run=place / "run", out=place / "there", videos=1)
    experiment, run = open_run(None, place / "run")
    localizer = load_stage(experiment, run, 1)
    part = avloc.Store.open(place / "mine").split("all")
    loader = Loader(part, localizer, torch.device("cpu"))
    (batch,) = loader.of(Plan(np.array([3]), np.array([1])), 1)
    with torch.no_grad():
        expected = localizer.locate(batch)[0].numpy()
    np.testing.assert_allclose(read_predictions(found.predictions).maps[7], expected, rtol=1e-4, atol=1e-5)
    assert found.strips == place / "there" / "all.png"


def test_the_table_says_when_and_where(place):
    found = avloc.predict(place / "mine", run=place / "run", out=place / "table", videos=1)
    with found.table.open() as file:
        rows = list(csv.DictReader(file))
    predictions = read_predictions(found.predictions)
    assert [row["id"] for row in rows] == predictions.ids
    assert [(row["start"], row["stop"]) for row in rows[:3]] == [
        ("0.000", "0.500"),
        ("0.500", "1.000"),
        ("1.000", "1.500"),
    ]
    assert {row["video"] for row in rows} == {"one", "two"}
    for row, maps in zip(rows, predictions.maps, strict=True):
        h, w = maps.shape[1:]
        assert maps[0, int(float(row["y"]) * h), int(float(row["x"]) * w)] == maps.max()


def test_each_frame_may_be_heard_with_its_own_part_of_the_sound(place):
    """Two frames in a clip of a second: half a second each."""
    import torch

    from avloc.engine.experiment import open_run
    from avloc.engine.stages import load_stage

    whole = read_predictions(avloc.predict(place / "mine", run=place / "run", out=place / "whole").predictions)
    own = read_predictions(
        avloc.predict(place / "mine", run=place / "run", out=place / "own", own_sound=True).predictions
    )
    experiment, run = open_run(None, place / "run")
    localizer = load_stage(experiment, run, 1).eval()
    part = avloc.Store.open(place / "mine").split("all")
    frame = localizer.frame(torch.from_numpy(part.frames([3], [1])))
    waveform = torch.from_numpy(part.sounds([3])).float()[:, RATE // 2 :] / 32767
    with torch.no_grad():
        expected = localizer.locate(avloc.Batch(frame, localizer.sound(waveform)))[0].numpy()
    np.testing.assert_allclose(own.maps[7], expected, rtol=1e-4, atol=1e-5)
    assert own.ids == whole.ids and not np.allclose(own.maps, whole.maps)


def test_what_cannot_be_read_is_said(place):
    with pytest.raises(DataError, match="no split 'test'; it holds all"):
        avloc.predict(place / "mine", run=place / "run", split="test")
    with pytest.raises(AvlocError, match="hard_way has 1 stage: there is no stage 2"):
        avloc.predict(place / "mine", run=place / "run", stage=2)
    with pytest.raises(DataError, match="--rate 8000"):
        avloc.predict(make_tiny_store(place / "other"), run=place / "run", split="train")
