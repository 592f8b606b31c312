"""States within an epoch: a training that is interrupted anywhere loses a few steps, and ends as one that was not."""

from pathlib import Path
from typing import Any

import pytest
import torch

import avloc
from avloc.engine.checkpoints import load_state, save_state
from avloc.engine.run import Run
from avloc.engine.verifying import files_of
from avloc.engine.within_epoch import FILE
from avloc.errors import RunError
from tests.engine.killing import steps_of, stopped_at
from tests.engine.test_training import assert_same_training
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

STEPS = 6  # of an epoch: 18 clips, 3 a batch


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("data") / "store")


def configured(folder: Path, store: Path, **train: Any) -> Path:
    """Epochs localize, localize, classify."""
    config = tiny_config(store, class_iter=1)
    del config["stage2"], config["evaluate"]
    config["stage1"]["train"] |= {"epochs": 2, "batch_size": 3, "save_every": 2, **train}
    return write_config(folder / "tiny.yaml", config)


@pytest.fixture(scope="module")
def config(store, tmp_path_factory) -> Path:
    return configured(tmp_path_factory.mktemp("config"), store)


@pytest.fixture(scope="module")
def whole(config) -> Path:
    avloc.train_stage1(config, config.parent / "run")
    return config.parent / "run"


def interrupted(config: Path, run: Path, step: int, phase: str = "localize", **settings: Any) -> int:
    """How many steps of the phase a training makes before Ctrl-C."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_at(step, phase, stop, lambda: avloc.train_stage1(config, run, **settings))
    return step


def last(run: Path) -> dict[str, Any]:
    return load_state(max((run / "stage1").glob("state-*.pt")))


def assert_ends_alike(run: Path, whole: Path) -> None:
    """Weights, log, optimizers and averages; and nothing is left of states within epochs."""
    assert_same_training(run, whole)
    ours, theirs = last(run), last(whole)
    for name in ("weights", "average", "memory"):
        assert all(torch.equal(ours[name][key], theirs[name][key]) for key in theirs[name])
    for number, optimizer in theirs["optimizers"].items():
        for key, state in optimizer["state"].items():
            assert all(torch.equal(ours["optimizers"][number]["state"][key][n], value) for n, value in state.items())
    assert not (run / "stage1" / FILE).exists()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"accumulate": 2, "clip_grad": 0.5, "ema": 0.8, "optimizer": "adamw", "schedule": "cosine", "warmup": 5},
        {"precision": "bf16", "zero_grad_none": False, "save_every": 1},
    ],
    ids=["published", "sums, averages and a schedule", "zeros for gradients"],
)
def test_a_training_interrupted_again_and_again_ends_as_an_uninterrupted_one(settings, store, tmp_path):
    config, run = configured(tmp_path, store, **settings), tmp_path / "run"
    avloc.train_stage1(config, tmp_path / "whole")
    interrupted(config, run, 3)
    interrupted(config, run, 6)  # steps since the state after step 2, so in the second epoch
    interrupted(config, run, 4, "classify")
    interrupted(config, run, 1, "classify")
    avloc.train_stage1(config, run)
    assert_ends_alike(run, tmp_path / "whole")


def test_an_interruption_costs_at_most_so_many_steps(config, whole, tmp_path):
    run = tmp_path / "run"
    interrupted(config, run, 5)
    state = load_state(run / "stage1" / FILE)
    assert state["within"][0]["step"] == 4 and state["done"] == 0
    assert run / "stage1" / FILE in list(files_of(Run(run)))
    assert steps_of(lambda: avloc.train_stage1(config, run)) == 3 * STEPS - 4
    assert_ends_alike(run, whole)


def test_steps_whose_gradients_wait_for_others_are_not_kept(store, tmp_path):
    config = configured(tmp_path, store, accumulate=4, save_every=1)
    interrupted(config, tmp_path / "run", 5)
    assert load_state(tmp_path / "run" / "stage1" / FILE)["within"][0]["step"] == 4


def test_how_often_a_state_is_written_may_be_changed_on_the_way(config, whole, tmp_path):
    run = tmp_path / "run"
    interrupted(config, run, 3, set=["stage1.train.save_every=0"])
    assert not (run / "stage1" / FILE).exists()
    interrupted(config, run, 3, set=["stage1.train.save_every=3"])
    assert load_state(run / "stage1" / FILE)["within"][0]["step"] == 3
    avloc.train_stage1(config, run)
    assert_ends_alike(run, whole)


def test_a_damaged_state_within_an_epoch_costs_that_epoch_and_is_named(config, whole, tmp_path, caplog):
    run = tmp_path / "run"
    interrupted(config, run, STEPS + 3)
    path = run / "stage1" / FILE
    path.write_bytes(path.read_bytes()[:-100])
    avloc.train_stage1(config, run)
    assert f"{path}: not a complete training state" in caplog.text and "from the end of epoch 1" in caplog.text
    assert_ends_alike(run, whole)


def test_a_state_of_an_epoch_that_was_finished_is_not_gone_back_to(config, whole, tmp_path):
    """Killed after the state of the epoch was written, and before the one within it was removed."""
    run = tmp_path / "run"
    interrupted(config, run, 5)
    kept = (run / "stage1" / FILE).read_bytes()
    interrupted(config, run, STEPS)  # one more epoch, counted from step 4
    (run / "stage1" / FILE).write_bytes(kept)
    avloc.train_stage1(config, run)
    assert_ends_alike(run, whole)


def test_a_state_of_more_processes_costs_the_epoch(config, whole, tmp_path, caplog):
    run = tmp_path / "run"
    interrupted(config, run, STEPS + 3)
    state = load_state(run / "stage1" / FILE)
    save_state(run / "stage1" / FILE, {**state, "within": state["within"] * 2})
    avloc.train_stage1(config, run)
    assert "was written by 2 processes, now there are 1" in caplog.text
    assert_ends_alike(run, whole)


def test_a_state_of_another_make_is_one_line(config, tmp_path):
    run = tmp_path / "run"
    interrupted(config, run, 3)
    state = load_state(run / "stage1" / FILE)
    save_state(run / "stage1" / FILE, {**state, "within": [{"step": 1}]})
    with pytest.raises(RunError, match=r"within-epoch\.pt: not a state of this training") as found:
        avloc.train_stage1(config, run)
    assert "\n" not in str(found.value)
