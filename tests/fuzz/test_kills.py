"""Commands that are killed at any moment and run again end as those that nothing interrupted; two at once harm nothing.

pytest -m fuzz tests/fuzz/test_kills.py --kills 300 --fuzz-seed 7
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from avloc.predictions import read_predictions
from tests.engine.tiny import tiny_config, write_config
from tests.fuzz.areas import equal
from tests.fuzz.made import Made

pytestmark = pytest.mark.fuzz
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def start(*words: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "avloc", *map(str, words)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def complete(*words: object) -> None:
    process = start(*words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, f"{words}: {out}\n{err}"


def content(folder: Path) -> dict[str, Any]:
    """What a run holds, without times and places."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if path.suffix == ".safetensors":
            found[name] = path.read_bytes()
        elif path.suffix == ".h5":
            found[name] = {key: value for key, value in vars(read_predictions(path)).items() if key != "attributes"}
        elif path.name == "log.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
        elif path.parent.name == "results":
            found[name] = json.loads(path.read_text())["metrics"]
        elif path.name.startswith("."):
            found[name] = "left behind"
    return found


@dataclass(frozen=True)
class Killed:
    """words: the command in a folder. begin: what it needs there."""

    words: Callable[[Path], list[object]]
    begin: Callable[[Path], None]


def commands_of(made: Made, config: Path) -> dict[str, Killed]:
    def copied(*left_out: str) -> Callable[[Path], None]:
        def begin(folder: Path) -> None:
            shutil.copytree(made.run, folder, ignore=shutil.ignore_patterns(*left_out))

        return begin

    later = ("stage2", "predictions", "results", "card.md", "figures", "report")
    return {
        "train-stage1": Killed(
            lambda run: ["train-stage1", "--config", config, "--run", run], lambda run: None
        ),
        "train-stage2": Killed(lambda run: ["train-stage2", "--run", run], copied(*later)),
        "cluster": Killed(lambda run: ["cluster", "--run", run], copied(*later, "clusters.npz", "matching.json")),
        "evaluate": Killed(
            lambda run: ["evaluate", "--run", run, "--resamples", 20, "--sets", "solo"], copied("predictions", "results")
        ),
    }  # fmt: skip


def test_what_is_killed_at_any_moment_ends_as_what_nothing_interrupted(made, tmp_path, pytestconfig, record_property):
    kills, seed = pytestconfig.getoption("--kills"), pytestconfig.getoption("--fuzz-seed")
    chance = random.Random(f"kills {seed}")
    config = write_config(tmp_path / "config.yaml", tiny_config(made.store))
    commands = commands_of(made, config)
    names = list(commands)
    chance.shuffle(names)
    whole: dict[str, dict[str, Any]] = {}
    took: dict[str, float] = {}
    for number in range(kills):
        name = names[number % len(names)]
        one = commands[name]
        if name not in whole:
            folder = tmp_path / f"whole-{name}"
            one.begin(folder)
            began = time.monotonic()
            complete(*one.words(folder))
            whole[name], took[name] = content(folder), time.monotonic() - began
        folder = tmp_path / f"killed-{number}"
        one.begin(folder)
        process = start(*one.words(folder))
        delay, what = chance.uniform(0.2, 1.0) * took[name], chance.choice(SIGNALS)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(what)
        err = process.communicate(timeout=60)[1]
        told = f"seed {seed}, kill {number}: {name}, {what.name} after {delay:.2f} s"
        assert "Traceback" not in err or what == signal.SIGKILL, f"{told}\n{err}"
        complete(*one.words(folder))
        found = content(folder)
        assert {key: "left behind" for key, value in found.items() if value == "left behind"} == {}, told
        assert equal(whole[name], found), told
        shutil.rmtree(folder)
    record_property("fuzz", f"{kills} kills of {', '.join(names[:kills])}, all equal to the uninterrupted command")


def test_two_trainings_at_once_are_one_training_and_one_line(made, tmp_path):
    config = write_config(tmp_path / "config.yaml", tiny_config(made.store))
    run = tmp_path / "run"
    both = [start("train-stage1", "--config", config, "--run", run) for _ in range(2)]
    ends = [(process.communicate(timeout=300)[1], process.returncode) for process in both]
    refused = [error.strip().splitlines()[-1] for error, status in ends if status == 2]
    assert sorted(status for _, status in ends) == [0, 2], ends
    assert "is training in this run; wait until it has ended" in refused[0] and str(os.getpid()) not in refused[0]
    alone = content(made.run)
    found = content(run)
    assert all(equal(alone[name], found[name]) for name in found)
