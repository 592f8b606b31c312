"""The same work on the workers of a Dask scheduler."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from avloc.errors import DataError
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, content, made_listing

pytestmark = pytest.mark.slow

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'avloc[dask]'")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of two workers, each a process of its own."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_two_workers_write_the_same_store(scheduler, tmp_path):
    told: list[tuple[int, int, str]] = []
    for name, work in (
        ("here", {"jobs": 0}),
        ("there", {"dask": scheduler, "progress": lambda *now: told.append(now)}),
    ):
        build_store(tmp_path / name, tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, **work)
    assert content(tmp_path / "there") == content(tmp_path / "here")
    assert told[0] == (0, 13, "") and told[-1] == (13, 13, "2 failed")


def test_a_part_with_items_that_crash_and_hang_costs_those_alone(scheduler, tmp_path):
    reader = MadeReader(deadly="item00", hanging="item07", alive=str(tmp_path / "alive"))
    build = {"source": tmp_path, "listing": made_listing(), "settings": SETTINGS, "block": 3, "dask": scheduler}
    prepared = build_store(tmp_path / "s", reader=reader, timeout=1, shard="1/2", **build)
    assert (
        prepared.reasons["crashed its decoder"] == 2 and prepared.reasons["took too long"] == 1
    )  # 0 is in both splits
    (tmp_path / "alive").touch()
    again = build_store(tmp_path / "s", reader=reader, shard="1/2", **build)
    assert "crashed its decoder" not in again.reasons and again.kept == 1  # item 12 is alone in its block


def test_relative_paths_are_those_of_the_folder_where_the_command_was_started(scheduler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build_store(Path("s"), Path("."), made_listing(), MadeReader(), SETTINGS, block=3, dask=scheduler)
    assert len(os.listdir(tmp_path / "s" / "shards")) == 5


@dataclass(frozen=True)
class Refusing:
    def read(self, item):
        raise DataError(f"{item.path}: the disc is gone; bring it back")


def test_what_a_worker_refuses_is_refused_here_and_taken_up_again(scheduler, tmp_path):
    build = {"source": tmp_path, "listing": made_listing(), "settings": SETTINGS, "block": 3}
    with pytest.raises(DataError, match=r"item\d\d.mp4: the disc is gone"):
        build_store(tmp_path / "s", reader=Refusing(), dask=scheduler, **build)
    assert build_store(tmp_path / "s", reader=MadeReader(), jobs=0, **build).ok == 17


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("avloc.prepare.pool.dask.WAIT", 1.0)
    with pytest.raises(DataError, match=r"dask tcp://127\.0\.0\.1:1: no scheduler answers"):
        build_store(tmp_path / "s", tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, dask="tcp://127.0.0.1:1")
