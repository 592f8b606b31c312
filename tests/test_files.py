"""Why a file could not be read, in one line."""

import pickle

import numpy as np
import pytest
import torch

from avloc.files import why


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
    expected = "of another format, or with pickled objects, which are never run"
    assert told(lambda: np.load(tmp_path / "some.npy", allow_pickle=False)) == expected
    assert told(lambda: torch.load(tmp_path / "some.pth", weights_only=True)) == expected


def test_an_error_of_many_lines_or_none_is_one():
    assert why(ValueError("first\nsecond")) == "first" and why(EOFError()) == "EOFError"
