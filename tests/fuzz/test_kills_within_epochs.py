"""kill -9 in every phase of every method: the training goes on from within the epoch, and ends as one that nothing killed.

pytest tests/fuzz/test_kills_within_epochs.py --kills 20 --fuzz-seed 7     # every method, killed at other steps
"""

import json
import random
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc.engine.experiment import load_method, read_experiment
from avloc.engine.within_epoch import FILE
from tests.engine.killing import killed_at
from tests.engine.tiny import RATE, make_tiny_store, write_config
from tests.methods.test_determinism import MODELS

pytestmark = pytest.mark.fuzz
STEPS = 3  # of an epoch: 18 clips, 6 a batch
#: with all phases that the method can have; predictive coding needs 10 x 10 places
ALL_PHASES = {"sspl": {"frame": {"size": 20, "resize": 24}, "pcm_cycles": 1, "warm_up_pcm": 1}}
ORDER = ["dsol", "sspl", *sorted(set(MODELS) - {"dsol", "sspl"})]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many methods as --kills says."""
    metafunc.parametrize("name", ORDER[: metafunc.config.getoption("--kills")])


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("kills")
    return {rate: make_tiny_store(folder / f"store{rate}", rate) for rate in (RATE, 16000)}


def configured(name: str, store: Path, folder: Path) -> Path:
    data = {"store": str(store), "train": "train", "validation": "validation"}
    train = {"epochs": 2, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0, "save_every": 1}
    settings: dict[str, Any] = {"method": name, "seed": 3}
    for number in range(1, 1 + len(load_method(name).STAGES)):
        settings[f"stage{number}"] = {
            "data": data,
            "model": MODELS[name] | ALL_PHASES.get(name, {}) if number == 1 else {},
            "train": train,
        }
    return write_config(folder / f"{name}.yaml", settings)


def test_a_training_killed_in_every_phase_ends_as_one_that_was_not(
    name, stores, tmp_path, pytestconfig, record_property
):
    chance = random.Random(f"{name} {pytestconfig.getoption('--fuzz-seed')}")
    config = configured(name, stores[16000 if name == "sspl" else RATE], tmp_path)
    experiment = read_experiment(config)
    run, whole = tmp_path / "run", tmp_path / "whole"
    kills = 0
    for number in sorted(experiment.stages):
        train = avloc.train_stage1 if number == 1 else avloc.train_stage2
        if number == 2 and experiment.localizers[1].uses_clusters:
            avloc.cluster(run=whole)
            shutil.copy(whole / "clusters.npz", run)
        train(config, whole)
        log = (whole / f"stage{number}" / "log.jsonl").read_text().splitlines()
        phases = dict.fromkeys(json.loads(line)["phase"] for line in log)
        work = partial(train, config, run)
        for phase in phases:
            step = chance.randrange(1, STEPS)
            assert killed_at(step, phase, work), f"{name}: {phase} has no step {step}"
            assert (run / f"stage{number}" / FILE).exists(), f"{name}: {phase}, killed before step {step}"
            kills += 1
        work()
    for path in sorted(whole.rglob("*.safetensors")):
        ours, theirs = load_file(run / path.relative_to(whole)), load_file(path)
        assert list(ours) == list(theirs)
        assert [key for key in theirs if not torch.equal(ours[key], theirs[key])] == [], path.name
    record_property("fuzz", f"a kill within an epoch in each of {kills} phases")
    assert not list(run.rglob(FILE)) and not list(run.rglob(".*"))
