"""--dry-run, --profile and --log-to: what is tried before a training, and where else it is logged."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import avloc
from avloc.engine.also_logged import figures
from avloc.engine.stopwatch import Stopwatch
from tests.commands import error_of, shown
from tests.engine.test_training import log
from tests.engine.tiny import make_tiny_store, tiny_config, write_config


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rehearsing")
    write_config(folder / "c.yaml", tiny_config(make_tiny_store(folder / "store"), class_iter=1))
    return folder


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_dry_run_tries_every_phase_and_the_test_sets_and_keeps_nothing(place):
    before = files(place)
    tried = avloc.train_stage1(place / "c.yaml", place / "run", dry_run=True)
    assert [(one.phase, one.epochs, one.steps) for one in tried.phases] == [("localize", 3, 3), ("classify", 2, 3)]
    assert tried.seconds == sum(one.total for one in tried.phases) > 0 and tried.memory["processor"] > 1e8
    assert tried.sets["solo"].maps == (6, 1, 4, 4) and tried.sets["solo"].scored
    assert not any(one.shares for one in tried.phases) and files(place) == before


def test_stage_two_can_be_tried_before_stage_one_is_trained(place):
    before = files(place)
    text = shown("train-stage2", "--config", place / "c.yaml", "--run", place / "run", "--dry-run", "--quiet")
    assert "stage one is not ready: tried with an untrained one and made-up clusters" in text
    assert "multi: maps 4 x 3 x 4 x 4, not scored" in text and "nothing was saved" in text
    assert files(place) == before


def test_a_dry_run_finds_what_would_stop_the_training_later(place):
    words = error_of(
        "train-stage1", "--config", place / "c.yaml", "--run", place / "run", "--dry-run", "--quiet",
        "--set", "evaluate.solo.split=tests",
    )  # fmt: skip
    assert "tests" in words


def test_a_profile_shares_out_a_step_and_writes_a_trace_for_a_browser(place, tmp_path):
    profiled = avloc.train_stage1(place / "c.yaml", tmp_path / "run", set="stage1.model.class_task=false", profile=True)
    (phase,) = profiled.phases
    assert sum(phase.shares.values()) == pytest.approx(1) and all(share > 0 for share in phase.shares.values())
    names = {event.get("name") for event in json.loads(phase.trace.read_text())["traceEvents"]}
    assert {"data", "views", "forward", "backward", "optimizer"} <= names
    assert files(tmp_path / "run") == ["profile", "profile/stage1", "profile/stage1/localize.json"]


def test_a_part_within_another_is_not_counted_twice(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 7.0])
    watch = Stopwatch(torch.device("cpu"))
    monkeypatch.setattr(watch, "_now", lambda: next(clock))
    with watch("data"), watch("views"):
        pass
    assert (watch.seconds["data"], watch.seconds["views"]) == (1.0 + 4.0, 2.0)


def test_figures_are_named_by_phase():
    entry = {"phase": "train", "epoch": 3, "loss": 1.5, "validation": {"iou": 0.5}, "seconds": 2.0}
    assert figures(entry) == {"train/loss": 1.5, "train/validation/iou": 0.5, "seconds": 2.0}


def test_tensorboard_has_the_log_once_however_often_training_was_started(place, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra avloc[tensorboard] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    for epochs in (3, 4):
        avloc.train_stage1(
            place / "c.yaml", run, set=[f"stage1.train.epochs={epochs}", "stage1.model.class_task=false"],
            log_to="tensorboard",
        )  # fmt: skip
    events = EventAccumulator(str(run / "stage1" / "tensorboard"))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("localize/validation/iou")}
    assert found == pytest.approx({entry["epoch"]: entry["validation"]["iou"] for entry in log(run)})
    assert len(found) == 4


def test_a_logger_that_is_not_installed_is_named_before_training(place, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "wandb", None)
    words = error_of(
        "train-stage1", "--config", place / "c.yaml", "--run", tmp_path / "run", "--log-to", "wandb", "--quiet"
    )
    assert "--log-to wandb needs pip install 'avloc[wandb]'" in words
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    assert "expected tensorboard or wandb" in error_of(
        "train-stage1", "--config", place / "c.yaml", "--run", tmp_path / "run", "--log-to", "paper", "--quiet"
    )


def test_wandb_gets_an_offline_run(place, tmp_path):
    pytest.importorskip("wandb", reason="the extra avloc[wandb] is not installed")
    avloc.train_stage1(
        place / "c.yaml",
        tmp_path / "run",
        set=["stage1.train.epochs=1", "stage1.model.class_task=false"],
        log_to="wandb",
    )
    (found,) = (tmp_path / "run" / "stage1" / "wandb").glob("offline-run-*/*.wandb")
    assert found.stat().st_size > 0
