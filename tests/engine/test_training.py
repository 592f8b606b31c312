"""Training by the loop: interruptions, settings, disks and numbers that go wrong."""

import errno
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc.engine.checkpoints import load_state, load_weights, save_weights
from avloc.engine.experiment import open_run
from avloc.engine.stages import load_stage
from avloc.errors import AvlocError, ConfigError, DataError, RunError
from avloc.methods.dsol import stage_one
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

PHASES = ["localize", "localize", "classify", "classify", "localize", "classify", "classify"]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("data") / "store")


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory) -> Path:
    """A run that nothing interrupted, both stages."""
    folder = tmp_path_factory.mktemp("whole")
    config, run = write_config(folder / "tiny.yaml", tiny_config(store)), folder / "run"
    avloc.train_stage1(config, run)
    avloc.cluster(run=run)
    avloc.train_stage2(run=run)
    return run


@pytest.fixture
def config(store, tmp_path) -> Path:
    return write_config(tmp_path / "tiny.yaml", tiny_config(store))


def log(run: Path, stage: int = 1) -> list[dict[str, Any]]:
    """Its entries without the time they took."""
    lines = (run / f"stage{stage}" / "log.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name != "seconds"} for line in lines]


def assert_same_training(run: Path, other: Path, stage: int = 1) -> None:
    """Weights, remembered labels, optimizers and log, bit for bit."""
    assert log(run, stage) == log(other, stage)
    files = sorted(path.name for path in (run / f"stage{stage}").glob("*.safetensors"))
    assert files == sorted(path.name for path in (other / f"stage{stage}").glob("*.safetensors")) != []
    for name in files:
        ours, theirs = load_file(run / f"stage{stage}" / name), load_file(other / f"stage{stage}" / name)
        assert list(ours) == list(theirs) and all(torch.equal(ours[key], theirs[key]) for key in ours)


def stop_at(done: int, text: str):
    def progress(at: int, total: int, what: str) -> None:
        if at == done and what.startswith(text):
            raise KeyboardInterrupt

    return progress


def test_a_whole_training_leaves_weights_log_and_two_states(whole):
    entries = log(whole)
    assert [entry["phase"] for entry in entries] == PHASES and [entry["epoch"] for entry in entries] == list(
        range(1, 8)
    )
    assert all(math.isfinite(entry["loss"]) and math.isfinite(entry["validation"]["loss"]) for entry in entries)
    assert {"accuracy", "iou"} <= set(entries[0]["validation"]) and "sound_accuracy" in entries[2]["validation"]
    stage = whole / "stage1"
    assert {path.name for path in stage.iterdir()} == {
        "localize.safetensors", "classify.safetensors", "log.jsonl", "state-000006.pt", "state-000007.pt",
    }  # fmt: skip
    assert [entry["phase"] for entry in log(whole, 2)] == ["train", "train"]


def test_training_learns_to_tell_own_frames_from_others(store, tmp_path):
    settings = tiny_config(store, class_task=False)
    settings["stage1"]["train"] |= {"epochs": 25, "lr": 3e-3}
    settings["stage1"]["data"].pop("validation")
    trained = avloc.train_stage1(write_config(tmp_path / "tiny.yaml", settings), tmp_path / "run")
    losses = [entry["loss"] for entry in log(tmp_path / "run")]
    assert trained.epochs == 25 and np.mean(losses[-5:]) < 0.8 * losses[0]


@pytest.mark.parametrize(
    ("done", "text"),
    [
        pytest.param(0, "localize: step 1", id="in the very first epoch"),
        pytest.param(2, "classify: preparing", id="between phases, before clustering"),
        pytest.param(2, "classify: step 1", id="between phases, after clustering"),
        pytest.param(3, "classify: step 1", id="inside a phase"),
        pytest.param(4, "localize: step 1", id="after a classification"),
        pytest.param(6, "classify: ", id="before the last epoch is kept"),
    ],
)
def test_an_interrupted_training_ends_as_an_uninterrupted_one(whole, config, tmp_path, done, text):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(config, run, progress=stop_at(done, text))
    assert len(list((run / "stage1").glob("state-*.pt"))) == min(done, 2)
    avloc.train_stage1(config, run)
    assert_same_training(run, whole)


def test_a_training_may_be_interrupted_again_and_again(whole, config, tmp_path):
    run = tmp_path / "run"
    for done in range(1, 7):
        with pytest.raises(KeyboardInterrupt):
            avloc.train_stage1(config, run, progress=stop_at(done, ""))
    avloc.train_stage1(config, run)
    assert_same_training(run, whole)


def test_averaged_weights_are_left_behind_and_an_interruption_changes_none_of_them(store, tmp_path):
    settings = tiny_config(store)
    settings["stage1"]["train"] |= {"epochs": 2, "batch_size": 4}
    plain = write_config(tmp_path / "plain.yaml", settings)
    settings["stage1"]["train"] |= {"ema": 0.8, "accumulate": 2, "clip_grad": 0.5}
    averaged = write_config(tmp_path / "averaged.yaml", settings)
    for name, config in (("plain", plain), ("averaged", averaged)):
        avloc.train_stage1(config, tmp_path / name)
    for done, text in ((1, "localize: step 1"), (3, "classify: step 1")):
        with pytest.raises(KeyboardInterrupt):
            avloc.train_stage1(averaged, tmp_path / "again", progress=stop_at(done, text))
    avloc.train_stage1(averaged, tmp_path / "again")
    assert_same_training(tmp_path / "again", tmp_path / "averaged")
    state = torch.load(max((tmp_path / "again" / "stage1").glob("state-*.pt")), weights_only=True)
    left = load_file(tmp_path / "again" / "stage1" / "classify.safetensors")
    differs = [name for name in state["average"] if not torch.equal(state["average"][name], state["weights"][name])]
    assert differs and all(torch.equal(left[name], state["average"][name]) for name in differs)


@pytest.mark.parametrize("done", [0, 1])
def test_stage_two_goes_on_as_exactly(whole, config, tmp_path, done):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "stage2")
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage2(run=run, progress=stop_at(done, "train: step 1"))
    avloc.train_stage2(run=run)
    assert_same_training(run, whole, 2)


