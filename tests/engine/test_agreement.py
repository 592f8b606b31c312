"""What a run keeps of a training belongs together, is checked when it is read, and a damaged state costs one epoch."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import avloc
from avloc.engine.checkpoints import load_state, save_state
from avloc.engine.experiment import open_run
from avloc.engine.stages import load_stage
from avloc.errors import RunError
from tests.commands import error_of, invoke
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

EPOCHS = 7


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return write_config(folder / "tiny.yaml", tiny_config(make_tiny_store(folder / "store")))


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    avloc.train_stage1(config, run)
    return run


@pytest.fixture(scope="module")
def early(config, tmp_path_factory) -> Path:
    """The same training, ended after two epochs."""

    def stop(done: int, total: int, text: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    run = tmp_path_factory.mktemp("early") / "run"
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(config, run, progress=stop)
    return run


@pytest.fixture
def run(whole, tmp_path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")


def flip(path: Path) -> None:
    """A bit here and there: single ones may lie between the tensors, where they change nothing."""
    content = bytearray(path.read_bytes())
    for part in range(1, 20):
        content[part * len(content) // 20] ^= 16
    path.write_bytes(content)


def test_a_run_that_two_trainings_wrote_is_refused_to_trainer_and_reader(run, early):
    shutil.copy(early / "stage1" / "log.jsonl", run / "stage1" / "log.jsonl")
    shutil.copy(early / "stage1" / "localize.safetensors", run / "stage1" / "localize.safetensors")
    with pytest.raises(RunError, match="is from another training than the state of epoch 7"):
        avloc.train_stage1(run=run)
    with pytest.raises(RunError, match=r"state-000007.pt is from epoch 7, but log.jsonl next to it ends with epoch 1"):
        load_stage(*open_run(None, run), 1)
    with pytest.raises(RunError, match=r"state-000007.pt is from epoch 7, but log.jsonl next to it ends with epoch 1"):
        avloc.cluster(run=run)


def test_weights_of_an_earlier_epoch_are_refused(run, early):
    shutil.copy(early / "stage1" / "localize.safetensors", run / "stage1" / "localize.safetensors")
    with pytest.raises(
        RunError, match=r"localize.safetensors is from epoch 1, but according to the state of epoch 7 it is from 5"
    ):
        avloc.train_stage1(run=run)
    with pytest.raises(RunError, match=r"localize.safetensors is from epoch 1, but log.jsonl next to it says 5"):
        load_stage(*open_run(None, run), 1, ("localize",))


def test_weights_that_are_gone_are_no_finished_training(run):
    (run / "stage1" / "classify.safetensors").unlink()
    with pytest.raises(RunError, match=r"classify.safetensors: no such file; the state of epoch 7 needs it"):
        avloc.train_stage1(run=run)


def test_a_damaged_state_gives_way_to_the_one_before(run, whole, caplog):
    flip(run / "stage1" / "state-000007.pt")
    avloc.train_stage1(run=run)
    assert "state-000007.pt: not a complete training state" in caplog.text
    assert "training resumes from the previous one, state-000006.pt" in caplog.text
    for name in ("localize.safetensors", "classify.safetensors"):
        assert (run / "stage1" / name).read_bytes() == (whole / "stage1" / name).read_bytes()
    assert load_state(run / "stage1" / "state-000007.pt")["done"] == EPOCHS


def test_a_training_killed_before_its_last_log_line_is_completed(run, whole):
    log = run / "stage1" / "log.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    avloc.train_stage1(run=run)
    assert log.read_text() == (whole / "stage1" / "log.jsonl").read_text()


def test_states_that_are_all_damaged_are_not_advised_to_be_removed(run):
    for path in (run / "stage1").glob("state-*.pt"):
        flip(path)
    with pytest.raises(RunError, match="no other state is left; the weights can be used") as error:
        avloc.train_stage1(run=run)
    assert "remove" not in str(error.value)


@pytest.mark.parametrize("part", ["weights", "optimizers", "best", "log", "phase", "memory", "about"])
@pytest.mark.parametrize("value", [None, [], "text", {"a": 1}])
def test_a_whole_state_of_another_make_is_one_line(run, part, value):
    path = run / "stage1" / "state-000007.pt"
    save_state(path, {**load_state(path), part: value})
    with pytest.raises(RunError) as error:
        avloc.train_stage1(run=run)
    assert "\n" not in str(error.value)


def test_one_bit_in_the_weights_is_noticed(run):
    flip(run / "stage1" / "classify.safetensors")
    with pytest.raises(RunError, match="not complete safetensors weights"):
        load_stage(*open_run(None, run), 1, ("classify",))


def test_a_log_that_is_no_log_is_one_line(run):
    (run / "stage1" / "log.jsonl").write_text(json.dumps({"epoch": "x"}) + "\n")
    with pytest.raises(RunError, match=r"log.jsonl: its content cannot be read"):
        load_stage(*open_run(None, run), 1)


def test_only_one_command_trains_a_run(run):
    with avloc.Run(run).claimed("is training in this run"), pytest.raises(RunError, match="is training in this run"):
        avloc.train_stage1(run=run)
    avloc.train_stage1(run=run)


def test_an_unreadable_state_is_not_called_damaged(run, monkeypatch):
    import zipfile

    def refuse(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(RunError, match=r"cannot be read \(Too many open files\); the file itself may be fine"):
        avloc.train_stage1(run=run)


def test_verify_tells_what_is_right_damaged_and_without_a_checksum(run):
    found = avloc.verify(run)
    assert not found.wrong and found.unverified == 0
    assert [one.name for one in found.files if "stage1/" in one.name] == [
        "stage1/classify.safetensors", "stage1/localize.safetensors", "stage1/state-000006.pt", "stage1/state-000007.pt",
    ]  # fmt: skip
    flip(run / "stage1" / "state-000006.pt")
    path = run / "stage1" / "localize.safetensors"
    with safe_open(path, framework="pt") as file:
        about = {name: value for name, value in file.metadata().items() if name not in ("sha256", "verify")}
    save_file(load_file(path), path, about)
    ended = invoke("verify", run)
    assert ended.exit_code == 1 and "stage1/state-000006.pt: " in ended.stdout
    assert "1 without a checksum" in ended.stdout and "1 wrong" in ended.stdout
    found = avloc.verify(path)
    assert (found.right, found.unverified, found.wrong) == (0, 1, [])


def test_verify_reads_a_store_and_refuses_what_has_no_checksums(config, tmp_path):
    store = config.parent / "store"
    found = avloc.verify(store)
    assert not found.wrong and {one.state for one in found.files} == {"right"}
    (tmp_path / "notes.txt").touch()
    assert "such files have no checksum" in error_of("verify", tmp_path / "notes.txt")
    assert "neither a run (config.yaml) nor a store" in error_of("verify", tmp_path)
    assert "no such file or folder" in error_of("verify", tmp_path / "nothing")
