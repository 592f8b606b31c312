"""Why a file could not be read, in one line; what is not a file; space on the disk."""

import errno
import os
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from avloc.errors import AvlocError
from avloc.files import read_json, regular, reserve, why, write_json


def told(read) -> str:
    with pytest.raises(Exception) as found:
        read()
    return why(found.value)


def test_the_system_is_quoted_without_its_numbers(tmp_path):
    assert told((tmp_path / "nothing").read_text) == "No such file or directory"
    assert told(tmp_path.read_text) == "Is a directory"


def test_nobody_is_advised_to_run_what_is_in_a_file(tmp_path):
    (tmp_path / "some.npy").write_text("id,class")
    (tmp_path / "some.pth").write_bytes(pickle.dumps(np.float64(3), protocol=2))
    expected = "of another format, or with pickled objects, which avloc never executes"
    assert told(lambda: np.load(tmp_path / "some.npy", allow_pickle=False)) == expected
    assert told(lambda: torch.load(tmp_path / "some.pth", weights_only=True)) == expected


def test_an_error_of_many_lines_or_none_is_one():
    assert why(ValueError("first\nsecond")) == "first" and why(EOFError()) == "EOFError"


def test_temporary_files_of_ended_processes_go_and_those_of_others_stay(tmp_path):
    import os
    import subprocess
    import sys

    from avloc.temporaries import prefix_of

    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    mine = prefix_of(tmp_path / "a.json")
    dead = mine.replace(f"-{os.getpid()}.", f"-{ended.stdout.strip()}.")
    elsewhere = f".a.json.00000000-{ended.stdout.strip()}.abcdefgh.json"
    for name in (
        f"{mine}abcdefgh.json",
        f"{dead}abcdefgh.json",
        f"{dead}abcdefgh",
        elsewhere,
        ".a.json.abcdefgh",
        ".hidden",
    ):
        (tmp_path / name).touch()
    for begin in (dead, mine):
        (tmp_path / f"{begin}afolder1").mkdir()
        (tmp_path / f"{begin}afolder1" / "still.jpg").touch()
    write_json(tmp_path / "a.json", {})
    left = {f"{mine}abcdefgh.json", f"{mine}afolder1", elsewhere, ".a.json.abcdefgh", ".hidden", "a.json"}
    assert {path.name for path in tmp_path.iterdir()} == left


@pytest.fixture
def special(tmp_path):
    """What has a name and is not a file."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        (tmp_path / "device").symlink_to("/dev/zero")
        yield {path.name: path for path in tmp_path.iterdir()}


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_might_never_end_is_neither_read_nor_replaced(special, kind):
    with pytest.raises(OSError, match=f"it is a {kind}; expected a file"):
        regular(special[kind])
    with pytest.raises(AvlocError, match=f"{special[kind]}: is a {kind}; expected a file"):
        read_json(special[kind])
    before = os.lstat(special[kind])
    with pytest.raises(AvlocError, match=f"{special[kind]}: cannot be written \\(it is a {kind}\\)"):
        write_json(special[kind], 1)
    assert os.lstat(special[kind]) == before and len(list(special[kind].parent.iterdir())) == 3


def test_nothing_is_written_among_the_devices():
    with pytest.raises(AvlocError, match="it is in /dev"):
        write_json(Path("/dev/avloc-result.json"), 1)
    assert not Path("/dev/avloc-result.json").exists()


def test_files_folders_missing_ones_and_the_pipes_of_a_shell_are_read(tmp_path):
    (tmp_path / "a.json").write_text("1")
    assert regular(tmp_path / "a.json") == tmp_path / "a.json" and read_json(tmp_path / "a.json") == 1
    assert regular(str(tmp_path)) == tmp_path and regular(tmp_path / "nothing") and regular("a\0b")
    reading, writing = os.pipe()
    with open(writing, "w") as end:
        end.write("[2]")
    assert read_json(Path(f"/dev/fd/{reading}")) == [2]
    os.close(reading)


def test_reserved_space_is_there_and_too_much_is_refused(tmp_path):
    path = tmp_path / "rows"
    path.touch()
    reserve(path, 0)
    reserve(path, 100_000)
    assert path.stat().st_size == 100_000 and path.stat().st_blocks * 512 >= 100_000
    with pytest.raises(OSError) as error:
        reserve(path, 1 << 60)
    assert error.value.errno in (errno.ENOSPC, errno.EFBIG)
