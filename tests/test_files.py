"""Why a file could not be read, in one line."""

import pickle

import numpy as np
import pytest
import torch

from avloc.files import why, write_json


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
    write_json(tmp_path / "a.json", {})
    left = {f"{mine}abcdefgh.json", elsewhere, ".a.json.abcdefgh", ".hidden", "a.json"}
    assert {path.name for path in tmp_path.iterdir()} == left