def test_a_finished_training_is_not_trained_again(whole):
    before = {path: path.stat().st_mtime_ns for path in (whole / "stage1").iterdir()}
    trained = avloc.train_stage1(run=whole)
    assert trained.epochs == 7 and before == {path: path.stat().st_mtime_ns for path in (whole / "stage1").iterdir()}


def test_another_seed_trains_another_model(whole, config, tmp_path):
    avloc.train_stage1(config, tmp_path / "run", set=["seed=4"])
    ours, theirs = (load_file(run / "stage1" / "localize.safetensors") for run in (tmp_path / "run", whole))
    assert not torch.equal(ours["streams.scale.weight"], theirs["streams.scale.weight"])
    assert log(tmp_path / "run") != log(whole)


@pytest.mark.parametrize("select", ["loss", "accuracy", "iou"])
def test_the_selected_epoch_is_the_best_on_validation(store, tmp_path, select):
    settings = tiny_config(store, class_task=False)
    settings["stage1"]["train"] |= {"epochs": 5, "lr": 3e-3, "select": select}
    run = tmp_path / "run"
    avloc.train_stage1(write_config(tmp_path / "tiny.yaml", settings), run)
    merits = [entry["validation"][select] * (-1 if select == "loss" else 1) for entry in log(run)]
    experiment, where = open_run(None, run)
    about = load_weights(load_stage(experiment, where, 1), run / "stage1" / "localize.safetensors", "dsol", 1)
    assert int(about["epoch"]) == 1 + int(np.argmax(merits))


