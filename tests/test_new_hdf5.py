"""New HDF5 files on disks that refuse to take them."""

import errno
import subprocess
import sys

import h5py
import numpy as np
import pytest

from avloc.new_hdf5 import NewHdf5
from avloc.sealed_hdf5 import sealed, sealed_file


def fill(file: NewHdf5) -> None:
    frames = file.create_dataset("frames", (0, 500), "u1", maxshape=(None, 500), chunks=(1, 500))
    bytes_ = file.create_dataset("bytes", (0, 2), h5py.vlen_dtype(np.uint8), maxshape=(None, 2), chunks=(1, 2))
    for row in range(100):
        if row % 16 == 0:
            frames.resize(row + 16, axis=0)
            bytes_.resize(row + 16, axis=0)
        frames[row] = row
        bytes_[row, 0] = np.full(row + 1, row, np.uint8)
        file.check()
    file["items"] = ["x" * 50] * 1000
    file.attrs["key"] = "k"


def test_what_is_written_is_a_plain_hdf5_file(tmp_path):
    with NewHdf5(tmp_path / "a.h5", 1024) as file:
        fill(file)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.userblock_size == 1024 and file.attrs["key"] == "k" and len(file["items"]) == 1000
        assert (file["frames"][:100] == np.arange(100)[:, None]).all()
        assert file["bytes"][99, 0].tolist() == [99] * 100


def test_a_write_that_fails_at_any_size_is_a_system_error_and_no_crash(tmp_path):
    """Another process has the limit, and would crash."""
    code = """
import os, resource, sys
from pathlib import Path
from avloc.new_hdf5 import NewHdf5
from tests.test_new_hdf5 import fill
with NewHdf5(Path(sys.argv[1])) as file:
    fill(file)
whole = os.path.getsize(sys.argv[1])
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for size in [0, 1, 100, 2000, *range(3000, whole, 7001), whole - 1]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        with NewHdf5(Path(sys.argv[1])) as file:
            fill(file)
    except OSError as error:
        print(error.errno)
    else:
        print("believed", size)
"""
    found = subprocess.run([sys.executable, "-c", code, tmp_path / "a.h5"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert set(found.stdout.split()) == {str(errno.EFBIG)} and len(found.stdout.split()) > 10


def test_a_failure_is_remembered_though_the_disk_has_room_again(tmp_path):
    file = NewHdf5(tmp_path / "a.h5")
    file._disk.failed = OSError(errno.EDQUOT, "Disk quota exceeded")
    file["a"] = np.arange(1000)
    with pytest.raises(OSError, match="quota"):
        file.check()
    with pytest.raises(OSError, match="quota"):
        file.close()


def test_a_file_whose_writing_failed_gets_no_checksum(tmp_path):
    with pytest.raises(OSError, match="quota"), sealed_file(tmp_path / "a.h5") as file:
        file["a"] = np.arange(1000)
        file._disk.failed = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert not sealed(tmp_path / "a.h5")
