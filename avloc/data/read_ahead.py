"""Reads ahead from a slow disk: threads read the data of the next batches into the system's memory."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip_reader import Fetches, Indices
from avloc.data.plans import Plan

THREADS = 8  # threads that wait for the disk; they compute nothing


class ReadAhead:
    """`batches`: how many beyond those being read; 0 for none.

    The threads discard what they read. It stays in the system's file cache, where every worker process finds it.
    """

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.threads = min(batches, THREADS)
        self._pool: ThreadPoolExecutor | None = None
        self._lock, self._known = threading.Lock(), dict[int, tuple[Any, Any]]()

    def follow(self, job: Any, parts: Iterable[Plan]) -> Iterator[Plan]:
        """Yields the same parts; by then, the parts after each are already being fetched.

        job: a `workers.Job`, what to read of each part.
        """
        if not self.batches or not hasattr(job.reader, "fetch_frame"):
            yield from parts
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, "read ahead")
        left = iter(parts)
        coming: deque[tuple[Plan, Future[None]]] = deque()
        try:
            for part in islice(left, self.batches):
                coming.append((part, self._pool.submit(self._fetch, job, part)))
            while coming:
                part, _ = coming.popleft()
                for following in islice(left, 1):
                    coming.append((following, self._pool.submit(self._fetch, job, following)))
                yield part
        finally:
            for _, fetching in coming:
                fetching.cancel()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool, self._known = None, {}

    def _fetch(self, job: Any, part: Plan) -> None:
        """Errors stay in the future, which nobody checks: reading the batch itself raises the same error."""
        with self._lock:
            if id(job) not in self._known:  # keep the job alive too, so that its id is not reused
                self._known[id(job)] = job, replace(job, reader=_Fetching(job.reader.twin()))
        self._known[id(job)][1](part)


class _Fetching:
    """Makes the system read what a reader would, without decoding: in place of frames and sounds there is one row for each."""

    def __init__(self, reader: Fetches) -> None:
        self.reader = reader

    def frames(self, clips: Indices, picks: Indices) -> NDArray[np.uint8]:
        for clip, pick in zip(np.asarray(clips).tolist(), np.asarray(picks).tolist(), strict=True):
            self.reader.fetch_frame(clip, pick)
        return np.empty((len(clips), 1), np.uint8)

    def sounds(self, clips: Indices) -> NDArray[np.int16]:
        for clip in np.asarray(clips).tolist():
            self.reader.fetch_sound(clip)
        return np.empty((len(clips), 1), np.int16)
