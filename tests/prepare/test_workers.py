"""Processes that are watched: what hangs or dies costs its item alone, whatever the number of processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.pool.scale import Work
from avloc.prepare.writing.build import build_store
from avloc.prepare.writing.store_folder import Prepared
from tests.data.making import REPOSITORY, SETTINGS, MadeReader, content, made_listing, slow


def build(out: Path, reader: object = MadeReader(), **work) -> Prepared:
    return build_store(out, out.parent, made_listing(), reader, SETTINGS, block=3, **work)


def failed(store: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (store / "manifest.jsonl").read_text().splitlines()]
    return {row["id"]: f"{row['reason']} ({row['detail']})" for row in rows if row["status"] == "failed"}


def test_a_process_whose_parent_has_gone_ends_without_a_word(tmp_path):
    """What it was working on is finished when nobody is there to be told."""
    ours, theirs = socket.socketpair()
    begin = "import sys; from avloc.prepare.pool.process import serve; serve(*map(int, sys.argv[1:]))"
    with ours, theirs:
        worker = subprocess.Popen(
            [sys.executable, "-c", begin, str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()], stderr=subprocess.PIPE,
        )  # fmt: skip
        theirs.close()
        connection = Connection(os.dup(ours.fileno()))
        connection.send((slow, (str(tmp_path / "begun"),)))
        for _ in range(3000):
            if (tmp_path / "begun").exists():
                break
            time.sleep(0.01)
        connection.close()
    assert (worker.communicate(timeout=30)[1], worker.returncode) == (b"", 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_decoder_that_hangs_costs_its_item_alone_and_is_tried_again(tmp_path, jobs):
    reader = MadeReader(hanging="item07", alive=str(tmp_path / "alive"))
    prepared = build(tmp_path / "store", reader, jobs=jobs, timeout=1)
    assert prepared.reasons == {"cannot be decoded": 3, "took too long": 1}
    assert failed(tmp_path / "store")["item07"] == "took too long (no clip in 1 s)"
    (tmp_path / "alive").touch()
    assert build(tmp_path / "store", reader, jobs=jobs).kept == 10  # all but the block of three that it stands in
    build(tmp_path / "whole", jobs=0)
    assert content(tmp_path / "store") == content(tmp_path / "whole")


def test_a_decoder_that_crashes_costs_its_item_alone_with_one_process_too(tmp_path):
    prepared = build(tmp_path / "store", MadeReader(deadly="item07"), jobs=1)
    assert prepared.reasons == {"cannot be decoded": 3, "crashed its decoder": 1}
    assert failed(tmp_path / "store")["item07"] == "crashed its decoder (its process ended by SIGKILL)"


def test_a_long_video_is_not_late_while_its_clips_come(tmp_path):
    listing = made_listing(3)  # item 2 has three clips
    prepared = build_store(
        tmp_path / "store", tmp_path, listing, MadeReader(slow=0.6), SETTINGS, block=3, jobs=1, timeout=1.5
    )
    assert prepared.reasons == {}


@dataclass(frozen=True)
class Mistaken:
    def read(self, item):
        raise IndexError("a mistake of ours")


def test_a_mistake_in_a_process_ends_the_run_with_its_place(tmp_path):
    with pytest.raises(IndexError, match="a mistake of ours") as caught:
        build(tmp_path / "store", Mistaken(), jobs=2)
    assert "in read" in caught.value.__notes__[0] and "test_workers.py" in caught.value.__notes__[0]


def test_progress_goes_item_by_item_with_those_that_failed(tmp_path):
    told: list[tuple[int, int, str]] = []
    build(tmp_path / "store", MadeReader(slow=0.02), jobs=1, progress=lambda *now: told.append(now))
    assert told[0] == (0, 13, "") and told[-1] == (13, 13, "2 failed")  # of 20 lines three, of 13 items two
    assert len({done for done, *_ in told}) > 5  # there are five blocks


SCRIPT = """
import sys
from pathlib import Path
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing
out = Path(sys.argv[1])
reader = MadeReader(**eval(sys.argv[2]))
build_store(out, out.parent, made_listing(), reader, SETTINGS, block=3, jobs=int(sys.argv[3]))
"""


def start(out: Path, reader: MadeReader, jobs: int) -> subprocess.Popen:
    """A build in a process of its own; a script needs no `if __name__ == '__main__'`."""
    told = [sys.executable, "-c", SCRIPT, str(out), repr(vars(reader)), str(jobs)]
    return subprocess.Popen(told, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})


def until(condition, seconds: float = 20.0):
    """The first true value of `condition()`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def test_processes_end_with_the_one_that_started_them(tmp_path):
    process = start(tmp_path / "store", MadeReader(hanging="item00"), 1)
    workers = until(lambda: psutil.Process(process.pid).children())
    until(lambda: list((tmp_path / "store" / "shards").glob(".*")))
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not any(worker.is_running() for worker in workers))


def test_killed_at_any_moment_with_two_processes_it_ends_in_the_same_store(tmp_path):
    build(tmp_path / "whole", jobs=0)
    reader = MadeReader(slow=0.05)
    for wait in (0, 0.35):  # s after the first shard has been begun
        process = start(tmp_path / "store", reader, 2)
        until(lambda: list((tmp_path / "store" / "shards").glob(".*")))
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
    build(tmp_path / "store", jobs=0)
    time.sleep(1.5)  # what was left of the processes has ended, and has written nothing more
    assert content(tmp_path / "store") == content(tmp_path / "whole")
    assert Store.open(tmp_path / "store").fingerprint == Store.open(tmp_path / "whole").fingerprint


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ({"jobs": -1}, "jobs is -1; expected a number of processes"),
        ({"timeout": 0}, "timeout is 0; expected seconds, more than 0"),
        ({"shard": "0/4"}, "shard is '0/4'; expected i/n, i from 1 to n"),
        ({"shard": "5/4"}, "shard is '5/4'"),
        ({"shard": "half"}, "shard is 'half'"),
    ],
)
def test_work_that_cannot_be_done_is_refused(work, words):
    with pytest.raises(DataError, match=words):
        replace(Work(), **work)
