"""SSPL through the commands, with and without predictive coding, on one process and on two."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from avloc.predictions import read_predictions
from tests.commands import error_of, printed, refused
from tests.engine.running import torchrun
from tests.engine.tiny import make_tiny_store, write_config

pytestmark = pytest.mark.slow

RATE = 16000  # VGGish hears nothing else
WARM_UP, WARM_UP_PCM, EPOCHS = 2, 1, 2
variants = pytest.mark.parametrize("cycles", [0, 2], ids=["without PCM", "with PCM"])


def settings(store: Path, cycles: int) -> dict[str, Any]:
    tests = {"store": str(store), "split": "test"}
    return {
        "method": "sspl",
        "seed": 5,
        "stage1": {
            "data": {"store": str(store), "train": "train", "validation": "validation"},
            "model": {
                "pcm_cycles": cycles,
                "frame": {"size": 24, "resize": 28},
                "sound": {"seconds": 1.0},
                "visual": {"widths": [4, 6, 6], "blocks": [1, 1, 1], "norms": True},
                "audio": {"widths": [2, 3], "blocks": [1, 1], "hidden": 7, "dim": 5, "norms": True},
                "head_width": 12,
                "head_bottleneck": 4,
                "warm_up": WARM_UP,
                "warm_up_pcm": WARM_UP_PCM if cycles else 0,
            },
            "train": {
                "epochs": EPOCHS,
                "batch_size": 6,
                "lr": 1e-3,
                "optimizer": "adamw",
                "device": "cpu",
                "workers": 0,
            },
        },
        "evaluate": {"solo": {**tests, "protocol": "dsol-solo"}, "solo_sspl": {**tests, "protocol": "sspl"}},
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("sspl") / "store", RATE)


@pytest.fixture(scope="module")
def trained(store) -> dict[int, Path]:
    """The runs of both variants, by their cycles; evaluated and drawn."""
    runs = {}
    for cycles in (0, 2):
        config = write_config(store.parent / f"{cycles}.yaml", settings(store, cycles))
        runs[cycles] = store.parent / f"run{cycles}"
        printed("train-stage1", "--config", config, "--run", runs[cycles])
        printed("evaluate", "--run", runs[cycles], "--resamples", 20)
        printed("visualize", "--run", runs[cycles], "--clips", 2)
    return runs


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "stage1" / "log.jsonl").read_text().splitlines()]


@variants
def test_the_phases_follow_one_another(trained, cycles):
    entries = log(trained[cycles])
    expected = ["warm_up"] * WARM_UP + ["warm_up_pcm"] * (WARM_UP_PCM if cycles else 0) + ["train"] * EPOCHS
    assert [entry["phase"] for entry in entries] == expected
    assert all(math.isfinite(entry["loss"]) for entry in entries)
    assert all(-1 <= entry["loss"] <= 1 for entry in entries if entry["phase"] == "train")


@variants
def test_the_encoders_learn_in_the_warm_up_and_stay_frozen_after_it(trained, cycles):
    weights = {name: load_file(trained[cycles] / "stage1" / f"{name}.safetensors") for name in ("warm_up", "train")}
    encoders = [name for name in weights["train"] if name.startswith(("visual.", "audio."))]
    assert len(encoders) > 10
    assert all(torch.equal(weights["warm_up"][name], weights["train"][name]) for name in encoders)
    head = [name for name in weights["train"] if name.startswith("head.") and name.endswith("weight")]
    assert any(not torch.equal(weights["warm_up"][name], weights["train"][name]) for name in head)


@variants
def test_test_clips_are_scored_by_both_protocols_beside_rules_that_do_not_listen(trained, cycles):
    for name, metric in (("solo", "iou@0.5"), ("solo_sspl", "auc")):
        (file,) = (trained[cycles] / "results").glob(f"{name}.*json")
        result = json.loads(file.read_text())
        assert 0 <= result["metrics"][metric]["value"] <= 1
        assert set(result["comparisons"]) >= {"centre", "saliency", "all ones", "wrong sound"}
    predictions = read_predictions(trained[cycles] / "predictions" / "solo.h5")
    assert predictions.maps.shape[-2:] == (6, 6) and len(predictions.ids) == len(set(predictions.ids)) > 0


def test_the_cycles_are_drawn_where_there_are_any(trained):
    drawn = {
        cycles: sorted(path.name for path in (where / "figures").glob("*.cycles.png"))
        for cycles, where in trained.items()
    }
    assert drawn[0] == [] and "solo.cycles.png" in drawn[2]


@variants
def test_interrupted_and_resumed_ends_with_the_same_weights(trained, store, cycles):
    """Stopped after the warm-up; then the same command with the whole plan would be another run, so the state is put back."""
    whole = trained[cycles]
    again = store.parent / f"again{cycles}"
    config = store.parent / f"{cycles}.yaml"
    stop_after(config, again, epochs=WARM_UP)
    assert len(log(again)) == WARM_UP
    printed("train-stage1", "--config", config, "--run", again)
    for name in ("warm_up", "train"):
        one, two = (load_file(folder / "stage1" / f"{name}.safetensors") for folder in (whole, again))
        assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def stop_after(config: Path, folder: Path, epochs: int) -> None:
    """Train and interrupt as Ctrl-C does, when so many epochs are over."""
    import avloc

    def progress(done: int, total: int, text: str) -> None:
        file = folder / "stage1" / "log.jsonl"
        if file.exists() and len(file.read_text().splitlines()) >= epochs:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(config, folder, progress=progress)


def test_a_second_stage_is_answered_in_one_line(trained):
    assert "sspl has 1 stage" in error_of("train-stage2", "--run", trained[2])


def test_a_batch_of_one_is_answered_in_one_line_and_leaves_the_run_as_it_was(store):
    config = write_config(store.parent / "one.yaml", settings(store, 2))
    where = store.parent / "one"
    options = [
        "--set",
        "stage1.train.batch_size=1",
        "--set",
        "stage1.model.warm_up=0",
        "--set",
        "stage1.model.warm_up_pcm=0",
    ]
    said = refused("train-stage1", "--config", config, "--run", where, *options)
    (line,) = [line for line in said.splitlines() if line.startswith("avloc: ")]
    assert "batch norms need 2 or more: increase train.batch_size" in line
    assert not list(where.rglob("*.safetensors"))


@pytest.fixture(scope="module")
def ranks(store) -> list[dict[str, Any]]:
    """What each of two processes has of both variants, by their cycles."""
    folder = store.parent / "two"
    folder.mkdir()
    for cycles in (0, 2):
        write_config(folder / f"{cycles}.yaml", settings(store, cycles))
    (folder / "check.py").write_text(CHECK)
    torchrun(folder / "check.py", folder)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


@variants
def test_two_processes_train_one_model(ranks, cycles):
    """Each process sees other clips: without averaged gradients their weights would part."""
    zero, one = (rank[str(cycles)] for rank in ranks)
    assert zero["clips"] != one["clips"]
    learnt = [name for name in zero["weights"] if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(zero["weights"][name], one["weights"][name]) for name in learnt)
    moved = [name for name in learnt if not torch.equal(zero["weights"][name], zero["start"][name])]
    assert any(name.startswith("head.") for name in moved) and any(name.startswith("query.") for name in moved)
    assert any(name.startswith("pcm.") for name in moved) == bool(cycles)


CHECK = """
import sys
from pathlib import Path
import torch
from avloc import processes
from avloc.data.loader import Loader
from avloc.data.store import Store
from avloc.engine.experiment import read_experiment
from avloc.engine.trainer import fit

processes.join()
folder, found = Path(sys.argv[1]), {}
for config in sorted(folder.glob("*.yaml")):
    experiment = read_experiment(config)
    stage, localizer = experiment.stage(1), experiment.build(1)
    start = {name: value.clone() for name, value in localizer.state_dict().items()}
    loader = Loader(Store.open(stage.data.store).split("train"), localizer, torch.device("cpu"))
    clips = [batch.index.tolist() for batch in loader.training(stage.train.batch_size, 0, 0)]
    fit(localizer, {"train": loader}, stage.train, folder / config.stem, 5, {"method": "sspl", "stage": 1})
    found[config.stem] = {"weights": dict(localizer.state_dict()), "start": start, "clips": clips}
torch.save(found, folder / f"rank{processes.rank()}.pt")
processes.leave()
"""
