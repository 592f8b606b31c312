"""The same tasks on the workers of a Dask scheduler, by joblib's Dask back end.

The workers read and write the paths of this process: source and store must be on a shared file system.
Each task runs in a separate process on the worker, so that time-outs work and a crashing decoder does not end the worker.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from avloc.errors import AvlocError, DataError
from avloc.prepare.pool.tasks import Mend, Tasks, Told, run_tasks

TOGETHER = 8  # tasks sent at once at most, which share the start of a process
WAIT = 30.0  # s to wait for a scheduler, and for a first worker


def run_on_dask(
    work: Callable[..., Any],
    tasks: Mapping[Any, tuple[Any, ...]] | Tasks,
    address: str,
    timeout: float,
    mend: Mend,
    told: Told,
) -> Generator[tuple[Any, Any], None, None]:
    """(key, work(*arguments, tell)) as the tasks end, see `run_tasks`; progress is reported per task."""
    waiting = deque(tasks.items()) if isinstance(tasks, Mapping) else tasks
    if not waiting:
        return
    client = _client(address)
    from joblib import Parallel, delayed, parallel_config

    with client, parallel_config(backend="dask", client=client, wait_for_workers_timeout=WAIT):
        try:
            while waiting:  # the consumer of the results may add some
                together = max(1, min(TOGETHER, len(waiting) // (4 * max(1, sum(client.ncores().values())))))
                sent = [waiting.popleft() for _ in range(len(waiting))]
                parts = [dict(sent[start : start + together]) for start in range(0, len(sent), together)]
                calls = (delayed(_there)(work, part, timeout, mend, os.getcwd()) for part in parts)
                for results in Parallel(batch_size=1, return_as="generator_unordered")(calls):
                    told(0, 0)
                    yield from results
        except AvlocError:
            raise
        except Exception as error:
            if type(error).__module__.split(".")[0] != "distributed" and not isinstance(error, ImportError | OSError):
                raise
            raise DataError(
                f"dask {address}: {_short(error)}; finished work is kept: run the command again when the workers are up, "
                "with avloc in their environment"
            ) from None


def processes_on(address: str) -> int:
    """How many tasks a scheduler's workers run at once; 1 if there is no worker yet."""
    with _client(address) as client:
        return max(1, sum(client.ncores().values()))


def _client(address: str) -> Any:
    """AvlocError if a package is missing, DataError if no scheduler answers."""
    try:
        import joblib  # noqa: F401  which needs it later
        from distributed import Client
    except ImportError as error:
        raise AvlocError(
            f"--dask needs {error.name}; `pip install 'avloc[dask]'` installs it, here and for the workers"
        ) from None
    try:
        return Client(address, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"dask {address}: no scheduler answers ({_short(error)}); expected an address such as tcp://host:8786"
        ) from None


def _there(
    work: Callable[..., Any], tasks: Mapping[Any, tuple[Any, ...]], timeout: float, mend: Mend, folder: str
) -> list[tuple[Any, Any]]:
    """Runs on the worker. folder: what relative paths of the tasks are relative to."""
    if not Path(folder).is_dir():
        raise DataError(
            f"{folder}: does not exist on a Dask worker; start the command in a folder that all workers share"
        )
    return list(run_tasks(work, tasks, 1, timeout, mend, folder=folder))


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
