"""Small pretrained encoders: a timm backbone with weights in a file, and PANNs in place of a downloaded ear."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.tiny import METHODS

timm = pytest.importorskip("timm", reason="timm is not installed")
MODEL = "test_efficientnet"  # of timm's own tests: 82,300 numbers


def weights_file(folder: Path, seed: int = 0, name: str = MODEL) -> Path:
    """A state dict of timm's as it could be downloaded, head included."""
    torch.manual_seed(seed)
    path = folder / f"{name}-{seed}.pth"
    torch.save(timm.create_model(name).state_dict(), path)
    return path


def eyes(folder: Path, **more: Any) -> dict[str, Any]:
    return {"timm": MODEL, "weights": str(weights_file(folder)), "output_stride": 16, **more}


VIEW = {"size": 32, "resize": 32, "crop": False, "augment": False}
EAR = {"widths": [8, 16], "blocks": [1, 1], "strides": [1, 2]}
SOUND = {"n_fft": 128, "hop": 80, "mels": 16, "rate": 4000}


def stage_one(method: str, folder: Path, **visual: Any) -> dict[str, Any]:
    """`stage1.model` with a frozen backbone of timm; methods that compare features directly project both."""
    model: dict[str, Any] = {**METHODS[method][0], "frame": VIEW, "visual": eyes(folder, **visual)}
    if method == "sspl":
        return {
            **model,
            "audio": {"widths": [8, 16], "blocks": [1, 1], "hidden": 8, "dim": 8},
            "sound": {"seconds": 1.0},
        }
    if method == "coarse_to_fine_original":
        crnn = {"widths": [4, 8, 8, 16], "expand": 2, "hidden": 8}
        return {**model, "audio": crnn, "sound": {**SOUND, "mels": 64, "hop": 16}, "dim": 8}
    if method in ("hard_way", "visual_context", "ssl_alignment", "noprior"):
        model["visual"]["project"] = 8
        return {**model, "audio": {**EAR, "project": 8}, "sound": SOUND}
    return {**model, "audio": EAR, "sound": SOUND}


def config(method: str, store: Path, model: dict[str, Any], **train: Any) -> dict[str, Any]:
    data = {"store": str(store), "train": "train", "validation": "validation"}
    settings = {"epochs": 2, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0, **train}
    return {
        "method": method,
        "seed": 3,
        "stage1": {"data": data, "model": model, "train": settings},
        "evaluate": {"solo": {"store": str(store), "split": "test", "protocol": "dsol-solo", "stage": 1}},
    }