def test_selection_without_validation_is_refused(store, tmp_path):
    settings = tiny_config(store)
    settings["stage1"]["data"].pop("validation")
    settings["stage1"]["train"]["select"] = "iou"
    with pytest.raises(AvlocError, match=r"select is 'iou'.*data\.validation"):
        avloc.train_stage1(write_config(tmp_path / "tiny.yaml", settings), tmp_path / "run")


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "bf16"},
        {"optimizer": "adamw", "schedule": "cosine", "warmup": 3},
        {"zero_grad_none": False},
        {"val_transform": "train"},
        {"precision": "auto", "accumulate": 4, "clip_grad": 0.5, "ema": 0.5},
    ],
)
def test_every_way_to_train_stays_finite(store, tmp_path, options):
    settings = tiny_config(store)
    settings["stage1"]["train"] |= {"epochs": 2, **options}
    trained = avloc.train_stage1(write_config(tmp_path / "tiny.yaml", settings), tmp_path / "run")
    assert all(math.isfinite(entry["loss"]) for entry in trained.last.values())


def test_rates_fall_at_milestones_after_a_warm_up_of_one_rate():
    """Two batches an epoch, four epochs; a warm-up of three steps at a tenth, a tenth again from the third epoch on."""
    from avloc.engine.trainer import rate_factor
    from avloc.methods.base import Phase, Train

    train = Train(warmup=3, warmup_rate=0.1, milestones=(2,), gamma=0.1)
    factors = [rate_factor(train, Phase("p", lambda batch: {}, [], 4), step, 8) for step in range(8)]
    assert factors == pytest.approx([0.1, 0.1, 0.1, 1, 0.1, 0.1, 0.1, 0.1])
    linear = [rate_factor(Train(warmup=4), Phase("p", lambda batch: {}, [], 1), step, 8) for step in range(6)]
    assert linear == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_zero_gradients_let_unreached_parameters_drift_as_in_old_torch(store, tmp_path):
    scales = {}
    for none in (True, False):
        settings = tiny_config(store)
        settings["stage1"]["train"] |= {"epochs": 2, "zero_grad_none": none}
        run = tmp_path / str(none)
        avloc.train_stage1(write_config(tmp_path / f"{none}.yaml", settings), run)
        scales[none] = [
            load_file(run / "stage1" / f"{name}.safetensors")["streams.scale.weight"]
            for name in ("localize", "classify")
        ]
    assert torch.equal(*scales[True]) and not torch.equal(*scales[False])


# what is refused


def test_a_run_with_other_settings_is_refused_and_names_them(whole, config):
    with pytest.raises(RunError, match=r"stage1\.train\.lr: 0\.001, now it is 0\.5.*--run"):
        avloc.train_stage1(config, whole, set=["stage1.train.lr=0.5"])


