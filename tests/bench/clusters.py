"""How fast objects find their nearest cluster, beside the definition: all distances, in one array.

    python tests/bench/clusters.py [--objects 20000] [--threads 1] [--rounds 5]

Both in turns, the least of the rounds counts. The definition takes 4 * objects * clusters * channels bytes.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from avloc.clustering import Clusters

CHANNELS, CLUSTERS = 512, 20


def by_distances(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    nearest: np.ndarray = ((unit[:, None] - centres[None]) ** 2).sum(2).argmin(1)
    return nearest


def measured(way: Callable[[], np.ndarray]) -> tuple[float, float]:
    began, used = time.perf_counter(), time.process_time()
    way()
    return time.process_time() - used, time.perf_counter() - began


def mebibytes(way: Callable[[], np.ndarray]) -> float:
    tracemalloc.start()
    way()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--objects", type=int, default=20_000)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    random = np.random.default_rng(0)
    features = random.normal(size=(given.objects, CHANNELS)).astype(np.float32)
    centres = random.normal(size=(CLUSTERS, CHANNELS)).astype(np.float32) / CHANNELS**0.5
    clusters = Clusters(np.empty(0, np.int64), centres, centres)
    ways = {"by distances": lambda: by_distances(features, centres), "avloc": lambda: clusters.predict(features)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with threadpool_limits(given.threads):
        for _ in range(given.rounds):
            for name, way in ways.items():
                found[name].append(measured(way))
        same = (ways["by distances"]() == ways["avloc"]()).mean()
    base = [min(column) for column in zip(*found["by distances"], strict=True)]
    for name, each in found.items():
        processor, clock = (min(column) for column in zip(*each, strict=True))
        times = f"{base[0] / processor:5.1f} times as fast by processor time, {base[1] / clock:5.1f} by the clock"
        print(f"{name:<13} {processor:7.3f} s of processors: {times}, {mebibytes(ways[name]):6.0f} MiB")
    print(f"the same cluster: {100 * same:.3f} % of objects")


if __name__ == "__main__":
    main()
