"""Atomic writing: every file that a command writes gets a temporary name first and is then renamed."""

import errno
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from avloc.errors import AvlocError
from avloc.plain_json import NotJson, plain_json
from avloc.temporaries import prefix_of, remove_left_behind

#: system errors that are not the fault of a file: it may be intact, and readable later
PASSING = {
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE,
    errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.ENOTDIR,
}  # fmt: skip


class Unreadable(AvlocError):
    """The system cannot read a file now; the file itself may be intact."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and takes the name, on failure it is removed.

    A full disk or a folder without write permission becomes an AvlocError naming `path`; an existing file is kept.
    """
    path = Path(path)
    temporary = None
    try:
        _refuse_device(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_left_behind(path.parent)
        handle, name = tempfile.mkstemp(prefix=prefix_of(path), suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~umask())
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


def regular(path: Path | str) -> Path:
    """`path`; OSError if it is a pipe, socket or device, which might never end. The pipes of a shell's `<(...)` are read."""
    path = Path(path)
    kind = _kind(path)
    if kind == "a pipe" and os.path.realpath(path).startswith("/proc/"):
        return path
    if kind is not None:
        raise OSError(errno.EINVAL, f"it is {kind}; expected a file", os.fspath(path))
    return path


def _kind(path: Path) -> str | None:
    """What a path is, if it is neither a file nor a folder; None if there is nothing."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: it cannot be a path
        return None
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode))


def _refuse_device(path: Path) -> None:
    """OSError for a path that a new file must not replace."""
    kind = _kind(path)
    if kind is not None or os.path.realpath(path.parent) == "/dev":
        raise OSError(errno.EINVAL, f"it is {kind or 'in /dev'}", os.fspath(path))


def user_cache(name: str) -> Path:
    """A folder for things that can be recreated, in the user's cache folder."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "avloc" / name


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power failure, if the file system supports it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def reserve(path: Path, size: int) -> None:
    """Give an empty file its disk space; OSError if there is none.

    This is for files that are written through a memory map, where the system kills a process that finds the disk full.
    """
    if not size or not hasattr(os, "posix_fallocate"):  # macOS lacks it
        return
    with open(path, "r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # of file systems that cannot promise space
                raise


def _of_the_system(error: BaseException) -> str | None:
    """The system's message, if it is a system error; HDF5 hides it in a page of text, under one class or another."""
    hidden = re.search(r"errno = (\d+)", str(error))
    if hidden:
        return os.strerror(int(hidden[1]))
    return error.strerror or str(error) if isinstance(error, OSError) else None


def system_error(error: BaseException) -> int | None:
    """The errno of a system error that is not the fault of the file (see PASSING), else None.

    HDF5 hides it in its text; a lack of memory also counts.
    """
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    hidden = re.search(r"errno = (\d+)", str(error)) if isinstance(error, OSError | RuntimeError) else None
    number = int(hidden[1]) if hidden else getattr(error, "errno", None)
    return number if number in PASSING else None


#: the message for a file that the system cannot read, which may be intact
UNREADABLE = ": cannot be read ("


def refused(path: Path, error: BaseException, otherwise: str) -> str:
    """Why a file could not be read. otherwise: what to do if the file itself is at fault.

    A system error is not the fault of the file: then the message does not advise to remove or rewrite it.
    """
    number = system_error(error)
    if number in (errno.ENOENT, errno.ENOTDIR):
        return f"{path}: no such file; {otherwise}"
    if path.is_dir():
        return f"{path}: is a folder; expected a file"
    if kind := _kind(path):
        return f"{path}: is {kind}; expected a file"
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
    """Why a file could not be read, in one line: the system's message without its number, else the reader's own.

    PyTorch and numpy advise to execute the contents of unknown files; avloc never does.
    """
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    if said.startswith("Object arrays"):
        return "it contains pickled objects, which avloc never executes"
    if "weights_only" in said or "allow_pickle" in said:
        return "of another format, or with pickled objects, which avloc never executes"
    return said.strip().splitlines()[0]


def umask() -> int:
    """Of this process; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))  # from names that are not UTF-8


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def file_size(path: Path) -> int | None:
    """Bytes; None if there is no file, for example for a link to nothing or to itself."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):  # ValueError: this cannot be a file name on this system
        return None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; AvlocError naming the file if it is missing or is not text."""
    try:
        return regular(path).read_text(encoding="utf-8-sig")  # some editors write a byte order mark
    except FileNotFoundError:
        raise AvlocError(f"{path}: no such file") from None
    except (OSError, MemoryError) as error:
        raise Unreadable(refused(path, error, "give another copy of the file")) from None
    except UnicodeDecodeError as error:
        raise AvlocError(f"{path}: cannot be read ({error})") from error


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; AvlocError as in `read_json`, or if it is another value."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise AvlocError(f"{path}: found a {type(found).__name__}; expected a JSON object")
    return found


def read_json(path: Path) -> Any:
    """The value in a JSON file; AvlocError naming file and line if it is missing or is not JSON."""
    try:
        return plain_json(read_text(path))
    except NotJson as error:
        where, what = (path, "unreadable JSON") if error.line is None else (f"{path}:{error.line}", "not JSON")
        raise AvlocError(f"{where}: {what} ({error})") from None
    except MemoryError as error:
        raise Unreadable(refused(path, error, "give another copy of the file")) from None
