"""A store of 200,000 clips, and how long it takes to open it and to read the first batches of its epochs.

    python tests/bench/large_store.py STORE [--clips 200000] [--workers 2] [--epochs 3]

Frames of 32 pixels and a tenth of a second of sound, 64 clips a shard: what grows with the number of clips, not their size.
STORE is made where it is not there yet, which takes minutes and about a gigabyte. `--store lmdb` makes it of LMDB shards.
"""

import argparse
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from avloc.data.clip import Clip
from avloc.data.needs import Needs
from avloc.data.store import Store
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store

SIZE, RATE, SAMPLES, SHARD, CLASSES = 32, 1000, 100, 64, 220


@dataclass(frozen=True)
class Made:
    def read(self, item: Item) -> Iterator[Clip]:
        number = item.facts["number"]
        frame = np.full((1, SIZE, SIZE, 3), number % 251, np.uint8)
        sound = np.full(SAMPLES, number % 30011, np.int16)
        yield Clip(item.id, item.id, "", 0.0, frame, (item.id,), sound, (number % CLASSES,))


class Senses:
    """Sees and hears what is stored, as numbers."""

    needs = Needs()

    @staticmethod
    def frame(raw: Any, generator: Any = None) -> Any:
        return raw.permute(0, 3, 1, 2).float()

    @staticmethod
    def sound(raw: Any, generator: Any = None) -> Any:
        return raw.float()[:, None]


def make_store(path: Path, clips: int, kind: str) -> None:
    items = {f"video{n:08d}": Item(f"video{n:08d}", "", {"number": n}) for n in range(clips)}
    settings = {
        "data": "made", "classes": tuple(f"class {n}" for n in range(CLASSES)), "rate": RATE, "seconds": SAMPLES / RATE,
        "samples": SAMPLES, "frames_per_clip": 1, "size": SIZE, "frames": "raw", "store": kind,
    }  # fmt: skip
    splits = {"train": [Entry(name) for name in items]}
    build_store(path, path.parent, Listing(items, splits), Made(), settings, block=SHARD, jobs=0)


def mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def processor_seconds() -> float:
    """Of this process and its workers."""
    every = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in every)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("store", type=Path)
    options.add_argument("--clips", type=int, default=200_000)
    options.add_argument("--store", dest="kind", choices=["hdf5", "lmdb"], default="hdf5")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--batches", type=int, default=20, help="read of each epoch")
    given = options.parse_args()
    import torch  # not above: workers import this file, and need no PyTorch

    from avloc.data.loader import Loader

    if not (given.store / "store.json").exists():
        began = time.perf_counter()
        make_store(given.store, given.clips, given.kind)
        print(f"made in {time.perf_counter() - began:.0f} s")
    before, began = mebibytes(), time.perf_counter()
    store = Store.open(given.store).split("train")
    seconds = time.perf_counter() - began
    print(f"Store.open: {len(store):,} clips in {seconds:.2f} s, {mebibytes() - before:.0f} MiB more")
    began = time.perf_counter()
    loader = Loader(store, Senses(), torch.device("cpu"), given.workers, resident=False)
    print(f"Loader: {time.perf_counter() - began:.2f} s")
    for epoch in range(given.epochs):
        began, used = time.perf_counter(), processor_seconds()
        batches = loader.training(32, 0, epoch)
        next(batches)
        first, used = time.perf_counter() - began, processor_seconds() - used
        for _, _ in zip(range(given.batches), batches, strict=False):
            pass
        each = (time.perf_counter() - began - first) / given.batches
        sizes = [child.memory_info().rss / 2**20 for child in psutil.Process().children(recursive=True)]
        workers = ", ".join(f"{size:.0f}" for size in sorted(sizes)[-given.workers :]) if given.workers else "none"
        when = f"first batch after {first:.2f} s ({used:.2f} of processors), then {1e3 * each:.1f} ms each"
        print(f"epoch {epoch}: {when}; MiB of workers: {workers}")
        batches.close()


if __name__ == "__main__":
    main()
