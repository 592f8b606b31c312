"""Every method trained through the loop: the same seed, the same weights; interrupted and resumed, the same again."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc.engine.experiment import load_method, method_names
from tests.engine.tiny import BACKBONE, RATE, make_tiny_store, write_config

LISTENING = {"rate": RATE, "n_fft": 128, "hop": 80, "mels": 16}
SMALL: dict[str, Any] = {"frame": {"size": 24, "resize": 28}, "visual": BACKBONE, "audio": BACKBONE}
MODELS: dict[str, dict[str, Any]] = {
    "coarse_to_fine": {**SMALL, "sound": LISTENING, "classes": 3},
    "coarse_to_fine_original": {
        **SMALL,
        "sound": {**LISTENING, "mels": 64},
        "audio": {"widths": [4, 8, 8, 16], "expand": 2, "hidden": 8},
        "classes": 3,
    },
    "dsol": {**SMALL, "sound": LISTENING, "clusters": 3, "dim": 8, "class_iter": 1},
    "ez_vsl": {**SMALL, "sound": {"rate": RATE}, "dim": 8},
    "fnac": {**SMALL, "sound": {"rate": RATE, "masks": [3, 3]}, "dim": 8, "warmup": 1, "frame_dropout": 0.5},
    "hard_way": {**SMALL, "sound": {"rate": RATE}},
    "ssl_alignment": {
        **SMALL,
        "sound": {"rate": RATE},
        "frame2": {"size": 24, "resize": 28},
        "sound2": {"rate": RATE, "seconds": 0.5, "part": "random"},
        "neighbours": 3,
        "warmup": 1,
    },
    "noprior": {**SMALL, "sound": {"rate": RATE}, "flow_encoder": BACKBONE, "frozen": False},
    "slavc": {**SMALL, "sound": {"rate": RATE}, "dim": 8, "frame_dropout": 0.5, "frame_momentum": 0.9},
    "visual_context": {**SMALL, "sound": {"rate": RATE}, "feature_dropout": 0.5},  # so that chance has a say
    "sspl": {
        "frame": {"size": 24, "resize": 28},
        "sound": {"seconds": 1.0},
        "visual": {"widths": [4, 6], "blocks": [1, 1], "norms": True},
        "audio": {"widths": [2, 3], "blocks": [1, 1], "hidden": 7, "dim": 5, "norms": True},
        "pcm_cycles": 0,
        "head_width": 12,
        "head_bottleneck": 4,
        "warm_up": 1,
    },
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("determinism")
    return {rate: make_tiny_store(folder / f"store{rate}", rate) for rate in (RATE, 16000)}


def trained(run: Path, config: Path, stages: int, stop: bool = False, seed: int = 3) -> dict[str, torch.Tensor]:
    """All selected weights of all stages; `stop` interrupts each stage in its second epoch, and goes on."""

    def interrupt(done: int, total: int, text: str) -> None:
        if done == 1 and "step 1" in text:
            raise KeyboardInterrupt

    for number in range(1, stages + 1):
        train = avloc.train_stage1 if number == 1 else avloc.train_stage2
        if number == 2 and load_method(config.stem).STAGES[1].uses_clusters:
            avloc.cluster(run=run)
        if stop:
            with pytest.raises(KeyboardInterrupt):
                train(config, run, [f"seed={seed}"], interrupt)
        train(config, run, [f"seed={seed}"])
    files = sorted(run.rglob("*.safetensors"))
    return {f"{path.relative_to(run)}: {name}": value for path in files for name, value in load_file(path).items()}


def test_every_method_is_tried():
    assert set(MODELS) == {name for name in method_names() if load_method(name).STAGES[0].needs_training}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_seed_says_all_and_an_interruption_changes_nothing(name, stores, tmp_path):
    stages = len(load_method(name).STAGES)
    data = {"store": str(stores[16000 if name == "sspl" else RATE]), "train": "train", "validation": "validation"}
    train = {"epochs": 2, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0}
    settings: dict[str, Any] = {"method": name, "seed": 3}
    for number in range(1, stages + 1):
        settings[f"stage{number}"] = {"data": data, "model": MODELS[name] if number == 1 else {}, "train": train}
    config = write_config(tmp_path / f"{name}.yaml", settings)
    whole = trained(tmp_path / "whole", config, stages)
    stopped = trained(tmp_path / "stopped", config, stages, stop=True)
    assert list(stopped) == list(whole) and all(torch.equal(stopped[key], whole[key]) for key in whole)
    other = trained(tmp_path / "other", config, stages, seed=4)
    assert any(not torch.equal(other[key], whole[key]) for key in whole if whole[key].is_floating_point())
