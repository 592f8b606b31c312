"""A slow disk: what coming batches need is on its way while others are used, and batches stay the same."""

import os
import threading
import time

import numpy as np
import pytest

import avloc
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.data.workers import Job, Workers
from avloc.prepare.layouts.tar_store import TarStore
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing

SLOW = 0.01  # s that a first read takes


class SlowDisk:
    """Reading a place for the first time takes long; afterwards the system has it in memory."""

    def __init__(self, monkeypatch):
        self.first: dict[tuple[int, int], str] = {}
        self.read, self.lock = os.pread, threading.Lock()
        monkeypatch.setattr(os, "pread", self.pread)

    def pread(self, file: int, count: int, start: int) -> bytes:
        place = (os.fstat(file).st_ino, start)
        with self.lock:
            known = place in self.first
            self.first.setdefault(place, threading.current_thread().name)
        if not known:
            time.sleep(SLOW)
        return self.read(file, count, start)

    def waited(self) -> float:
        """Share of first reads that the thread which needs the batches waited for."""
        names = list(self.first.values())
        return names.count(threading.main_thread().name) / len(names)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    out = tmp_path_factory.mktemp("ahead")
    build_store(out / "store", out, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    avloc.data_export(out / "store", out / "shards", clips=4)
    return {"hdf5": Store.open(out / "store"), "tar": TarStore.of(out / "shards")}


def plans(count: int) -> list[Plan]:
    order = np.random.default_rng(0).permutation(22)
    return [Plan(part, np.zeros(len(part), np.int64)) for part in np.array_split(order, count)]


@pytest.mark.parametrize("kind", ["hdf5", "tar"])
def test_most_of_what_is_read_was_fetched_before(stores, kind, monkeypatch):
    parts = plans(11)
    expected = [Job(stores[kind].split("all").clip_reader, 2)(part) for part in parts]
    waited = []
    for ahead in (0, 6):
        disk, workers = SlowDisk(monkeypatch), Workers(0, ahead)
        found = []
        for batch in workers.read(Job(stores[kind].split("all").clip_reader, 2), parts, "s"):
            found.append(batch)
            time.sleep(2 * SLOW)  # a step
        workers.close()
        waited.append(disk.waited())
        for one, other in zip(found, expected, strict=True):
            assert all((one[name] == other[name]).all() for name in other)
        monkeypatch.undo()
    assert waited[0] == 1 and waited[1] < 0.5


def test_no_more_is_fetched_than_asked_for_and_giving_up_stops_it(stores, monkeypatch):
    disk, workers = SlowDisk(monkeypatch), Workers(0, 2)
    batches = workers.read(Job(stores["tar"].split("all").clip_reader, 0), plans(22), "s")
    next(batches)
    time.sleep(20 * SLOW)
    assert 4 < len(disk.first) <= 8  # frame and sound of the one batch, of two more, and of one that was begun
    batches.close()
    workers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read ahead")]


def test_what_is_broken_is_told_by_the_batch_that_needs_it(stores, tmp_path):
    import shutil

    from avloc.errors import DataError

    copied = shutil.copytree(stores["hdf5"].path, tmp_path / "copy")
    sorted((copied / "shards").iterdir())[-1].unlink()
    part = Store.open(copied).split("all")
    workers = Workers(0, 4)
    gone = part.places[0] == part.places[0].max()
    asked = [Plan(clips, 0 * clips) for clips in map(np.flatnonzero, (~gone, gone))]
    batches = workers.read(Job(part.clip_reader, 0), asked, "s")
    assert len(next(batches)["frames"]) == (~gone).sum()
    with pytest.raises(DataError, match=r"\.h5: missing"):
        next(batches)
    workers.close()