def test_a_state_of_another_seed_method_or_store_is_refused(whole, config, tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(whole / "stage1", run / "stage1")
    with pytest.raises(RunError, match="was trained with seed 3, now it is 4"):
        avloc.train_stage1(config, run, set=["seed=4"])


def test_a_store_of_another_rate_is_refused_with_both_rates(tmp_path):
    other = make_tiny_store(tmp_path / "store", rate=8000)
    with pytest.raises(DataError, match=r"has 8000 Hz.*4000 Hz.*--rate 4000"):
        avloc.train_stage1(write_config(tmp_path / "tiny.yaml", tiny_config(other)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_fewer_clips_than_clusters_are_refused(store, tmp_path):
    config = write_config(tmp_path / "tiny.yaml", tiny_config(store, clusters=19))
    with pytest.raises(AvlocError, match="18 clips are fewer than 19 clusters"):
        avloc.train_stage1(config, tmp_path / "run")


def test_validation_videos_must_not_be_trained_on(store, tmp_path):
    settings = tiny_config(store)
    settings["stage1"]["data"]["validation"] = "train"
    with pytest.raises(DataError, match="share 9 videos"):
        avloc.train_stage1(write_config(tmp_path / "tiny.yaml", settings), tmp_path / "run")


def test_a_training_that_diverges_says_so_and_keeps_the_last_whole_epoch(config, tmp_path, monkeypatch):
    """The loss is NaN from the third batch on: no learning rate in its range makes this network diverge that quickly."""
    loss, calls = stage_one.correspondence, []

    def diverging(*given, **more):
        calls.append(1)
        return loss(*given, **more) * (1.0 if len(calls) < 3 else float("nan"))

    monkeypatch.setattr(stage_one, "correspondence", diverging)
    with pytest.raises(AvlocError, match=r"diverged in epoch 1.*lower train\.lr") as found:
        avloc.train_stage1(config, tmp_path / "run")
    assert "\n" not in str(found.value)
    assert not list((tmp_path / "run" / "stage1").glob("*.safetensors"))


def test_a_missing_stage_one_names_the_command_that_trains_it(config, tmp_path):
    with pytest.raises(RunError, match="train-stage1"):
        avloc.train_stage2(config, tmp_path / "run")
    with pytest.raises(RunError, match="train-stage1"):
        avloc.cluster(config, tmp_path / "run")


def test_stage_two_without_clusters_names_the_command_that_writes_them(whole, tmp_path):
    import shutil

    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "clusters.npz").unlink()
    with pytest.raises(RunError, match=r"no clusters\.npz; `avloc cluster --run"):
        avloc.train_stage2(run=tmp_path / "run")


def test_clusters_of_other_weights_are_refused(whole, tmp_path):
    import shutil

    shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "stage2")
    shutil.copy(whole / "stage1" / "localize.safetensors", tmp_path / "run" / "stage1" / "classify.safetensors")
    with pytest.raises(RunError, match="other weights"):
        avloc.train_stage2(run=tmp_path / "run")


def test_clusters_that_are_cut_off_are_refused_in_one_line(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "clusters.npz").write_bytes((whole / "clusters.npz").read_bytes()[:60])
    with pytest.raises(
        RunError, match=r"clusters.npz: its content cannot be read .*`avloc cluster --run .*` writes it again"
    ):
        avloc.match_clusters(run=run)


def test_no_epochs_at_all_is_no_training(config, tmp_path):
    with pytest.raises(AvlocError, match=r"train.epochs is 0, so there is nothing to train"):
        avloc.train_stage1(config, tmp_path / "run", ["stage1.train.epochs=0"])


def test_what_is_not_trained_is_said_before_anything_is_scored(store, tmp_path):
    config = write_config(tmp_path / "tiny.yaml", tiny_config(store))
    avloc.train_stage1(config, tmp_path / "run")
    with pytest.raises(RunError, match=r"has no trained stage 2; .* score the trained stages with --sets solo$"):
        avloc.evaluate(run=tmp_path / "run", resamples=0)
    assert not (tmp_path / "run" / "results").exists()
    assert list(avloc.evaluate(run=tmp_path / "run", sets=["solo"], resamples=0).sets) == ["solo"]


def test_weights_of_another_method_stage_or_shape_are_refused(whole, store, tmp_path):
    experiment, run = open_run(None, whole)
    localizer = load_stage(experiment, run, 1)
    for about, words in (
        ({"method": "sspl", "stage": 1}, "holds sspl stage 1, not dsol"),
        ({"method": "dsol", "stage": 2}, "stage 2"),
    ):
        save_weights(localizer, tmp_path / "other.safetensors", **about)
        with pytest.raises(RunError, match=words):
            load_weights(localizer, tmp_path / "other.safetensors", "dsol", 1)
    other = open_run(write_config(tmp_path / "tiny.yaml", tiny_config(store, dim=4)), tmp_path / "run")[0].build(1)
    with pytest.raises(RunError, match="does not fit the model"):
        load_weights(other, whole / "stage1" / "localize.safetensors", "dsol", 1)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"half of the weights"])
def test_weights_that_are_broken_are_refused(whole, tmp_path, content):
    localizer = open_run(None, whole)[0].build(1)
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"w\.safetensors"):
        load_weights(localizer, tmp_path / "w.safetensors", "dsol", 1)


def test_a_broken_state_is_refused_by_name(tmp_path):
    (tmp_path / "state-000001.pt").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"state-000001\.pt: not a complete training state"):
        load_state(tmp_path / "state-000001.pt")


