"""Reading and training beside DSOL's released loader and loop, on the same clips of one second.

    python -m tests.bench.beside_dsol AUTHORS FILM [--videos 48] [--batch 32] [--rounds 3] [--what loaders|steps|streamed]

AUTHORS is a checkout of DTaoo/Discriminative-Sounding-Objects-Localization, whose `music-exp` is imported unchanged (`.cuda()`
does nothing). FILM gives the pictures, four a clip of 640x360, which the authors read as they cut them and avloc as
`avloc prepare music` keeps them (256 pixels, JPEG); their spectrograms are noise of the published shape, our sounds noise.
Everything is measured in turns, in processor seconds of the process and its workers, and the least of the rounds is taken.
"""

import argparse
import json
import os
import pickle
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import psutil
import torch

from avloc.data.clip import Clip
from avloc.data.loader import Loader
from avloc.data.pictures import encode_jpeg
from avloc.data.store import Store
from avloc.data.workers import Workers
from avloc.engine.experiment import Experiment, read_experiment
from avloc.engine.step import train_step
from avloc.engine.stepping import Steps
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "dsol_music.yaml"
SECONDS, FRAMES, WIDTH, HEIGHT, SIZE = 10, 4, 640, 360, 256
CLASSES = tuple(f"class {n}" for n in range(11))


@dataclass(frozen=True)
class Moments:
    """The clips of avloc's store, of pictures that lie in the authors' tree."""

    root: Path
    rate: int

    def read(self, item: Item) -> Iterator[Clip]:
        random = np.random.default_rng(item.facts["number"])
        for second in range(SECONDS):
            folder = self.root / "video_frames" / item.id / f"frame_{second:03d}"
            large = [cv2.imread(str(file))[..., ::-1] for file in sorted(folder.iterdir())]
            frames = np.stack([cv2.resize(one, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for one in large])
            sound = random.normal(0, 3000, self.rate).astype(np.int16)
            name = f"{item.id}/{second:03d}"
            yield Clip(name, item.id, "", float(second), frames, ("",) * FRAMES, sound, (item.facts["number"] % 11,))


def stem(number: int) -> str:
    """The authors take the class of a clip by the eleven letters of its video, which they find by their place in the path."""
    return f"video{number:06d}_000000"


def make_trees(folder: Path, film: Path, videos: int) -> None:
    """The authors' tree: video_frames/STEM/frame_000/00000.jpg, audio_frames/STEM/000.pkl, a list and the classes."""
    with av.open(str(film)) as container:
        shown = [
            frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(200), strict=False)
        ]
    pictures = [encode_jpeg(cv2.resize(picture, (WIDTH, HEIGHT))) for picture in shown]
    random, lines = np.random.default_rng(0), []
    names = [stem(n) for n in range(videos)]
    for name in names:
        for second in range(SECONDS):
            place = folder / "video_frames" / name / f"frame_{second:03d}"
            place.mkdir(parents=True)
            for pick in range(FRAMES):
                pictures[random.integers(len(pictures))].tofile(place / f"{pick:05d}.jpg")
            sound = folder / "audio_frames" / name / f"{second:03d}.pkl"
            sound.parent.mkdir(parents=True, exist_ok=True)
            sound.write_bytes(pickle.dumps(random.normal(-20, 20, (201, 64)).astype(np.float32)))
        lines.append(f"{name}.h5py {name}.mp4")
    (folder / "list.txt").write_text("\n".join(lines))
    of_class = {kind: [name[:11] for n, name in enumerate(names) if n % 11 == k] for k, kind in enumerate(CLASSES)}
    (folder / "classes.json").write_text(json.dumps({"videos": of_class}))


def make_store(folder: Path, tree: Path, videos: int, rate: int) -> Store:
    items = {stem(n): Item(stem(n), "", {"number": n}) for n in range(videos)}
    settings = {
        "data": "made", "classes": CLASSES, "rate": rate, "seconds": 1.0, "samples": rate, "frames_per_clip": FRAMES,
        "size": SIZE, "frames": "jpeg",
    }  # fmt: skip
    listing = Listing(items, {"train": [Entry(name) for name in items]})
    build_store(folder, tree, listing, Moments(tree, rate), settings, jobs=0)
    return Store.open(folder).split("train")


def theirs(authors: Path, tree: Path) -> Any:
    """The modules of the authors, and their data set over the tree."""
    sys.path.insert(0, str(authors / "music-exp"))
    for kind in (torch.Tensor, torch.nn.Module):
        kind.cuda = lambda self, *_: self  # type: ignore[method-assign,assignment]
    import training_stage_one as loop  # type: ignore[import-not-found]
    from model.base_model2 import resnet18  # type: ignore[import-not-found]
    from model.location_model import Location_Net_stage_one  # type: ignore[import-not-found]

    given = SimpleNamespace(mode="train", json_file=str(tree / "classes.json"), enable_img_augmentation=1)
    clips = loop.MUSIC_Dataset(str(tree), str(tree / "list.txt"), given)
    # the released main passes `cluster`, which the released model does not take
    model = Location_Net_stage_one(resnet18(modal="vision"), resnet18(modal="audio"))
    return loop, clips, model


