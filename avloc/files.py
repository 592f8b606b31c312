"""Whole files or none: every file that a command leaves behind is written under a temporary name and renamed."""

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from avloc.errors import AvlocError
from avloc.temporaries import prefix_of, remove_left_behind

MARGIN = 1 << 16  # bytes, for what a file says about itself
#: errors of the system that say nothing against a file: it may be whole, and readable another time
PASSING = {
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE,
    errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.ENOTDIR,
}  # fmt: skip


class Unreadable(AvlocError):
    """A file that the system does not give now; nothing speaks against the file itself."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and takes the name, on failure it is removed.

    A full disk or a folder that may not be written becomes an AvlocError naming `path`; what stood there stays.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_left_behind(path.parent)
        handle, name = tempfile.mkstemp(prefix=prefix_of(path), suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        reason = _of_the_system(error)
        if reason is None:
            raise
        raise AvlocError(f"{path}: cannot be written ({reason}); free space or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def user_cache(name: str) -> Path:
    """A folder for what can be made again, in the user's cache folder."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "avloc" / name


def sync_folder(folder: Path) -> None:
    """Have a new name in a folder outlive a loss of power, where the file system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def with_room(path: Path, size: int, held: int = 0) -> Path:
    """`path`; OSError where its disc, or the limit of the process on files, has no room for `size` bytes more.

    HDF5 may end the process when a write fails. held: bytes that were written before, of which not all need be on the disc.
    """
    if shutil.disk_usage(path.parent).free < size + MARGIN:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    most = _largest_file()
    if most is not None and max(file_size(path) or 0, held) + size + MARGIN > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return path


def _largest_file() -> int | None:
    """Bytes that a file may have here (ulimit -f); None: as many as the disc has."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if most == resource.RLIM_INFINITY else most


def _of_the_system(error: BaseException) -> str | None:
    """What the system says, if it does; HDF5 hides it in a page of its own, under one class or the other."""
    hidden = re.search(r"errno = (\d+)", str(error))
    if hidden:
        return os.strerror(int(hidden[1]))
    return error.strerror or str(error) if isinstance(error, OSError) else None


def system_error(error: BaseException) -> int | None:
    """The number of the system's error where it says nothing against the file itself (see PASSING), else None.

    HDF5 hides it in a page of its own; a want of memory is the system's too.
    """
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    hidden = re.search(r"errno = (\d+)", str(error)) if isinstance(error, OSError | RuntimeError) else None
    number = int(hidden[1]) if hidden else getattr(error, "errno", None)
    return number if number in PASSING else None


#: in the message for a file that the system does not give, which says nothing against its content
UNREADABLE = ": cannot be read ("


def refused(path: Path, error: BaseException, otherwise: str) -> str:
    """What is wrong with a file that could not be read. otherwise: what to do where the file itself is at fault.

    What the system refuses says nothing against the file: then nobody is told to remove it or to write it again.
    """
    number = system_error(error)
    if number in (errno.ENOENT, errno.ENOTDIR):
        return f"{path}: no such file; {otherwise}"
    if path.is_dir():
        return f"{path}: is a folder; expected a file"
    if number is not None:
        return f"{path}{UNREADABLE}{os.strerror(number)}); the file itself may be fine{_remedy(number)}"
    return f"{path}: its content cannot be read ({why(error)}); {otherwise}"


def _remedy(number: int) -> str:
    if number in (errno.EMFILE, errno.ENFILE):
        return ": raise the limit of open files (ulimit -n)"
    if number == errno.ENOMEM:
        return ": give the process more memory, or close others"
    return ""


def why(error: BaseException) -> str:
    """Why a file could not be read, in one line: the system's words without its numbers, else the reader's own.

    PyTorch and numpy advise to run what is in a file that they do not know; avloc never does.
    """
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    if said.startswith("Object arrays"):
        return "it contains pickled objects, which avloc never executes"
    if "weights_only" in said or "allow_pickle" in said:
        return "of another format, or with pickled objects, which avloc never executes"
    return said.strip().splitlines()[0]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))  # of names that are not UTF-8


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def file_size(path: Path) -> int | None:
    """Bytes; None where no file is there, such as a link to nothing or to itself."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):  # ValueError: no name that a file of this system could have
        return None


def read_json(path: Path) -> Any:
    """The value in a JSON file; AvlocError naming file and line where it is missing or is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
    except FileNotFoundError:
        raise AvlocError(f"{path}: no such file") from None
    except (OSError, MemoryError) as error:
        raise Unreadable(refused(path, error, "give another copy of the file")) from None
    except UnicodeDecodeError as error:
        raise AvlocError(f"{path}: cannot be read ({error})") from error
    except json.JSONDecodeError as error:
        raise AvlocError(f"{path}:{error.lineno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise AvlocError(f"{path}: unreadable JSON (nested too deep)") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise AvlocError(f"{path}: unreadable JSON ({why(error)})") from None
