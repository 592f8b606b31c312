"""Tasks over processes: each process works on one task at a time, in one thread."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import cv2

from avloc.errors import DataError


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def run_tasks(work: Callable[..., Any], tasks: Mapping[int, tuple[Any, ...]], jobs: int) -> Iterator[tuple[int, Any]]:
    """(key, work(*arguments)) as the tasks end; here where `jobs` is 1, else in processes started afresh."""
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        for key, arguments in tasks.items():
            yield key, work(*arguments)
        return
    with _one_thread_each(), ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin_worker) as pool:
        running = {pool.submit(work, *arguments): key for key, arguments in tasks.items()}
        try:
            for future in as_completed(running):
                yield running.pop(future), future.result()
        except BrokenProcessPool:
            raise DataError(
                "a worker process died, perhaps for want of memory; what is finished is kept: run the command again, "
                "with fewer jobs (a script must make the call under `if __name__ == '__main__':`)"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interrupted command ends without a traceback from each worker
    cv2.setNumThreads(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Worker processes started meanwhile run BLAS and OpenMP in one thread: the tasks are the parallel part."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
