"""More epochs for a run that is there, fewer by patience: the result is that of one training in one go."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import avloc
from avloc.engine import trainer
from avloc.engine.checkpoints import load_state, save_state
from avloc.engine.longer import out_of_patience, phase_after_stop
from avloc.engine.trainer import rate_factor
from avloc.errors import ConfigError, RunError
from avloc.methods.base import Phase, Train
from tests.commands import error_of
from tests.engine.test_training import assert_same_training, log
from tests.engine.tiny import make_tiny_store, tiny_config, tiny_method, write_config


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("longer") / "store")


def configured(folder: Path, store: Path, epochs: int, class_task: bool = False, **train: Any) -> Path:
    config = tiny_config(store, class_task=class_task, class_iter=1)
    del config["stage2"], config["evaluate"]
    config["stage1"]["train"] |= {"epochs": epochs, **train}
    return write_config(folder / f"{epochs}.yaml", config)


@pytest.mark.parametrize(
    ("class_task", "settings"),
    [(True, {"milestones": [1, 3]}), (False, {"schedule": "restarts", "restart": 2, "warmup": 2})],
    ids=["constant, many phases", "restarts"],
)
def test_a_finished_run_that_is_given_more_epochs_equals_one_that_had_them_from_the_start(
    class_task, settings, store, tmp_path
):
    short, whole = (configured(tmp_path, store, epochs, class_task, **settings) for epochs in (2, 4))
    avloc.train_stage1(short, tmp_path / "run")
    assert len(log(tmp_path / "run")) < 7
    avloc.train_stage1(run=tmp_path / "run", set="stage1.train.epochs=4")
    avloc.train_stage1(whole, tmp_path / "whole")
    assert_same_training(tmp_path / "run", tmp_path / "whole")
    assert (tmp_path / "run" / "config.yaml").read_text() == (tmp_path / "whole" / "config.yaml").read_text()
    assert avloc.train_stage1(run=tmp_path / "run").epochs == len(log(tmp_path / "whole"))


@pytest.fixture(scope="module")
def two(store, tmp_path_factory) -> Path:
    """A run of two epochs with a constant rate."""
    folder = tmp_path_factory.mktemp("two")
    avloc.train_stage1(configured(folder, store, 2), folder / "run")
    return folder / "run"


@pytest.fixture
def again(two, tmp_path) -> Path:
    return Path(shutil.copytree(two, tmp_path / "run"))


def test_a_run_of_an_earlier_version_goes_on_and_says_what_it_lacks(again, caplog):
    path = max((again / "stage1").glob("state-*.pt"))
    state = load_state(path)
    for key in ("epochs", "finished", "plan", "spent", "stopped"):
        del state[key]
    save_state(path, {**state, "optimizers": {}})
    before = log(again)
    avloc.train_stage1(run=again, set="stage1.train.epochs=3")
    assert log(again)[:2] == before and len(log(again)) == 3
    assert "saved no optimizer state" in caplog.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["stage1.train.epochs=1"], "a training can only be extended"),
        (["stage1.train.epochs=3", "stage1.train.lr=1"], "was started with stage1.train.lr: 0.001"),
    ],
)
def test_other_changes_are_refused(settings, said, again):
    words = [word for one in settings for word in ("--set", one)]
    assert said in error_of("train-stage1", "--run", again, *words)
    assert len(log(again)) == 2


def test_only_training_may_extend_a_run(again):
    assert "was started with stage1.train.epochs" in error_of(
        "cluster", "--run", again, "--set", "stage1.train.epochs=3"
    )


def test_a_schedule_that_ends_at_zero_cannot_be_extended(store, tmp_path):
    avloc.train_stage1(configured(tmp_path, store, 1, schedule="cosine"), tmp_path / "run")
    said = error_of("train-stage1", "--run", tmp_path / "run", "--set", "stage1.train.epochs=2")
    assert "with schedule cosine the learning rate of every epoch depends on their number" in said


def test_a_rate_restarts_after_so_many_epochs_however_many_follow():
    train = Train(schedule="restarts", restart=2)
    for epochs in (4, 8):
        phase = Phase("train", lambda batch: {}, [], epochs)
        rates = [rate_factor(train, phase, step, 10 * epochs) for step in (0, 10, 20, 30)]
        assert rates == pytest.approx([1.0, 0.5, 1.0, 0.5])


def test_patience_counts_from_the_last_epoch_that_was_the_best_of_its_phase():
    def one(*merits: float) -> list[tuple[str, float]]:
        return [("train", merit) for merit in merits]

    assert not out_of_patience(one(1, 3, 2), 2) and out_of_patience(one(1, 3, 2, 3), 2)
    assert not out_of_patience(one(1, 1, 1), 0) and not out_of_patience([], 1)
    assert not out_of_patience([("a", 5), ("a", 4), ("b", 1)], 2) and out_of_patience([("a", 5), ("b", 4), ("a", 1)], 1)


def test_a_training_out_of_patience_goes_on_with_what_has_not_begun():
    phases = [Phase(name, lambda batch: {}, [], 1) for name in ("a", "a", "b", "a", "b")]
    assert [phase_after_stop(phases, number) for number in range(5)] == [2, 2, 5, 5, 5]


def test_a_training_that_gets_no_better_stops_and_stays_so(store, tmp_path, caplog, monkeypatch):
    merits = {1: 1.0, 2: 3.0, 3: 2.0, 4: 3.0}
    monkeypatch.setattr(trainer, "_merit", lambda entry, select: merits.get(entry["epoch"], 9.0))
    config = configured(tmp_path, store, 6, select="iou", patience=2)
    assert avloc.train_stage1(config, tmp_path / "run").epochs == 4
    state = load_state(max((tmp_path / "run" / "stage1").glob("state-*.pt")))
    assert state["stopped"] and state["finished"]
    assert avloc.train_stage1(run=tmp_path / "run").epochs == 4
    avloc.train_stage1(run=tmp_path / "run", set="stage1.train.epochs=9")
    assert len(log(tmp_path / "run")) == 4 and "ended by train.patience" in caplog.text


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({"patience": 3}, "patience is 3, but select: last compares no epochs"),
        ({"select": "loss"}, "select is 'loss', but there is no validation split"),
    ],
)
def test_what_cannot_judge_an_epoch_is_refused_before_the_first(train, said, store, tmp_path):
    config = tiny_config(store)
    config["stage1"]["train"] |= train
    del config["stage1"]["data"]["validation"]
    with pytest.raises(ConfigError, match=said):
        avloc.train_stage1(write_config(tmp_path / "c.yaml", config), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_stage_two_of_a_shorter_stage_one_is_named_and_not_replaced(store, tmp_path):
    settings = tiny_method(store, "coarse_to_fine")
    first = settings["stage1"]
    settings["stage2"] = {"data": first["data"], "model": {}, "train": first["train"]}
    config, run = write_config(tmp_path / "c.yaml", settings), tmp_path / "run"
    avloc.run(config, run, figures=False)
    weights = (run / "stage2" / "fine.safetensors").read_bytes()
    assert {step.state for step in avloc.run(run=run, figures=False).steps} == {"skipped"}
    with pytest.raises(
        RunError, match=r"stage2 was trained from another stage one than the run has now; to train this stage"
    ):
        avloc.run(run=run, set="stage1.train.epochs=2", figures=False)
    assert (run / "stage2" / "fine.safetensors").read_bytes() == weights
    (run / "stage2").rename(tmp_path / "old")
    steps = {step.command: step.state for step in avloc.run(run=run, figures=False).steps}
    assert steps == {"train-stage1": "skipped", "train-stage2": "done", "evaluate": "done"}


def test_a_stage_two_of_an_earlier_version_does_not_record_its_stage_one(store, tmp_path):
    settings = tiny_method(store, "coarse_to_fine")
    settings["stage2"] = {**settings["stage1"], "model": {}}
    config, run = write_config(tmp_path / "c.yaml", settings), tmp_path / "run"
    avloc.train_stage1(config, run)
    avloc.train_stage2(run=run)
    (state,) = (run / "stage2").glob("state-*.pt")
    found = load_state(state)
    del found["about"]["stage1"]
    save_state(state, found)
    avloc.train_stage1(run=run, set="stage1.train.epochs=2")
    assert avloc.train_stage2(run=run).epochs == 1
