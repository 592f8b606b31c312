"""A store of a few small clips, and a DSOL so small that its two stages train in seconds."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import avloc
from avloc.data.clip import Box, Clip
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store

CLASSES = ("harp", "horn", "tuba")
SIZE, RATE, FRAMES = 40, 4000, 2
PER_VIDEO = 2  # clips
VIDEOS = {"train": 9, "validation": 3, "test": 3}


@dataclass(frozen=True)
class TinyReader:
    """A class is a striped square, as wide as the class says, and a pitch; a silent square of the next class is beside it."""

    rate: int = RATE

    def read(self, item: Item) -> Iterator[Clip]:
        number, label = item.facts["number"], item.facts["number"] % len(CLASSES)
        random = np.random.default_rng(number)
        for second in range(PER_VIDEO):
            frames = random.integers(90, 110, (FRAMES, SIZE, SIZE, 3)).astype(np.uint8)
            left = bool(random.integers(2))
            self._draw(frames, 4 if left else 22, label)
            self._draw(frames, 22 if left else 4, (label + 1) % len(CLASSES))
            time = np.arange(self.rate) / self.rate
            sound = 8000 * np.sin(2 * np.pi * (200 + 450 * label) * time) + random.normal(0, 300, self.rate)
            places = [self._box(4 if left else 22), self._box(22 if left else 4)]
            boxes = tuple(
                Box(place, frame, (label + n) % len(CLASSES), n == 0)
                for frame in range(FRAMES)
                for n, place in enumerate(places)
            )
            yield Clip(
                id=f"{item.id}/{second:03d}",
                video=item.id,
                split="",
                start=float(second),
                frames=frames,
                frame_keys=tuple(f"{item.id}/frame_{second:03d}/{7 * n:05d}.jpg" for n in range(FRAMES)),
                waveform=sound.astype(np.int16),
                labels=(label,),
                boxes=boxes,
                annotated=(True,) * FRAMES,
            )

    @staticmethod
    def _draw(frames: np.ndarray, left: int, label: int) -> None:
        square = frames[:, 12:28, left : left + 14]
        square[:] = 230
        square[:, :: 2 + 2 * label] = (20, 60 * label, 200)

    @staticmethod
    def _box(left: int) -> tuple[float, float, float, float]:
        return (left / SIZE, 12 / SIZE, (left + 14) / SIZE, 28 / SIZE)


def make_tiny_store(path: Path, rate: int = RATE) -> Path:
    items, splits, number = {}, {}, 0
    for split, count in VIDEOS.items():
        splits[split] = []
        for _ in range(count):
            name = f"video_{number:05d}_0_1000"
            items[name] = Item(name, f"{name}.mp4", {"number": number})
            splits[split].append(Entry(name))
            number += 1
    settings = {
        "data": "made", "classes": CLASSES, "rate": rate, "seconds": 1.0, "samples": rate, "frames_per_clip": FRAMES,
        "size": SIZE, "frames": "raw",
    }  # fmt: skip
    build_store(path, path.parent, Listing(items, splits), TinyReader(rate), settings, jobs=0)
    return path


BACKBONE = {"widths": [8, 16], "blocks": [1, 1], "strides": [1, 2]}
MODEL: dict[str, Any] = {
    "clusters": 3,
    "frame": {"size": 32, "resize": 36},
    "sound": {"rate": RATE, "n_fft": 128, "hop": 80, "mels": 16},
    "visual": BACKBONE,
    "audio": BACKBONE,
    "dim": 8,
}


def tiny_config(store: Path, **stage_one: Any) -> dict[str, Any]:
    """Five epochs of stage one (localize 1, localize, classify 2, localize, classify 2 with 3), two of stage two."""
    data = {"store": str(store), "train": "train", "validation": "validation"}
    train = {"epochs": 3, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0}
    return copy.deepcopy(
        {
            "method": "dsol",
            "seed": 3,
            "stage1": {"data": data, "model": {**MODEL, "class_iter": 2, **stage_one}, "train": train},
            "stage2": {"data": data, "model": {}, "train": {**train, "epochs": 2, "batch_size": 4}},
            "evaluate": {
                "solo": {"store": str(store), "split": "test", "protocol": "dsol-solo", "stage": 1},
                "multi": {"store": str(store), "split": "test", "protocol": "dsol-duet"},
            },
        }
    )


def tiny_one_stage(store: Path, method: str, **model: Any) -> dict[str, Any]:
    """One epoch of a method that has one stage."""
    config = tiny_config(store)
    del config["stage2"]
    config["method"] = method
    config["stage1"]["model"] = {**{name: MODEL[name] for name in ("frame", "sound", "visual", "audio")}, **model}
    config["stage1"]["train"]["epochs"] = 1
    return config


#: method -> arguments of its stage one beside encoders and views, and whether it has a second stage
METHODS: dict[str, tuple[dict[str, Any], bool]] = {
    "ez_vsl": ({"dim": 8}, False),
    "slavc": ({"dim": 8}, False),
    "fnac": ({"dim": 8}, False),
    "hard_way": ({}, False),
    "noprior": ({"flow": "none"}, False),
    "ssl_alignment": ({"frame2": None, "sound2": None, "neighbours": 3, "warmup": 1}, False),
    "visual_context": ({"nodes": 4, "foreground": 2, "background": 2}, False),
    "dsol": ({"clusters": 3, "dim": 8, "class_iter": 1}, True),
    "coarse_to_fine": ({"classes": 3}, True),
    "coarse_to_fine_original": ({"classes": 3, "mix": 2, "freeze_stem": False, "freeze_norms": False}, True),
    "sspl": ({"pcm_cycles": 0, "head_width": 16, "head_bottleneck": 8}, False),
}


def tiny_method(store: Path, method: str) -> dict[str, Any]:
    """One epoch of stage one of any method of `METHODS` with encoders of its own."""
    config = tiny_one_stage(store, method, **METHODS[method][0])
    model = config["stage1"]["model"]
    if method == "sspl":
        narrow = {"widths": [8, 16], "blocks": [1, 1]}
        model |= {"visual": narrow, "audio": {**narrow, "hidden": 8, "dim": 8}, "sound": {"seconds": 1.0}}
    config["stage1"]["train"]["epochs"] = 1 + model.get("warmup", 0)
    for name in config["evaluate"]:
        config["evaluate"][name] |= {"stage": 1}
    return config


def train_tiny(folder: Path) -> Path:
    """The run of a DSOL whose first stage was trained for one epoch, without classes."""
    settings = tiny_config(make_tiny_store(folder / "store"), class_task=False)
    avloc.train_stage1(write_config(folder / "c.yaml", settings), folder / "run", set=["stage1.train.epochs=1"])
    return folder / "run"


def write_config(path: Path, config: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path
