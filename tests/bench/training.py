"""How much of the bare training step is left when everything around it is there too.

    python tests/bench/training.py [CONFIG ...] [--device cuda] [--clips 1024] [--rounds 3] [--streamed] [--set KEY=VALUE ...]

Bare: forward, backward and optimizer of stage one on one batch of views that never changes. End to end: `fit` over a
resident store of noise (and with --streamed over its files, read by worker processes), with plan, gathering, views,
augmentation and log. Rounds in turn, the best of each. 0.9 of bare or more is expected of a resident store.
CONFIG is the name of one that comes with avloc, by default the demo's.
"""

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from avloc.data.clip import Clip
from avloc.data.loader import Loader
from avloc.data.store import Store
from avloc.engine.experiment import Experiment, read_experiment
from avloc.engine.trainer import fit
from avloc.methods.base import Localizer
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
WARM = 3  # steps that do not count


@dataclass(frozen=True)
class Noise:
    """Clips of noise, all frames as large as the view resizes to."""

    size: int
    samples: int
    frames: int

    def read(self, item: Item) -> Iterator[Clip]:
        random = np.random.default_rng(item.facts["number"])
        yield Clip(
            id=f"{item.id}/000", video=item.id, split="", start=0.0,
            frames=random.integers(0, 256, (self.frames, self.size, self.size, 3), dtype=np.uint8),
            frame_keys=("",) * self.frames, waveform=random.normal(0, 3000, self.samples).astype(np.int16), labels=(0,),
            boxes=(),
        )  # fmt: skip


def make_store(path: Path, clips: int, localizer: Localizer) -> Store:
    """What the method sees and hears: its size and rate, as long as it listens, or a second."""
    size, rate = localizer.frame.resize, localizer.sound.rate
    seconds = getattr(localizer.sound, "seconds", None) or 1.0
    reader = Noise(size, int(rate * seconds), 4)
    items = {f"v{n:05d}": Item(f"v{n:05d}", f"{n}.mp4", {"number": n}) for n in range(clips)}
    classes = tuple(f"noise {n}" for n in range(getattr(localizer, "classes", 1)))
    settings = {
        "data": "noise", "classes": classes, "rate": rate, "seconds": seconds, "samples": reader.samples,
        "frames_per_clip": reader.frames, "size": size, "frames": "raw",
    }  # fmt: skip
    build_store(path, path.parent, Listing(items, {"train": [Entry(name) for name in items]}), reader, settings, jobs=0)
    return Store.open(path).split("train")


def waited() -> float:
    """Now, when the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def bare(experiment: Experiment, loader: Loader, steps: int) -> float:
    """Seconds of a step on one batch."""
    stage = experiment.stage(1)
    phase = prepared(experiment, loader).phases(stage.train)[0]
    batch = next(loader.training(stage.train.batch_size, 0, 0))
    began = 0.0
    for step in range(steps + WARM):
        if step == WARM:
            began = waited()
        with torch.autocast(loader.device.type, torch.bfloat16, enabled=stage.train.precision == "bf16"):
            loss = torch.stack([term.float() for term in phase.objective(batch).values()]).sum()
        for optimizer in phase.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in phase.optimizers:
            optimizer.step()
    return (waited() - began) / steps


def end_to_end(experiment: Experiment, loader: Loader, folder: Path) -> float:
    """Seconds of a step in the second of two epochs; without the checkpoint after it, which a real epoch hardly notices."""
    stage = experiment.stage(1)
    localizer = prepared(experiment, loader)
    train = replace(stage.train, epochs=2, select="last")
    entries = fit(localizer, {"train": loader}, train, folder, 0, {"method": experiment.method, "stage": 1})
    return entries[1]["seconds"] / loader.steps(train.batch_size)


def prepared(experiment: Experiment, loader: Loader) -> Localizer:
    """A fresh model where and in the memory layout that training uses; the loader sees for it."""
    localizer = experiment.build(1, pretrained=False).to(loader.device)
    for module in localizer.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    loader.senses = localizer
    return localizer.train()


def measure(name: str, given: argparse.Namespace) -> None:
    device = torch.device(given.device)
    experiment = read_experiment(CONFIGS / f"{name}.yaml", [f"stage1.train.device={device}", *given.set])
    stage = experiment.stage(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store = make_store(folder / "store", given.clips, experiment.build(1, pretrained=False))
        ways = {"resident": Loader(store, experiment.build(1, pretrained=False), device, resident=True)}
        if given.streamed:
            workers = min(stage.train.workers, os.cpu_count() or 1)
            ways["streamed"] = Loader(store, experiment.build(1, pretrained=False), device, workers, resident=False)
        seconds: dict[str, list[float]] = {way: [] for way in ("bare", *ways)}
        for number in range(given.rounds):
            seconds["bare"].append(bare(experiment, ways["resident"], len(store) // stage.train.batch_size))
            for way, loader in ways.items():
                seconds[way].append(end_to_end(experiment, loader, folder / f"{way}{number}"))
            gc.collect()
    least = {way: min(values) for way, values in seconds.items()}
    shown = (
        f"{name}, batch {stage.train.batch_size}, {stage.train.precision}: bare step {1e3 * least.pop('bare'):.1f} ms"
    )
    step = min(seconds["bare"])
    for way, value in least.items():
        clips = stage.train.batch_size / value
        shown += f"; {way} {1e3 * value:.1f} ms, {step / value:.2f} of bare, {clips:,.0f} clips/s"
    print(shown, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("config", nargs="*", default=["dsol_synthetic_quick"])
    options.add_argument("--device", default="cpu")
    options.add_argument("--clips", type=int, default=1024)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--streamed", action="store_true")
    options.add_argument("--set", action="append", default=[])
    given = options.parse_args()
    print(f"{given.device}, {torch.get_num_threads()} threads (want 0.9 of bare when resident)")
    for name in given.config:
        measure(name, given)


if __name__ == "__main__":
    main()
