"""Where memory is short, HDF5 and pydantic are not called: they would end the process."""

import subprocess
import sys

import pytest

IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import avloc.data.settings_model
from avloc.new_hdf5 import NewHdf5
from avloc.plain_hdf5 import open_hdf5
from avloc.room import ROOM, adapter, ask_for_room
path = Path(sys.argv[1])
NewHdf5(path).close()
ask_for_room()
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM - (4 << 20), resource.RLIM_INFINITY))
def opened():
    with open_hdf5(path):
        pass
for ask in (ask_for_room, opened, lambda: NewHdf5(path), lambda: adapter(dict[str, int])):
    try:
        ask()
    except (MemoryError, OSError) as error:
        print(type(error).__name__, getattr(error, "errno", None))
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
opened()
print(adapter(dict[str, int]).validate_python({"a": 1}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are tested on Linux")
def test_a_lack_of_memory_is_an_error_before_a_library_is_called_that_would_crash(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, tmp_path / "a.h5"], capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines() == [
        "MemoryError None",
        "OSError 12",
        "MemoryError None",
        "MemoryError None",
        "{'a': 1}",
    ]
