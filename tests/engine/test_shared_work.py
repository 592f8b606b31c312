"""Commands on two processes: `avloc run` as a whole, a worker that dies, and work that is shared with the same result."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import avloc
from avloc.engine.checkpoints import load_state
from avloc.engine.classifying import see_categories
from avloc.engine.within_epoch import FILE
from avloc.nn.classifier import Classifier
from avloc.progress import untold
from tests.commands import shown
from tests.engine.running import torchrun
from tests.engine.test_training import assert_same_training
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

pytestmark = pytest.mark.slow

STEPS = ["train-stage1", "cluster", "match-clusters", "train-stage2", "evaluate", "visualize"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    config = tiny_config(make_tiny_store(folder / "store"), class_iter=1)
    config["stage1"]["train"] |= {"epochs": 2, "batch_size": 3}
    config["stage2"]["train"] |= {"epochs": 1, "batch_size": 3}
    write_config(folder / "both.yaml", config)
    return folder


@pytest.fixture(scope="module")
def done(place) -> dict[str, Any]:
    """What the first process printed of a whole run."""
    return json.loads(
        torchrun("-m", "--", "avloc", "run", place / "both.yaml", "--run", place / "run", "--json").stdout
    )


def test_a_run_on_two_processes_takes_every_step_once(place, done):
    assert [(step["command"], step["state"]) for step in done["steps"]] == [(step, "done") for step in STEPS]
    assert set(done["results"]) == {"solo", "multi"} and (place / "run" / "report" / "index.html").exists()
    again = avloc.run(run=place / "run")
    assert {step.state for step in again.steps} == {"skipped"} and again.results == done["results"]


def test_scores_of_two_processes_are_those_of_one(place, done):
    alone = avloc.evaluate(run=place / "run", resamples=0, sets=["solo"]).sets["solo"]
    shared = done["results"]["solo"]["metrics"]
    assert {name: metric.value for name, metric in alone.result.metrics.items()} == shared


DIES = """
import os, signal, sys
from pathlib import Path
import avloc
from avloc import processes
from tests.engine.killing import stopped_at

config, run = map(Path, sys.argv[1:])

def die():
    if processes.rank() == 1 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        run.with_name("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)

train = lambda: avloc.train_stage1(config, run, set=["stage1.train.save_every=1"])
stopped_at(2, "classify", die, train)
"""


def test_where_a_worker_dies_all_are_started_again_and_go_on_from_the_last_state(place, done, tmp_path):
    """It dies before the last step of the last epoch; without that, the weights are those of the run above."""
    (tmp_path / "dies.py").write_text(DIES)
    torchrun(tmp_path / "dies.py", place / "both.yaml", tmp_path / "run", restarts=1)
    assert (tmp_path / "died").exists()
    assert_same_training(tmp_path / "run", place / "run")
    ours, theirs = (load_state(max((run / "stage1").glob("state-*.pt"))) for run in (tmp_path / "run", place / "run"))
    assert all(torch.equal(ours["weights"][name], value) for name, value in theirs["weights"].items())
    assert not (tmp_path / "run" / "stage1" / FILE).exists()


def seen(store: Path) -> np.ndarray[Any, Any]:
    """What a small network sees in all training clips, (N, 7)."""
    torch.manual_seed(0)
    network, mapping = Classifier((4, 6, 8), (1, 1, 1), 30).eval(), np.eye(7, dtype=np.float32)[np.arange(30) % 7]
    part = avloc.Store.open(store).split("train")
    return see_categories(part, network, mapping, "softmax", torch.device("cpu"), 8, untold)[0]


SHARES = """
import sys
from pathlib import Path
import numpy as np
import avloc
from avloc import processes
from tests.engine.test_shared_work import seen

run, store, out = map(Path, sys.argv[1:])
avloc.calibrate(run=run, clips=10)
np.save(out / f"rank{processes.rank()}.npy", seen(store))
processes.leave()
"""


def test_calibration_and_the_networks_of_pseudo_labels_share_clips_with_the_same_result(place, done, tmp_path):
    (tmp_path / "shares.py").write_text(SHARES)
    run = shutil.copytree(
        place / "run", tmp_path / "run"
    )  # a calibration changes its report, which other tests look at
    torchrun(tmp_path / "shares.py", run, place / "store", tmp_path)
    shared = json.loads((run / "calibration.json").read_text())
    avloc.calibrate(run=run, clips=10)
    assert json.loads((run / "calibration.json").read_text()) == shared
    alone = seen(place / "store")
    assert alone.shape == (18, 7)
    assert all(np.array_equal(np.load(tmp_path / f"rank{rank}.npy"), alone) for rank in (0, 1))


def test_a_dry_run_of_a_run_tries_the_stages_that_are_not_trained(place, done, tmp_path):
    text = shown("run", place / "both.yaml", "--run", tmp_path / "run", "--dry-run", "--quiet")
    assert "stage 1\n" in text and "stage 2\n" in text and "localize" in text and "classify" in text
    assert "training will take about" in text and not (tmp_path / "run").exists()
    tried = avloc.run(run=place / "run", dry_run=True)
    assert tried.stages == {} and tried.steps == dict.fromkeys(STEPS, "skip")
