"""What more processes bring when a store is prepared, and whether memory stays flat.

    python -m tests.bench.preparing [--videos 500] [--size 128]

Videos of four seconds, a clip a second with four frames. By the clock, and by processor time: on a machine that does other
work too, two processes can be no faster than 2 x (time of one / time of two together). Memory is the largest of the
process that writes shards, read whenever an item is done.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import psutil

from avloc.prepare.music import MusicReader
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from tests.bench.decode import make_video

DISTINCT = 40


def listing(folder: Path, videos: int) -> Listing:
    """Items that share some files, so that making them takes no time."""
    for number in range(DISTINCT):
        make_video(folder / f"{number:03d}.mp4", number)
    items = {}
    for number in range(videos):
        facts = {"video": f"{number % DISTINCT:03d}.mp4", "sound": None, "labels": [0], "boxes": {}}
        items[f"v{number:05d}"] = Item(f"v{number:05d}", facts["video"], facts)
    return Listing(items, {"all": [Entry(name) for name in items]})


def processor_time() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def prepare(out: Path, source: Path, listed: Listing, size: int, jobs: int) -> tuple[float, float, dict[int, float]]:
    """(s by the clock, s of processors, MiB of the largest worker by clips done)."""
    settings = {
        "data": "bench", "classes": ["a"], "rate": 16000, "seconds": 1.0, "samples": 16000, "frames_per_clip": 4, "size": size,
        "frames": "jpeg",
    }  # fmt: skip
    memory: dict[int, float] = {}

    def shown(done: int, total: int, text: str) -> None:
        if done % 25 == 0:
            workers = psutil.Process().children(recursive=True)
            memory[4 * done] = max((worker.memory_info().rss for worker in workers), default=0) / 2**20

    began, spent = time.perf_counter(), processor_time()
    build_store(out, source, listed, MusicReader(source, 4, size, 16000), settings, jobs=jobs, progress=shown)
    return time.perf_counter() - began, processor_time() - spent, memory


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--videos", type=int, default=500)
    options.add_argument("--size", type=int, default=128)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = listing(folder, asked.videos)
        one_clock, one_time, memory = prepare(folder / "one", folder, listed, asked.size, 1)
        two_clock, two_time, _ = prepare(folder / "two", folder, listed, asked.size, 2)
    clips = 4 * asked.videos
    for jobs, clock, spent in ((1, one_clock, one_time), (2, two_clock, two_time)):
        print(
            f"{jobs} process(es): {clips / clock:6.1f} clips/s by the clock, {1000 * spent / clips:.2f} ms of processors a clip"
        )
    print(
        f"two are {one_clock / two_clock:.2f} x one by the clock, at most {2 * one_time / two_time:.2f} x by processor time"
    )
    marks = [clips for clips in memory if memory[clips]]
    print(
        "writer: "
        + ", ".join(f"{memory[mark]:.0f} MiB after {mark} clips" for mark in marks[:: max(1, len(marks) // 6)])
    )


if __name__ == "__main__":
    main()
