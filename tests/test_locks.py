"""One command at a time in a folder: on this machine by the system's lock, on another one by signs of life."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from avloc import locks
from avloc.errors import RunError
from avloc.locks import claimed

BUSY = "is training in this run"


def leave_behind(folder, host: str, process: int = 1) -> None:
    folder.mkdir(exist_ok=True)
    about = {"host": host, "process": process, "since": "yesterday", "mark": "theirs"}
    (folder / ".lock").write_text(json.dumps(about))


def test_a_second_command_is_refused_and_told_who_is_there(tmp_path):
    with claimed(tmp_path, ".lock", BUSY), pytest.raises(RunError) as error, claimed(tmp_path, ".lock", BUSY):
        pass
    where = f"process {os.getpid()} on {socket.gethostname()}"
    assert str(error.value).startswith(f"{tmp_path}: another command ({where}, since ")
    assert str(error.value).endswith(f"{BUSY}; wait until it has ended")
    with claimed(tmp_path, ".lock", BUSY):
        pass  # given back


def test_a_claim_of_a_killed_process_of_this_machine_is_taken_over_at_once(tmp_path):
    code = "import time\nfrom pathlib import Path\nfrom avloc.locks import claimed\n"
    code += f"with claimed(Path({str(tmp_path)!r}), '.lock', 'x'):\n    print('in', flush=True)\n    time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "in\n"
    with pytest.raises(RunError, match=f"process {process.pid}"), claimed(tmp_path, ".lock", BUSY):
        pass
    process.kill()
    process.wait()
    began = time.monotonic()
    with claimed(tmp_path, ".lock", BUSY):
        assert time.monotonic() - began < 1


def test_a_claim_of_another_machine_counts_until_it_is_silent(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(locks, "SILENCE", 0.3)
    leave_behind(tmp_path, "elsewhere")
    with claimed(tmp_path, ".lock", BUSY):
        assert "process 1 on elsewhere" in caplog.text
    leave_behind(tmp_path, "elsewhere")
    ended = threading.Event()

    def live() -> None:
        while not ended.wait(0.05):
            os.utime(tmp_path / ".lock")

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with pytest.raises(RunError, match="process 1 on elsewhere"), claimed(tmp_path, ".lock", BUSY):
            pass
    finally:
        ended.set()
        thread.join()


def test_who_was_halted_and_lost_the_claim_writes_nothing_more(tmp_path):
    with claimed(tmp_path, ".lock", BUSY) as claim:
        claim.refuse_lost()
        leave_behind(tmp_path, "elsewhere", 7)
        with pytest.raises(RunError, match=r"process 7 on elsewhere, since yesterday\) took over this run"):
            claim.refuse_lost()


def test_signs_of_life_are_given_while_a_claim_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT", 0.02)
    with claimed(tmp_path, ".lock", BUSY):
        before = (tmp_path / ".lock").stat().st_mtime_ns
        time.sleep(0.2)
        assert (tmp_path / ".lock").stat().st_mtime_ns > before


def test_a_folder_made_for_the_lock_alone_does_not_stay(tmp_path):
    with pytest.raises(KeyError), claimed(tmp_path / "new", ".lock", BUSY):
        raise KeyError
    assert not (tmp_path / "new").exists()
    with claimed(tmp_path / "new", ".lock", BUSY):
        (tmp_path / "new" / "config.yaml").touch()
    assert (tmp_path / "new" / "config.yaml").exists()


@pytest.mark.parametrize("content", ["", "null", "[", "\0", '{"host": 3}'])
def test_a_lock_file_that_holds_anything_else_is_no_claim_of_this_machine(tmp_path, content, monkeypatch):
    monkeypatch.setattr(locks, "SILENCE", 0.1)
    (tmp_path / ".lock").write_text(content)
    with claimed(tmp_path, ".lock", BUSY):
        assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()


def test_where_the_file_system_has_no_locks_signs_of_life_decide(tmp_path, monkeypatch, caplog):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    monkeypatch.setattr(locks, "SILENCE", 0.4)
    monkeypatch.setattr(locks, "BEAT", 0.05)
    with claimed(tmp_path, ".lock", BUSY), pytest.raises(RunError, match=BUSY), claimed(tmp_path, ".lock", BUSY):
        pass
    assert "cannot be locked (No locks available); make sure that no other command works in it" in caplog.text
    leave_behind(tmp_path, socket.gethostname())  # of a process that was killed here
    with claimed(tmp_path, ".lock", BUSY) as claim:
        claim.refuse_lost()


def test_who_finds_the_lock_removed_writes_nothing_more(tmp_path):
    with claimed(tmp_path, ".lock", BUSY) as claim:
        (tmp_path / ".lock").unlink()
        with pytest.raises(RunError, match=r"\.lock was removed while this command held it.* it resumes"):
            claim.refuse_lost()
