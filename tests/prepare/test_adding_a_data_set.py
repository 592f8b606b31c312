"""The example of docs/adding_a_data_set.md, run from outside the package as the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import avloc
from tests.data.making import make_video, tone

ROOT = Path(avloc.__file__).parents[1]


@pytest.fixture
def folder(tmp_path) -> Path:
    page = (ROOT / "docs" / "adding_a_data_set.md").read_text(encoding="utf-8")
    (tmp_path / "mydata").mkdir()
    (tmp_path / "mydata" / "birds.py").write_text(re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)[0])
    rows = []
    for number, (bird, split) in enumerate([("wren", "train"), ("owl", "train"), ("wren", "test"), ("owl", "test")]):
        make_video(tmp_path / "recordings" / bird / f"b{number}.mp4", 40, sound=tone(4, 300 + 100 * number))
        rows.append(f"b{number},{bird},{split}")
    (tmp_path / "recordings" / "birds.csv").write_text("\n".join([*rows, "b9,owl,test"]))
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    line = [sys.executable, "-m", "avloc", *words]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_example_fills_a_store(folder):
    found = run(folder, "prepare", "mydata.birds", "--help")
    assert "with its species" in found.stdout and "--table" in found.stdout and "--shard" in found.stdout
    found = run(folder, "prepare", "mydata.birds", "--source", "recordings", "--size", "32", "--jobs", "1")
    assert found.returncode == 0, found.stderr
    assert "1 x missing file" in found.stdout
    checked = run(folder, "data", "check", "data/birds")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    store = avloc.Store.open(folder / "data" / "birds")
    assert store.classes == ("owl", "wren") and dict(store.splits) == {"train": 2, "test": 2}
    train = store.split("train")
    assert train.ids == ["b0", "b1"] and train.labels.tolist() == [[0, 1], [1, 0]] and train.seconds == 3.0


def test_a_mistake_in_it_is_one_line(folder):
    found = run(folder, "prepare", "mydata.birds", "--source", "recordings", "--table", "nothing.csv")
    assert found.returncode == 2 and len(found.stderr.splitlines()) == 1 and "nothing.csv" in found.stderr
