"""How many videos of the synthetic world are made a second, in two processes.

    python tests/bench/generation.py [--videos 120] [--jobs 2]

Ten a second or more are expected of two cores that have nothing else to do.
"""

import argparse
import tempfile
import time
from pathlib import Path

from avloc.prepare.synthetic import prepare_synthetic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        world = prepare_synthetic(Path(folder) / "world", asked.videos, jobs=asked.jobs)
        taken = time.perf_counter() - start
        size = sum(path.stat().st_size for path in (world.out / "videos").iterdir()) / world.videos / 1024
    print(f"{world.videos} videos in {taken:.1f} s: {world.videos / taken:.1f} videos/s, {size:.0f} KiB each")


if __name__ == "__main__":
    main()
