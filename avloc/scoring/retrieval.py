"""Cross-modal retrieval over a test set: does the sound of a clip retrieve its frame among all frames, and the frame
its sound?

The similarity is the cosine of one vector per frame and one per sound, and recall is counted as in
edsonroteia/cav-mae-sync@21d15c2. The vectors depend on the method, so the figures are avloc's own and not comparable
with published ones.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.metrics.retrieval import ranks_among
from avloc.scoring.result import Metric
from avloc.scoring.summary import Ratio, with_intervals
from avloc.statistics import RESAMPLES

AT = (1, 5, 10)
LEAST = 2  # clips to search among
_STEP = 512  # queries processed together
Vectors = NDArray[np.float32]


def retrieval(
    frames: ArrayLike, sounds: ArrayLike, videos: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Recall at 1, 5 and 10 and the median rank, in both directions, of unit vectors (Q, C) of frames and of their sounds.

    Intervals resample the queries of whole videos and keep the candidates. chance: recall of a random order.
    """
    seen, heard = np.asarray(frames, np.float32), np.asarray(sounds, np.float32)
    count = len(seen)
    found: dict[str, Any] = {"queries": count, "chance": {f"r@{k}": min(k / count, 1.0) for k in AT}}
    for name, queries, among in (("sound to frame", heard, seen), ("frame to sound", seen, heard)):
        places, query = _places(queries, among)
        ratios = {f"r@{k}": _ratio(places < k, query, count) for k in AT}
        metrics: dict[str, Metric] = with_intervals(ratios, videos, resamples, seed)
        found[name] = {key: one.to_json() for key, one in metrics.items()} | {
            "median_rank": float(np.median(places)) + 1
        }
    return found


def _places(queries: Vectors, among: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """See `avloc.metrics.ranks`; for a block of queries at a time, which bounds memory."""
    parts = list(_blocks(queries, among))
    return np.concatenate([places for places, _ in parts]), np.concatenate([query for _, query in parts])


def _blocks(queries: Vectors, among: Vectors) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    for start in range(0, len(queries), _STEP):
        part = np.arange(start, min(start + _STEP, len(queries)))
        places, query = ranks_among(queries[part] @ among.T, part)
        yield places, part[query]


def _ratio(hit: NDArray[np.bool_], query: NDArray[np.int64], count: int) -> Ratio:
    top = np.bincount(query, weights=hit, minlength=count).astype(np.float64)
    return Ratio(float(hit.mean()), top, np.bincount(query, minlength=count).astype(np.float64))
