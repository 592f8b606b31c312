"""Temporary files and folders, named after the process that writes them, so that those of a killed one can be removed."""

import hashlib
import os
import re
import shutil
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

LONGEST = 160  # bytes of a name that are kept, so that the temporary name is not too long
_OURS = re.compile(r"^\..+\.([0-9a-f]{8})-(\d+)\.[a-z0-9_]{8}(\.[^.]*)?$")
_CLEANED: set[Path] = set()  # folders that this process has cleaned


def prefix_of(path: Path) -> str:
    """The prefix of this process's temporary files and folders."""
    name = path.name if len(os.fsencode(path.name)) <= LONGEST else path.name[: LONGEST // 4]
    return f".{name}.{_machine()}-{os.getpid()}."


def remove_left_behind(folder: Path) -> None:
    """Remove temporary files and folders of ended processes of this machine; once per folder and process."""
    if folder in _CLEANED:
        return
    _CLEANED.add(folder)
    with suppress(OSError):
        for name in os.listdir(folder):
            found = _OURS.match(name) if name.startswith(".") else None
            if found and found[1] == _machine() and not _lives(int(found[2])):
                _remove(folder / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """Identifies where a process id is unique: this machine since its start, separately for containers."""
    parts = [socket.gethostname()]
    for place in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            parts.append(os.readlink(place) if "ns" in place.split("/") else Path(place).read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
