"""A store whose clips have another length than the method hears: refused, repeated or cut, and said."""

import logging
from pathlib import Path
from typing import Any

import pytest

import avloc
from avloc.data.views import LogMel, LogStft, VggishPatches
from avloc.engine.stores import open_named
from avloc.errors import DataError
from tests.engine.tiny import RATE, make_tiny_store, tiny_config, write_config

SMALL = {"widths": [8, 16], "blocks": [1, 1], "strides": [1, 2]}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Clips of one second."""
    return make_tiny_store(tmp_path_factory.mktemp("data") / "store")


def hard_way(store: Path, seconds: float | None) -> dict[str, Any]:
    """It needs three seconds unless it is told otherwise."""
    config = tiny_config(store)
    model = {
        "frame": {"size": 32, "resize": 36}, "visual": SMALL, "audio": SMALL,
        "sound": {"rate": RATE, "seconds": seconds, "window": 128, "overlap": 64},
    }  # fmt: skip
    test = {"store": str(store), "split": "test", "protocol": "avloc"}
    train = {**config["stage1"]["train"], "epochs": 1}
    stage = {"data": config["stage1"]["data"], "model": model, "train": train}
    return {"method": "hard_way", "seed": 1, "stage1": stage, "evaluate": {"solo": test}}


class Hears:
    needs = avloc.Needs()

    def __init__(self, sound: Any) -> None:
        self.sound = sound


def test_training_on_clips_shorter_than_the_method_hears_is_refused(store, tmp_path):
    config = write_config(tmp_path / "c.yaml", hard_way(store, 3.0))
    with pytest.raises(DataError) as found:
        avloc.train_stage1(config, tmp_path / "run")
    assert str(found.value) == (
        f"{store} has clips of 1 s; hard_way needs 3 s: prepare it again with --seconds 3, or set "
        "stage1.model.sound.seconds to 1"
    )
    assert not (tmp_path / "run").exists()


def test_what_the_message_advises_trains(store, tmp_path):
    config = write_config(tmp_path / "c.yaml", hard_way(store, 3.0))
    assert avloc.train_stage1(config, tmp_path / "run", set=["stage1.model.sound.seconds=1"]).epochs == 1


def test_short_test_clips_are_repeated_and_said(store, tmp_path, caplog):
    """As the published loaders do."""
    config = write_config(tmp_path / "c.yaml", hard_way(store, 1.0))
    avloc.train_stage1(config, tmp_path / "run")
    avloc.evaluate(run=tmp_path / "run", set=["evaluate.solo.seconds=2"], resamples=0)
    assert "has clips of 1 s; hard_way needs 2 s, so each is repeated" in caplog.text
    caplog.clear()
    avloc.evaluate(run=tmp_path / "run", resamples=0)
    assert "needs" not in caplog.text


def test_a_longer_clip_is_cut_and_the_log_says_so(store, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="avloc.data"):
        avloc.train_stage1(write_config(tmp_path / "c.yaml", hard_way(store, 0.5)), tmp_path / "run")
    assert "has clips of 1 s; hard_way needs 0.5 s of each, its middle" in caplog.text


def test_views_of_any_length_take_any_clip(store):
    assert len(open_named(store, "train", Hears(LogMel(rate=RATE)), training=True))
    assert len(open_named(store, "train", Hears(LogStft(rate=RATE, seconds=None)), training=True))


@pytest.mark.parametrize(
    ("view", "rate", "said"),
    [
        (LogStft(rate=RATE, window=5000), RATE, "has clips of 1 s: sound: window 5000"),
        (LogMel(rate=RATE, n_fft=9000, hop=100, pad="reflect"), RATE, "too short for LogMel; prepare longer clips"),
        (VggishPatches(seconds=None), 16_000, None),
        (VggishPatches(seconds=3.0), 16_000, r"needs 3 s: prepare it again with --seconds 3"),
    ],
)
def test_clips_that_fill_no_window_are_refused_before_anything_is_read(tmp_path, view, rate, said):
    path = make_tiny_store(tmp_path / "store", rate)
    if said is None:
        open_named(path, "train", Hears(view), training=True)
        return
    with pytest.raises(DataError, match=said) as found:
        open_named(path, "train", Hears(view), training=True)
    assert "\n" not in str(found.value)
