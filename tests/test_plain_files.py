"""Arrays and HDF5 files of others: nothing runs, nothing leads elsewhere, and damage is one kind of error."""

import io
import random
import re
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from avloc.checksums import DAMAGED, checked_arrays, with_checksum
from avloc.errors import DataError
from avloc.plain_arrays import mapped_array, plain_array, plain_arrays
from avloc.plain_hdf5 import dataset, open_hdf5, values
from avloc.prepare.layouts import hdf5_rows


def test_arrays_are_read_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", one=np.arange(3), two=np.ones((2, 2)))
    np.save(tmp_path / "b.npy", np.arange(4))
    assert set(plain_arrays(tmp_path / "a.npz")) == {"one", "two"}
    assert set(plain_arrays(tmp_path / "a.npz", ["one"], ())) == {"one"}
    assert plain_array(tmp_path / "b.npy").tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="an archive of arrays"):
        plain_array(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"no array three in it \(it holds one, two\)"):
        plain_arrays(tmp_path / "a.npz", ["three"])
    with pytest.raises(ValueError, match="one array"):
        plain_arrays(tmp_path / "b.npy", ["one"])
    with pytest.raises(FileNotFoundError):
        plain_arrays(tmp_path / "nothing.npz")


def test_an_array_is_left_on_disk_until_it_is_used(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(4))
    found = mapped_array(tmp_path / "a.npy")
    assert isinstance(found, np.memmap) and found.tolist() == [0, 1, 2, 3]
    (tmp_path / "b.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-8])
    with pytest.raises(ValueError):
        mapped_array(tmp_path / "b.npy")


def test_pickled_objects_are_not_made(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([print], object))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match="never executes"):
            plain_arrays(tmp_path / name)


def test_a_member_of_an_archive_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("maps", b"text")
    with pytest.raises(ValueError, match="maps is not an array"):
        plain_arrays(tmp_path / "a.npz", ["maps"])


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_damaged_archives_are_one_line_of_one_kind(write):
    buffer = io.BytesIO()
    write(buffer, ids=np.array(["a", "b"]), values=np.arange(100.0))
    whole, chance = buffer.getvalue(), random.Random(0)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            plain_arrays(io.BytesIO(bytes(content[: chance.choice([None, chance.randrange(len(content))])])))
        except ValueError as error:
            assert "\n" not in str(error) and str(error)


def test_an_array_that_claims_more_than_there_is_memory_is_refused(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**14,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", buffer.getvalue())
    with pytest.raises(ValueError):
        plain_arrays(tmp_path / "a.npz")


@pytest.fixture
def file(tmp_path):
    np.arange(6, dtype="<f4").tofile(tmp_path / "outside.raw")
    with h5py.File(tmp_path / "outside.h5", "w") as outside:
        outside["x"] = np.arange(3)
    with h5py.File(tmp_path / "a.h5", "w") as made:
        made["x"] = np.arange(5)
        made["names"] = ["a", "b"]
        made["group/y"] = np.ones(2)
        made["soft"] = h5py.SoftLink("/group/y")
        made["loop"] = h5py.SoftLink("/loop")
        made["link"] = h5py.ExternalLink(str(tmp_path / "outside.h5"), "x")
        made["soft link"] = h5py.SoftLink("/link")
        made["group/away"] = h5py.ExternalLink(str(tmp_path / "outside.h5"), "/")
        made.create_dataset("raw", (6,), "<f4", external=[(str(tmp_path / "outside.raw"), 0, 24)])
        layout = h5py.VirtualLayout((3,), "<i8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "outside.h5"), "x", (3,))
        made.create_virtual_dataset("virtual", layout)
        made["nothing"] = h5py.Empty("f")
    with open_hdf5(tmp_path / "a.h5") as opened:
        yield opened


def test_datasets_within_the_file_are_read(file):
    assert values(file, "x").tolist() == [0, 1, 2, 3, 4] and values(file, "soft").tolist() == [1, 1]
    assert values(file, "names", "text").tolist() == [b"a", b"b"] and dataset(file, "group/y").shape == (2,)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("link", "link to another file"),
        ("soft link", "link to another file"),
        ("group/away/x", "link to another file"),
        ("loop", "leads to itself"),
        ("raw", "keeps its values in another file"),
        ("virtual", "keeps its values in another file"),
        ("group", "group is a group"),
        ("nothing", "nothing holds nothing"),
        ("names", "expected values of the kind number"),
        ("missing", r"no dataset missing \(it holds group"),
    ],
)
def test_what_leads_elsewhere_or_is_another_kind_is_refused(file, name, words):
    with pytest.raises(ValueError, match=words):
        values(file, name)


def test_a_file_that_is_no_hdf5_and_one_that_is_not_there(tmp_path):
    (tmp_path / "a.h5").write_text("hello")
    with pytest.raises(ValueError, match="file signature"), open_hdf5(tmp_path / "a.h5"):
        pass
    with pytest.raises(FileNotFoundError), open_hdf5(tmp_path / "b.h5"):
        pass


def test_a_checksum_that_an_archive_lost_is_missed(tmp_path):
    """One bit of its directory makes the last entry a comment of the one before."""
    path = tmp_path / "a.npz"
    np.savez(path, **with_checksum({"x": np.arange(3)}))
    assert checked_arrays(path)[1]
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")  # the first, whose comment's length stands 32 bytes on
    content[entry + 32] = len(content) - content.index(b"PK\x01\x02", entry + 4) - 22
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["x.npy"]
    with pytest.raises(ValueError, match=re.escape(DAMAGED)):
        checked_arrays(path)
    np.savez(path, x=np.arange(3))  # of an earlier version
    assert not checked_arrays(path)[1]


def test_a_published_file_that_hangs_the_library_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "Video.h5").write_bytes(b"")

    def hangs(path, ends):
        raise ValueError("reading it does not end")

    monkeypatch.setattr(hdf5_rows, "refuse_harmful", hangs)
    with pytest.raises(DataError, match=r"Video.h5: not an HDF5 file, or truncated \(reading it does not end\)"):
        hdf5_rows.shape_of(tmp_path / "Video.h5", "video", "")


def test_a_file_that_cannot_be_written_is_one_error_and_does_not_end_the_process(tmp_path):
    """As under a quota, which nothing tells beforehand."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from avloc.errors import AvlocError
from avloc.predictions import write_predictions
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
try:
    write_predictions(Path(sys.argv[1]), list("abc"), np.ones((3, 1, 40, 40)))
except AvlocError as error:
    print(error)
"""
    found = subprocess.run([sys.executable, "-c", code, tmp_path / "a.h5"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "") and list(tmp_path.iterdir()) == []
    assert (
        found.stdout
        == f"{tmp_path / 'a.h5'}: cannot be written (File too large); free space or choose another folder\n"
    )


def test_names_of_a_file_that_cannot_be_listed_are_one_line(tmp_path):
    path = tmp_path / "Video.h5"
    with h5py.File(path, "w") as file:
        file["video"] = np.zeros(3)
    path.write_bytes(path.read_bytes().replace(b"SNOD", b"SNOB"))
    with pytest.raises(DataError, match=r"Video\.h5: .*symbol table"):
        hdf5_rows.shape_of(path, "video", "")
