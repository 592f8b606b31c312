"""HDF5 files of avloc start with a checksum; other files are first tried in a separate process.

libhdf5 can crash or hang on damaged bytes. A file with a correct checksum is what avloc wrote, so it is read directly;
any other file is first read completely in another process.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOMEM
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.checksums import DAMAGED
from avloc.files import regular

if TYPE_CHECKING:
    import h5py

BLOCK = 1024  # bytes before the actual HDF5 file, which HDF5 leaves to its users
LIMIT = 60.0  # s of CPU time that reading a foreign file may take
_TITLE = b"avloc sha256 "


@contextmanager
def sealed_file(path: Path) -> "Iterator[h5py.File]":
    """A new HDF5 file that gets its checksum when it is complete."""
    from avloc.new_hdf5 import NewHdf5

    with NewHdf5(path, BLOCK) as file:
        yield file
    seal(path)


def seal(path: Path) -> None:
    """Write the checksum of a finished file into its user block, which must be empty (BLOCK bytes)."""
    with open(path, "r+b") as file:
        digest = _digest(file)
        file.seek(0)
        file.write((_TITLE + digest.encode() + b"\n").ljust(BLOCK, b"\0"))


def sealed(path: Path) -> bool:
    """Whether a file has a checksum of its content; ValueError if it does not match.

    OSError if the system cannot read the file.
    """
    with open(regular(path), "rb") as file:
        block = file.read(BLOCK)
        ours = block.startswith(_TITLE)
        if not ours and not _has_user_block(file):
            return False
        if not ours or block != (_TITLE + _digest(file).encode() + b"\n").ljust(BLOCK, b"\0"):
            raise ValueError(DAMAGED)
        return True


def _has_user_block(file: Any) -> bool:
    """Whether the HDF5 data starts where it does in a sealed file."""
    for start in (0, 512):
        file.seek(start)
        if file.read(8) == b"\x89HDF\r\n\x1a\n":
            return False
    file.seek(BLOCK)
    return bool(file.read(8) == b"\x89HDF\r\n\x1a\n")


def _digest(file: Any) -> str:
    found = hashlib.sha256()
    file.seek(BLOCK)
    while part := file.read(1 << 20):
        found.update(part)
    return found.hexdigest()


def refuse_harmful(path: Path, ends: bool = False) -> None:
    """ValueError for a file without a correct checksum whose reading crashes, or takes LIMIT seconds of CPU time.

    Other problems are reported when the file is read afterwards. OSError as in `sealed`. ends: only read the first and
    the last row of each dataset, for files whose rows are later read in watched processes.
    """
    if sealed(path):
        return
    try:
        status = tried(path, ends)
    except OSError:  # if no process can be started, nothing protects this one from the library
        return
    if status < 0:
        import signal

        late = -status in (signal.SIGXCPU, signal.SIGKILL)
        how = "does not end" if late else f"crashes ({signal.Signals(-status).name})"
        raise ValueError(f"reading it {how}")
    if status == ENOMEM:
        raise OSError(ENOMEM, os.strerror(ENOMEM))


def tried(path: Path, ends: bool) -> int:
    """The status of a process that reads a file; OSError if none can be started."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from avloc.sealed_hdf5 import _try; _try({str(path)!r}, {ends})"
    nothing: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    return subprocess.run([sys.executable, "-c", code], check=False, **nothing).returncode


def _try(path: str, ends: bool = False) -> None:
    """Read all of a file, or the ends of its datasets, in a process that may crash; errors do not matter here."""
    import resource
    from contextlib import suppress

    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(LIMIT), most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    from avloc.plain_hdf5 import dataset, is_group, names_in, open_hdf5, told

    with suppress(OSError, ValueError, MemoryError), open_hdf5(Path(path)) as file:
        for name in names_in(file):
            with suppress(OSError, ValueError, MemoryError):
                if not is_group(file, name):
                    found = dataset(file, name, "any")
                    with told():
                        for part in (0, -1) if ends else found.iter_chunks() if found.chunks else [()]:
                            found[part]
        with suppress(OSError, ValueError), told():
            dict(file.attrs)
