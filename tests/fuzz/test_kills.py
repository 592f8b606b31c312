"""Commands that are killed at any moment and run again end as those that nothing interrupted; two at once harm nothing.

pytest -m fuzz tests/fuzz/test_kills.py --kills 300 --fuzz-seed 7
"""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.engine.tiny import tiny_config, write_config
from tests.fuzz.killed import PATIENCE, Commands, content
from tests.fuzz.reading import equal
from tests.fuzz.test_trouble import LARGE

pytestmark = pytest.mark.fuzz
NIGHT = 20  # kills of a run that is not in a hurry
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def kill_once(commands: Commands, name: str, folder: Path, delay: float, what: signal.Signals) -> int | None:
    """Kill the command after a delay; its status."""
    log = folder.with_suffix(".log")
    number = commands.start(name, folder)
    status = commands.starter.wait(number, delay)
    if status is None:
        os.kill(number, what)
        status = commands.starter.wait(number, PATIENCE)
    said = log.read_text()
    assert "Traceback" not in said or what == signal.SIGKILL, said[-2000:]
    return status


def test_what_is_killed_at_any_moment_ends_as_what_nothing_interrupted(commands, pytestconfig, record_property):
    """The moments of a command are drawn from the seed; now and then it is killed twice before it may end."""
    kills, seed = pytestconfig.getoption("--kills"), pytestconfig.getoption("--fuzz-seed")
    chance = random.Random(f"kills {seed}")
    done: Counter[str] = Counter()
    failures: list[str] = []
    for number, name in commands.in_turn(chance, but=LARGE if kills < NIGHT else ()):
        if sum(done.values()) >= kills or len(failures) > 50:
            break
        told = [f"seed {seed}", f"command {number}", name]

        def kill(folder: Path, name: str = name, told: list[str] = told) -> None:
            for _ in range(chance.choice([1, 1, 1, 2])):
                delay, what = chance.uniform(0.02, 1.0) * commands.whole(name).seconds, chance.choice(SIGNALS)
                status = kill_once(commands, name, folder, delay, what)
                done[name] += 1
                told.append(f"{what.name} after {delay:.3f} s (status {status})")

        failure = commands.disturbed(name, commands.folder(f"killed {number}"), told, kill)
        failures += filter(None, [failure])
    counts = ", ".join(f"{name} {count}" for name, count in sorted(done.items()))
    record_property("fuzz", f"{sum(done.values())} kills ({counts}), {len(failures)} ended otherwise")
    assert not failures, "\n".join(failures)


def start(*words: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "avloc", *map(str, words)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_trainings_at_once_are_one_training_and_one_line(made, tmp_path):
    config = write_config(tmp_path / "config.yaml", tiny_config(made.store))
    run = tmp_path / "run"
    both = [start("train-stage1", "--config", config, "--run", run) for _ in range(2)]
    ends = [(process.communicate(timeout=300)[1], process.returncode) for process in both]
    refused = [error.strip().splitlines()[-1] for error, status in ends if status == 2]
    assert sorted(status for _, status in ends) == [0, 2], ends
    assert "is training in this run; wait until it has ended" in refused[0] and str(os.getpid()) not in refused[0]
    alone, found = content(made.run), content(run)
    trained = [name for name in found if name.endswith((".safetensors", "log.jsonl"))]  # without dates and places
    assert len(trained) == 3 and all(equal(alone[name], found[name]) for name in trained)
