"""How fast clips are read at random: HDF5 and LMDB, raw and JPEG, a folder of files, and memory.

    python tests/bench/reading.py [--clips 800] [--shards 200] [--batches 40] [--rounds 3]

Frames of 256 pixels with three seconds of sound, in 200 shards, as a data set of many thousand clips has; batches of 32 drawn
at random, one process, rounds taken in turn, the best of each counts, in clips for each second of processor time. What is read
stays in the system's cache of files: the discs are not measured.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import soundfile
import torch

from avloc.data.clip import Clip
from avloc.data.raw_batches import picked
from avloc.data.store import Store
from avloc.prepare.layouts.folder_store import FolderStore
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store

SIZE, RATE, SECONDS, BATCH = 256, 16000, 3, 32


def moment(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A frame that JPEG takes some work for, and its sound."""
    random = np.random.default_rng(number)
    frame = cv2.resize(
        random.integers(0, 256, (32, 32, 3), dtype=np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
    )
    return frame, random.normal(0, 3000, RATE * SECONDS).astype(np.int16)


@dataclass(frozen=True)
class Made:
    def read(self, item: Item) -> Iterator[Clip]:
        frame, sound = moment(item.facts["number"])
        yield Clip(item.id, item.id, "", 0.0, frame[None], (item.id,), sound, ())


def make_store(path: Path, clips: int, shards: int, frames: str, kind: str) -> Store:
    items = {f"v{n:05d}": Item(f"v{n:05d}", "", {"number": n}) for n in range(clips)}
    settings = {
        "data": "made", "classes": ("any",), "rate": RATE, "seconds": float(SECONDS), "samples": RATE * SECONDS,
        "frames_per_clip": 1, "size": SIZE, "frames": frames, "store": kind,
    }  # fmt: skip
    listing = Listing(items, {"all": [Entry(name) for name in items]})
    build_store(path, path.parent, listing, Made(), settings, block=-(-clips // shards), jobs=0)
    return Store.open(path).split("all")


def make_folder(path: Path, clips: int) -> Store:
    for kind in ("frames", "audio"):
        (path / kind).mkdir(parents=True)
    names = [f"v{n:05d}" for n in range(clips)]
    for number, name in enumerate(names):
        frame, sound = moment(number)
        cv2.imwrite(str(path / "frames" / f"{name}.jpg"), frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        soundfile.write(path / "audio" / f"{name}.wav", sound, RATE, "PCM_16")
    (path / "all.txt").write_text("\n".join(names))
    return FolderStore(path, "all", RATE, float(SECONDS))


class InMemory:
    """What a loader does with a split that stays in memory."""

    def __init__(self, store: Store) -> None:
        self.all_frames, self.all_sounds = torch.from_numpy(store.all_frames()), torch.from_numpy(store.all_sounds())

    def __len__(self) -> int:
        return len(self.all_frames)

    def frames(self, clips: np.ndarray, picks: np.ndarray) -> torch.Tensor:
        return picked(self.all_frames, torch.from_numpy(clips), torch.from_numpy(picks))

    def sounds(self, clips: np.ndarray) -> torch.Tensor:
        return self.all_sounds.index_select(0, torch.from_numpy(clips))


def clips_a_second(store: Store | InMemory, batches: int, seed: int) -> float:
    random = np.random.default_rng(seed)
    parts = [random.integers(len(store), size=BATCH) for _ in range(batches)]
    picks = np.zeros(BATCH, np.int64)
    began = time.process_time()
    for part in parts:
        store.frames(part, picks)
        store.sounds(part)
    return batches * BATCH / (time.process_time() - began)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clips", type=int, default=800)
    options.add_argument("--shards", type=int, default=200)
    options.add_argument("--batches", type=int, default=40)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores: dict[str, Store | InMemory] = {
            f"{kind}, {frames}": make_store(folder / f"{kind}-{frames}", given.clips, given.shards, frames, kind)
            for kind in ("hdf5", "lmdb")
            for frames in ("jpeg", "raw")
        }
        stores["folder of files"] = make_folder(folder / "files", given.clips)
        stores["memory"] = InMemory(stores["hdf5, raw"])  # type: ignore[arg-type]
        found: dict[str, list[float]] = {name: [] for name in stores}
        for number in range(given.rounds + 1):
            for name, store in stores.items():
                speed = clips_a_second(store, given.batches, number)
                if number:  # the first round opens the files
                    found[name].append(speed)
    base = max(found["hdf5, jpeg"])
    for name, speeds in found.items():
        print(f"{name:<16} {max(speeds):8.0f} clips/s  {max(speeds) / base:6.2f} x HDF5 of JPEG")


if __name__ == "__main__":
    main()