def used() -> float:
    """Processor seconds of this process, of its workers and of those that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    every = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in every) + ended.ru_utime + ended.ru_stime


def least(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """(processor seconds, seconds) of each way, in turns; a first round does not count."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began, before = time.perf_counter(), used()
            way()
            if number:
                found[name].append((used() - before, time.perf_counter() - began))
    return {name: (min(one for one, _ in each), min(other for _, other in each)) for name, each in found.items()}


def compare(what: str, found: dict[str, tuple[float, float]]) -> None:
    base = next(iter(found.values()))
    for name, (processor, clock) in found.items():
        times = f"{base[0] / processor:5.2f} times as fast by processor time, {base[1] / clock:5.2f} by the clock"
        print(f"{what}, {name:<24} {processor:8.2f} s of processors, {clock:8.2f} s: {times}", flush=True)


def loaders(authors: Path, tree: Path, store: Store, experiment: Experiment, batch: int, rounds: int) -> None:
    """Whole epochs with two worker processes, each side with those it has: the authors' are started anew, ours stay."""
    _, clips, _ = theirs(authors, tree)
    workers = Workers(2)
    mine = Loader(store, experiment.build(1, pretrained=False), torch.device("cpu"), workers, resident=False)
    epoch = iter(range(1000))

    def their_epoch() -> None:
        for _ in torch.utils.data.DataLoader(clips, batch, shuffle=True, num_workers=2):
            pass

    def my_epoch() -> None:
        for _ in mine.training(batch, 0, next(epoch)):
            pass

    compare(f"an epoch of {len(clips)} clips", least({"authors": their_epoch, "avloc, streamed": my_epoch}, rounds))
    workers.close()


def trained(experiment: Experiment) -> Any:
    """A model in the memory layout that training uses."""
    localizer = experiment.build(1, pretrained=False)
    for module in localizer.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return localizer.train()


def streamed(_: Path, tree: Path, store: Store, experiment: Experiment, batch: int, rounds: int) -> None:
    """An epoch of bf16 steps that two workers read for, beside as many steps on one batch."""
    workers, train = Workers(2), replace(experiment.stage(1).train, precision="bf16", batch_size=batch)
    localizer = trained(experiment)
    loader = Loader(store, localizer, torch.device("cpu"), workers, resident=False)
    phase, made = localizer.phases(train)[0], Steps(train, loader.device)
    objective: Any = phase.objective
    count, epoch = loader.steps(batch), iter(range(1, 1000))
    kept = next(loader.training(batch, 0, 0))

    def step(number: int, shown: Any) -> None:
        train_step(localizer, objective, phase, shown, made, 1.0, (number, count), False)

    def bare() -> None:
        for number in range(count):
            step(number, kept)

    def whole() -> None:
        for number, shown in enumerate(loader.training(batch, 0, next(epoch))):
            step(number, shown)

    compare(f"{count} steps of {batch} clips, bf16", least({"bare": bare, "streamed": whole}, rounds))
    workers.close()


def steps(authors: Path, tree: Path, store: Store, experiment: Experiment, batch: int, rounds: int) -> None:
    """One step of stage one's localization, with reading its batch in the same process."""
    loop, clips, model = theirs(authors, tree)
    model.conv_av.weight.data.fill_(5.0)
    optimizer = torch.optim.Adam(list(model.parameters())[:-4], lr=1e-4, weight_decay=1e-4)
    criterion = torch.nn.BCELoss()
    chosen = torch.utils.data.Subset(clips, range(batch))

    def their_step() -> None:
        sys.stdout, kept = open(os.devnull, "w"), sys.stdout  # noqa: SIM115, it prints a line
        loop.location_model_train(model, torch.utils.data.DataLoader(chosen, batch), optimizer, criterion)
        sys.stdout = kept

    epoch = iter(range(1000))

    def mine(half: bool, fused: bool) -> Callable[[], None]:
        localizer = trained(experiment)
        phase = localizer.phases(replace(experiment.stage(1).train, fused=fused))[0]
        loader = Loader(store, localizer, torch.device("cpu"), 0, resident=False)

        def step() -> None:
            batches = loader.training(batch, 0, next(epoch))
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = torch.stack([term.float() for term in phase.objective(next(batches)).values()]).sum()
            for one in phase.optimizers:
                one.zero_grad(set_to_none=True)
            loss.backward()
            for one in phase.optimizers:
                one.step()

        return step

    ways = {"authors": their_step, "avloc, fp32": mine(False, False), "avloc, fp32, fused": mine(False, True)}
    ways |= {"avloc, bf16": mine(True, False), "avloc, bf16, fused": mine(True, True)}
    compare(f"a step of {batch} clips", least(ways, rounds))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("authors", type=Path)
    options.add_argument("film", type=Path)
    options.add_argument("--videos", type=int, default=48)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--what", choices=["loaders", "steps", "streamed"])
    given = options.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    experiment = read_experiment(CONFIG, ["stage1.train.device=cpu"])
    with tempfile.TemporaryDirectory() as name:
        tree, store = Path(name, "tree"), Path(name, "store")
        make_trees(tree, given.film, given.videos)
        rate = experiment.build(1, pretrained=False).sound.rate
        opened = make_store(store, tree, given.videos, rate)
        for what, measure in (("loaders", loaders), ("steps", steps), ("streamed", streamed)):
            if given.what in (None, what):
                measure(given.authors, tree, opened, experiment, given.batch, given.rounds)


if __name__ == "__main__":
    main()
