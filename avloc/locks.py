"""One command at a time in a folder, on one machine or on several that share it."""

import fcntl
import json
import logging
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from avloc.errors import DataError, RunError
from avloc.naming import brief

logger = logging.getLogger(__name__)
BEAT = 5.0  # s between two signs of life of who holds a claim
SILENCE = 30.0  # s without one, after which a claim of another machine counts as left behind


@contextmanager
def locked(folder: Path, name: str, busy: str) -> Iterator[None]:
    """Make the folder if it is missing, and hold the lock file `name` in it; DataError where another command does.

    busy: what that one is doing, "is preparing this store".
    """
    with _opened(folder, name) as lock:
        if _lock(lock) is False:
            raise DataError(f"{folder}: another command {busy}; wait until it has ended")
        yield


class Claim:
    """That this command works in a folder. It is written in the lock file and renewed until it is given back."""

    def __init__(self, folder: Path, file: TextIO) -> None:
        self.folder, self.file, self.mark = folder, file, uuid4().hex
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def begin(self) -> None:
        about = {
            "host": socket.gethostname(), "process": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            "command": brief(shlex.join(sys.argv), 200), "mark": self.mark,
        }  # fmt: skip
        _rewrite(self.file, json.dumps(about))
        self._thread.start()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(OSError):
                os.utime(self.file.fileno())

    def refuse_lost(self) -> None:
        """RunError where another command has taken the folder over, as one does that heard nothing of this one for long, or
        where the lock was removed."""
        if not os.fstat(self.file.fileno()).st_nlink:
            raise RunError(
                f"{self.file.name} was removed while this command held it, and another command may have worked in this run "
                "since; nothing more is written. Run the command again: it resumes"
            )
        found = _about(self.file)
        if found and found.get("mark") != self.mark:
            raise RunError(
                f"{self.folder}: {_who(found)} took over this run while this command was suspended; nothing more is "
                "written"
            )

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OSError):  # removed while the lock is held: who opened it meanwhile sees that it is gone
            path = Path(self.file.name)
            there = path.stat().st_ino == os.fstat(self.file.fileno()).st_ino  # the folder may have been moved
            if there and _about(self.file).get("mark") == self.mark:
                path.unlink()


@contextmanager
def claimed(folder: Path, name: str, busy: str) -> Iterator[Claim]:
    """As `locked`, also where several machines share a folder whose locks hold on each machine alone; RunError.

    Who holds the claim gives a sign of life every BEAT seconds. One left behind by a command that was killed is noticed: on
    this machine at once, on another one after SILENCE seconds without a sign. A folder that was made for the lock is removed
    if nothing came into it.
    """
    made = not folder.exists()
    try:
        with _taken(folder, name, busy) as lock:
            claim = Claim(folder, lock)
            claim.begin()
            try:
                yield claim
            finally:
                claim.end()
    finally:
        if made:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _taken(folder: Path, name: str, busy: str) -> Iterator[TextIO]:
    """The lock file, locked; RunError where another command holds it."""
    while True:
        with _opened(folder, name) as lock:
            free, found = _lock(lock), _about(lock)
            if free is False or (found and _lives(folder / name, found, bool(free))):
                raise RunError(f"{folder}: {_who(found)} {busy}; wait until it has ended")
            if os.fstat(lock.fileno()).st_nlink:  # else the command before removed it just now
                yield lock
                return


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[TextIO]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / name, "a+", encoding="utf-8")  # noqa: SIM115, the with statement follows
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from None
    with lock:
        yield lock


def _lock(file: TextIO) -> bool | None:
    """Whether the system gives the lock; None, with a warning, where the file system has none."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some file systems of clusters have no locks
        folder = Path(file.name).parent
        logger.warning("%s: cannot be locked (%s); make sure that no other command works in it", folder, error.strerror)
        return None
    return True


def _lives(path: Path, found: dict[str, Any], locks: bool) -> bool:
    """Whether who left a claim may still be at work, though the system refuses no lock. locks: there are such here at all."""
    if locks and found.get("host") == socket.gethostname():
        return False  # the lock of a process on this machine ends with it
    logger.warning("%s: locked by %s; waiting %g s to see if it is still alive", path, _who(found), SILENCE)
    before, stop = _seen(path), time.monotonic() + SILENCE
    while time.monotonic() < stop:
        time.sleep(min(1.0, SILENCE))
        if _seen(path) != before:
            return True
    return False


def _seen(path: Path) -> int:
    """When a sign of life was given; opened anew, for a network file system then asks its server."""
    with open(path, encoding="utf-8") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _about(file: TextIO) -> dict[str, Any]:
    """What a lock file says of who holds it; nothing where it is empty or anything else."""
    try:
        file.seek(0)
        found = json.loads(file.read() or "{}")
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _rewrite(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
    with suppress(OSError):
        os.fsync(file.fileno())


def _who(found: dict[str, Any]) -> str:
    if not found:
        return "another command"
    return f"another command (process {found.get('process')} on {found.get('host')}, since {found.get('since')})"
