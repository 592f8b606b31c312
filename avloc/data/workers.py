"""Tasks over processes: each process works on one task at a time, in one thread."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import cv2

from avloc.errors import DataError


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def run_tasks(
    work: Callable[..., Any],
    tasks: Mapping[int, tuple[Any, ...]],
    jobs: int,
    mend: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None,
) -> Iterator[tuple[int, Any]]:
    """(key, work(*arguments)) as the tasks end; here where `jobs` is 1, else in processes started afresh.

    When a process dies, the tasks that were under way are done again, each in a process of its own. One that dies again is
    mended, if it can be: `mend` gives other arguments to do it with. DataError where that fails too.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        for key, arguments in tasks.items():
            yield key, work(*arguments)
        return
    waiting = dict(tasks)
    while waiting:
        under_way: dict[Future[Any], int] = {}
        with _one_thread_each(), ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin_worker) as pool:
            try:
                while waiting or under_way:
                    while waiting and len(under_way) < 2 * jobs:  # one each to begin at once
                        key = next(iter(waiting))
                        under_way[pool.submit(work, *waiting[key])] = key
                        del waiting[key]
                    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        yield under_way.pop(future), result
            except BrokenProcessPool:
                pass
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        for key in under_way.values():
            yield key, _by_itself(work, tasks[key], mend)


def _by_itself(work: Callable[..., Any], arguments: tuple[Any, ...], mend: Callable[..., Any] | None) -> Any:
    survived, result = alone(work, *arguments)
    if not survived and mend is not None:
        survived, result = alone(work, *mend(arguments))
    if not survived:
        raise DataError(
            "a worker process died, perhaps for want of memory; what is finished is kept: run the command again, "
            "with fewer jobs (a script must make the call under `if __name__ == '__main__':`)"
        )
    return result


def alone(work: Callable[..., Any], *arguments: Any) -> tuple[bool, Any]:
    """Whether a process of its own survives the work, and what it gives."""
    with _one_thread_each(), ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin_worker) as pool:
        try:
            return True, pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            return False, None


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
