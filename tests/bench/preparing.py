"""What more processes bring when a store is prepared, and whether memory stays flat.

    python -m tests.bench.preparing [--videos 500] [--size 128] [--large]

Videos of four seconds, or with --large of ten and more pixels; a clip a second with four frames. By the clock, and by
processor time, which says how fast two processes would be on a machine that does nothing else: what this process and the
template of the workers do (it imports the decoders) is done once, the rest is shared. Memory is the largest of the process
that writes shards, read whenever an item is done.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from avloc.prepare.music import MusicReader
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from tests.bench.decode import LARGE, SMALL, Kind, make_video

DISTINCT = 40


@dataclass(frozen=True)
class Cost:
    """s by the clock; s of processors: of what is done once, and of the workers. memory: MiB of the largest worker, by items
    done."""

    clock: float
    once: float
    workers: float
    memory: dict[int, float]

    def shared_by(self, processes: int) -> float:
        """s on a machine that does nothing else."""
        return self.once + self.workers / processes


def listing(folder: Path, videos: int, kind: Kind) -> Listing:
    """Items that share some files, so that making them takes no time."""
    for number in range(DISTINCT):
        make_video(folder / f"{number:03d}.mp4", number, kind)
    items = {}
    for number in range(videos):
        facts = {"video": f"{number % DISTINCT:03d}.mp4", "sound": None, "labels": [0], "boxes": {}}
        items[f"v{number:05d}"] = Item(f"v{number:05d}", facts["video"], facts)
    return Listing(items, {"all": [Entry(name) for name in items]})


def processor_time() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def prepare(out: Path, source: Path, listed: Listing, size: int, jobs: int) -> Cost:
    settings = {
        "data": "bench", "classes": ["a"], "rate": 16000, "seconds": 1.0, "samples": 16000, "frames_per_clip": 4, "size": size,
        "frames": "jpeg",
    }  # fmt: skip
    memory: dict[int, float] = {}
    template = 0.0

    def shown(done: int, total: int, text: str) -> None:
        nonlocal template
        if done % 25:
            return
        if direct := psutil.Process().children():
            spent = direct[0].cpu_times()
            template = spent.user + spent.system
            workers = direct[0].children()
            memory[done] = max((worker.memory_info().rss for worker in workers), default=0) / 2**20

    began, spent, own = time.perf_counter(), processor_time(), time.process_time()
    build_store(out, source, listed, MusicReader(source, 4, size, 16000), settings, jobs=jobs, progress=shown)
    clock, all_of_it, once = time.perf_counter() - began, processor_time() - spent, time.process_time() - own + template
    return Cost(clock, once, all_of_it - once, memory)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--videos", type=int, default=500)
    options.add_argument("--size", type=int, default=128)
    options.add_argument("--large", action="store_true", help="videos of 10 s, 640 x 360 pixels at 25 frames a second")
    asked = options.parse_args()
    kind = LARGE if asked.large else SMALL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = listing(folder, asked.videos, kind)
        one, two = (prepare(folder / str(jobs), folder, listed, asked.size, jobs) for jobs in (1, 2))
    clips = kind.seconds * asked.videos
    for jobs, cost in ((1, one), (2, two)):
        print(
            f"{jobs} process(es): {clips / cost.clock:6.1f} clips/s by the clock; processors: {cost.once:.2f} s once, "
            f"{1000 * cost.workers / clips:.2f} ms a clip"
        )
    by_processors = one.shared_by(1) / two.shared_by(2)
    print(f"two are {one.clock / two.clock:.2f} x one by the clock, {by_processors:.2f} x by processor time")
    marks = [done for done in one.memory if one.memory[done]]
    print(
        "writer: "
        + ", ".join(f"{one.memory[mark]:.0f} MiB after {mark} videos" for mark in marks[:: max(1, len(marks) // 6)])
    )


if __name__ == "__main__":
    main()
