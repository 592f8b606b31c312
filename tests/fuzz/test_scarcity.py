"""Little memory, few open files, streams and folders that cannot be written: one line and status 2, and nothing lost."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.tiny import tiny_config, write_config
from tests.fuzz.made import Made

pytestmark = pytest.mark.fuzz


def ended(*words: object, limits: dict[int, int] | None = None, **streams: object) -> subprocess.CompletedProcess[str]:
    """limits: of the process, by resource."""

    def less() -> None:
        for what, most in (limits or {}).items():
            resource.setrlimit(what, (most, most))

    told = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    line = [sys.executable, "-m", "avloc", *map(str, words)]
    return subprocess.run(line, text=True, preexec_fn=less, timeout=300, check=False, **told)  # type: ignore[call-overload]


def one_line(found: subprocess.CompletedProcess[str]) -> str:
    lines = [
        line for line in found.stderr.splitlines() if not line.startswith(("WARNING", "train", "evaluate", "libgomp"))
    ]
    assert found.returncode == 2 and "Traceback" not in found.stderr, found.stderr
    assert lines and lines[-1].startswith("avloc: "), found.stderr
    return lines[-1]


@pytest.mark.parametrize("handles", [12, 24])
def test_few_open_files_are_said_to_be_few(made, tmp_path, handles):
    """Too few for the command itself to be loaded ends in Python; from there on it is one line."""
    found = ended("data", "check", made.store, limits={resource.RLIMIT_NOFILE: handles})
    if found.returncode:
        assert "open files" in one_line(found)


def test_an_array_that_does_not_fit_into_memory_is_one_line(made, tmp_path):
    config = tiny_config(made.store)
    config["stage1"]["train"]["batch_size"] = 18
    config["stage1"]["model"]["frame"] = {"size": 6000, "resize": 6000}
    config["stage1"].setdefault("train", {})["resident"] = False
    file = write_config(tmp_path / "config.yaml", config)
    found = ended("train-stage1", "--config", file, "--run", tmp_path / "run", limits={resource.RLIMIT_AS: 6 << 30})
    assert "this machine is out of memory; lower train.batch_size" in one_line(found)


def test_a_terminal_that_cannot_be_written_to_ends_no_training(made, tmp_path):
    file = write_config(tmp_path / "config.yaml", tiny_config(made.store))
    with open("/dev/full", "w") as full:
        found = ended("train-stage1", "--config", file, "--run", tmp_path / "run", stderr=full)
    assert found.returncode == 0
    assert (tmp_path / "run" / "stage1" / "classify.safetensors").exists()


def test_a_result_that_stdout_does_not_take_is_one_line():
    with open("/dev/full", "w") as full:
        found = ended("recipes", stdout=full)
    assert one_line(found).startswith("avloc: stdout: cannot be written (No space left on device)")


def test_a_run_in_a_folder_that_may_not_be_written_is_one_line(made: Made):
    file = made.config
    found = ended("train-stage1", "--config", file, "--run", Path("/proc/avloc/run"))
    assert "cannot be written" in one_line(found)
