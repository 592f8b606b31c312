"""How much of the bare training step is left when everything around it is there too.

    python tests/bench/training.py [--clips 1024] [--rounds 3]

Bare: forward, backward and optimizer on one batch of views that never changes. End to end: `fit` over a resident store,
with plan, gathering, views, augmentation, log and checkpoints. Rounds in turn, the best of each. 0.9 of bare or more is
expected.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from avloc.data.build import build_store
from avloc.data.clip import Clip
from avloc.data.loader import Loader
from avloc.data.sources.base import Entry, Item, Listing
from avloc.data.store import Store
from avloc.engine.experiment import Experiment, read_experiment
from avloc.engine.trainer import fit

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "dsol_synthetic_quick.yaml"
SIZE, RATE = 112, 16000  # as the demo prepares its frames: what the view resizes to


@dataclass(frozen=True)
class Noise:
    """Clips of noise, four frames of SIZE pixels and a second of sound."""

    def read(self, item: Item) -> Iterator[Clip]:
        random = np.random.default_rng(item.facts["number"])
        yield Clip(
            id=f"{item.id}/000", video=item.id, split="", start=0.0,
            frames=random.integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8), frame_keys=("",) * 4,
            waveform=random.normal(0, 3000, RATE).astype(np.int16), labels=(0,), boxes=(),
        )  # fmt: skip


def make_store(path: Path, clips: int) -> Path:
    items = {f"v{n:05d}": Item(f"v{n:05d}", f"{n}.mp4", {"number": n}) for n in range(clips)}
    settings = {
        "data": "noise", "classes": ("noise",), "rate": RATE, "seconds": 1.0, "samples": RATE, "frames_per_clip": 4,
        "size": SIZE, "frames": "raw",
    }  # fmt: skip
    build_store(
        path, path.parent, Listing(items, {"train": [Entry(name) for name in items]}), Noise(), settings, jobs=1
    )
    return path


def bare(experiment: Experiment, loader: Loader, steps: int) -> float:
    """Seconds of so many steps on one batch."""
    stage = experiment.stage(1)
    localizer = prepared(experiment)
    phase = localizer.phases(stage.train)[0]
    batch = next(loader.training(stage.train.batch_size, 0, 0))
    began = 0.0
    for step in range(steps + 2):
        if step == 2:
            began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=stage.train.precision == "bf16"):
            loss = torch.stack([term.float() for term in phase.objective(batch).values()]).sum()
        for optimizer in phase.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in phase.optimizers:
            optimizer.step()
    return time.perf_counter() - began


def end_to_end(experiment: Experiment, loader: Loader, folder: Path) -> tuple[float, int]:
    """Seconds of an epoch, and its steps."""
    stage = experiment.stage(1)
    localizer = prepared(experiment)
    loader.senses = localizer
    train = replace(stage.train, epochs=1)
    began = time.perf_counter()
    fit(localizer, {"train": loader}, train, folder, 0, {"method": "dsol", "stage": 1})
    return time.perf_counter() - began, train.epochs * loader.steps(train.batch_size)


def prepared(experiment: Experiment):  # type: ignore[no-untyped-def]
    """A fresh model in the memory layout that training uses."""
    localizer = experiment.build(1)
    for module in localizer.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return localizer.train()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clips", type=int, default=1024)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store.open(make_store(folder / "store", given.clips)).split("train")
        experiment = read_experiment(CONFIG, [f"stage1.data.store={folder / 'store'}", "stage1.train.device=cpu"])
        loader = Loader(store, experiment.build(1), torch.device("cpu"), resident=True)
        seconds: dict[str, list[float]] = {"bare": [], "whole": []}
        for number in range(given.rounds):
            spent, steps = end_to_end(experiment, loader, folder / f"run{number}")
            seconds["whole"].append(spent / steps)
            seconds["bare"].append(bare(experiment, loader, steps) / steps)
    least = {name: 1e3 * min(values) for name, values in seconds.items()}
    print(
        f"{CONFIG.stem}, batch {experiment.stage(1).train.batch_size}, {torch.get_num_threads()} threads: bare step "
        f"{least['bare']:.0f} ms, in training {least['whole']:.0f} ms: {least['bare'] / least['whole']:.2f} of bare (want 0.9)"
    )


if __name__ == "__main__":
    main()
