import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from avloc.data import shared_blocks
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.data.workers import Job, Workers
from avloc.errors import DataError
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    out = tmp_path_factory.mktemp("workers") / "store"
    build_store(out, out.parent, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    return out


@pytest.fixture(scope="module")
def store(path):
    return Store.open(path).split("all")


@pytest.fixture(scope="module")
def workers():
    found = Workers(1)
    yield found
    found.close()


def parts(*sizes: int) -> list[Plan]:
    random = np.random.default_rng(len(sizes))
    return [Plan(random.integers(22, size=size), random.integers(2, size=size)) for size in sizes]


def copied(batches) -> list:
    return [{name: array.copy() for name, array in batch.items()} for batch in batches]


def same(ones, others) -> bool:
    return len(ones) == len(others) and all(
        one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)
        for one, other in zip(ones, others, strict=True)
    )


def processes() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_batches_are_those_of_this_process_whatever_their_sizes_and_the_processes_stay(store, workers):
    job, other = Job(store.clip_reader, 2), Job(store.clip_reader, 0, frames=False)
    for asked, sizes in ((job, (3, 4, 9, 1, 2, 30, 30, 5)), (other, (6, 7)), (job, (2, 8, 8, 8, 8))):
        plan = parts(*sizes)
        assert same(copied(workers.read(asked, plan, "s")), list(map(asked, plan)))
        before = processes()
    assert processes() == before


def test_reading_that_is_given_up_leaves_no_batch_to_the_next(store, workers):
    job = Job(store.clip_reader, 0)
    for _ in range(3):
        batches = workers.read(job, parts(*[4] * 12), "s")
        next(batches)
        batches.close()
        plan = parts(4, 4, 4)
        assert same(copied(workers.read(job, plan, "s")), list(map(job, plan)))
    one, two = workers.read(job, parts(4, 5), "s"), workers.read(job, parts(6, 7), "s")
    taken = copied(batch for pair in zip(one, two, strict=True) for batch in pair)
    assert same(taken, [job(part) for pair in zip(parts(4, 5), parts(6, 7), strict=True) for part in pair])


def test_without_room_for_shared_memory_batches_come_through_the_pipe(store, workers, monkeypatch):
    monkeypatch.setattr(shared_blocks, "_room_for", lambda size: False)
    workers.close()
    job, plan = Job(store.clip_reader, 0), parts(4, 4, 4, 4)
    assert same(copied(workers.read(job, plan, "s")), list(map(job, plan)))
    assert not workers._blocks.every


def test_a_shard_that_is_missing_is_told_as_it_is_without_workers(path, tmp_path, workers):
    import shutil

    broken = shutil.copytree(path, tmp_path / "broken")
    next((broken / "shards").iterdir()).unlink()
    job = Job(Store.open(broken).split("all").clip_reader, 0)
    plan = [Plan(np.arange(22), np.zeros(22, np.int64))]
    with pytest.raises(DataError) as alone:
        job(plan[0])
    with pytest.raises(DataError) as refused:
        list(workers.read(job, plan, "s"))
    assert str(refused.value) == str(alone.value)


def test_a_worker_that_is_killed_ends_the_command_in_one_line(store, workers):
    job = Job(store.clip_reader, 0)
    batches = workers.read(job, parts(*[4] * 200), "data/mine")
    next(batches)
    for process in workers._pool._processes.values():
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(DataError, match="data/mine: a process that was reading it was killed"):
        list(batches)
    assert same(copied(workers.read(job, parts(3), "s")), list(map(job, parts(3))))  # started again


KILLED = """
import sys, time, numpy as np
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.data.workers import Job, Workers
if __name__ == "__main__":
    store, workers = Store.open(sys.argv[1]).split("all"), Workers(1)
    plan = [Plan(np.arange(4), np.zeros(4, np.int64))] * 9
    batches = workers.read(Job(store.clip_reader, 0), plan, "s")
    next(batches), next(batches)
    [process] = workers._pool._processes.values()
    print(process.pid, workers._folder, flush=True)
    time.sleep(60)
"""


def test_workers_end_with_a_command_that_is_killed_and_load_no_torch(path, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    command = subprocess.Popen([sys.executable, script, path], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    pid, folder = command.stdout.readline().split(maxsplit=1)
    worker = psutil.Process(int(pid))
    assert not any("libtorch" in file.path for file in worker.memory_maps())
    command.kill()
    command.wait()
    command.stdout.close()
    for _ in range(100):
        if not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the worker lives on")
    assert not os.path.exists(folder.strip())