def test_an_unknown_split_is_refused_with_those_there_are(store, tmp_path):
    settings = tiny_config(store)
    settings["stage1"]["data"]["train"] = "solo"
    with pytest.raises(DataError, match=r"no split 'solo'.*train \(18 clips\)"):
        avloc.train_stage1(write_config(tmp_path / "tiny.yaml", settings), tmp_path / "run")


def test_a_device_that_is_not_there_is_refused(config, tmp_path):
    with pytest.raises(AvlocError, match="device 'warp'"):
        avloc.train_stage1(config, tmp_path / "run", set=["stage1.train.device=warp"])


def test_without_config_or_run_the_command_asks_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AvlocError, match="--config"):
        avloc.train_stage1()
    with pytest.raises(RunError, match=r"no config\.yaml"):
        avloc.train_stage1(run=tmp_path)


def test_a_configuration_is_checked_before_any_data_is_opened(tmp_path):
    settings = tiny_config(tmp_path / "nowhere", cluster=4)
    settings["stage2"]["train"]["epoch"] = 3
    with pytest.raises(ConfigError) as found:
        avloc.train_stage1(write_config(tmp_path / "tiny.yaml", settings), tmp_path / "run")
    assert len(str(found.value).splitlines()) == 2 and "did you mean 'clusters'" in str(found.value)


# a full disk


@pytest.mark.parametrize("write", range(0, 12, 3))
def test_a_full_disk_is_an_error_in_one_line_and_nothing_written_before_is_lost(
    whole, config, tmp_path, monkeypatch, write
):
    run, replace, writes = tmp_path / "run", os.replace, []

    def full(source: Any, target: Any) -> None:
        writes.append(Path(target).name)
        if len(writes) > write:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(AvlocError, match="cannot be written \\(No space left on device\\)") as found:
            avloc.train_stage1(config, run)
    assert "\n" not in str(found.value)
    assert not list(run.rglob(".*")), "temporary files are removed"
    kept = writes[:write]
    assert {path.name for path in run.rglob("*") if path.is_file() and not path.name.startswith("state")} == {
        name for name in kept if not name.startswith("state")
    }
    avloc.train_stage1(config, run)
    assert_same_training(run, whole)


def test_a_disk_that_fills_up_inside_a_state_is_an_error_in_one_line(config, tmp_path, monkeypatch):
    def full(*_: Any) -> None:
        raise RuntimeError(
            "[enforce fail at inline_container.cc:815] . PytorchStreamWriter failed writing file data/1: file write failed"
        )

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(AvlocError, match=r"state-000001\.pt: cannot be written \(No space left on device\)"):
        avloc.train_stage1(config, tmp_path / "run")


def test_a_method_without_objects_is_not_sent_to_cluster_them(tmp_path):
    for verb in (avloc.cluster, avloc.match_clusters):
        with pytest.raises(
            RunError, match=r"coarse_to_fine_original clusters no objects; continue with `avloc evaluate"
        ):
            verb(Path("coarse_to_fine_original_synthetic"), tmp_path / "run")


def test_a_run_may_be_named_by_text():
    assert avloc.Run("runs/here").clusters == Path("runs/here/clusters.npz")


def test_without_a_run_the_one_last_started_is_taken_and_named(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("old", "new")):
        config = tmp_path / "runs" / name / "config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text("method: dsol\n")
        os.utime(config, (number, number))
    assert open_run(None, None)[1].path == Path("runs/new")
    assert "no --run given: resuming runs/new, the run that was started last in this folder" in caplog.text


def test_a_store_that_is_not_there_is_told_before_weights_are_fetched(config, tmp_path, monkeypatch):
    def fetch(*arguments: object, **options: object) -> None:
        raise AssertionError("built, and so downloaded, before the data was looked for")

    monkeypatch.setattr("avloc.engine.stages.fresh_stage", fetch)
    with pytest.raises(AvlocError, match="no store here"):
        avloc.train_stage1(config, tmp_path / "run", set=[f"stage1.data.store={tmp_path / 'nothing'}"])
