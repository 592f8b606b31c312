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
BEAT = 5.0  # s between two heartbeats of a claim
SILENCE = 30.0  # s without one, after which a claim of another machine counts as abandoned


@contextmanager
def locked(folder: Path, name: str, busy: str) -> Iterator[None]:
    """Make the folder if it is missing, and hold the lock file `name` in it; DataError if another command holds it.

    busy: what the other command is doing, "is preparing this store".
    """
    with _opened(folder, name) as lock:
        if _lock(lock) is False:
            raise DataError(f"{folder}: another command {busy}; wait until it has ended")
        yield


class Claim:
    """Records that this command works in a folder: written to the lock file and renewed until it is released."""

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
        """RunError if another command has taken the folder over because it saw no heartbeat for a long time, or if the lock
        file was removed."""
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
        with suppress(OSError):  # removed while the lock is held: if another command opened it meanwhile, it notices
            path = Path(self.file.name)
            there = path.stat().st_ino == os.fstat(self.file.fileno()).st_ino  # the folder may have been moved
            if there and _about(self.file).get("mark") == self.mark:
                path.unlink()


@contextmanager
def claimed(folder: Path, name: str, busy: str) -> Iterator[Claim]:
    """Like `locked`, but also works if several machines share a folder whose locks only apply per machine; raises
    RunError.

    The holder of the claim writes a heartbeat every BEAT seconds. The claim of a killed command is recognised: on this
    machine at once, on another one after SILENCE seconds without a heartbeat. A folder made for the lock is removed if
    it stays empty.
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
    """The lock file, locked; RunError if another command holds it."""
    while True:
        with _opened(folder, name) as lock:
            free, found = _lock(lock), _about(lock)
            if free is False or (found and _lives(folder / name, found, bool(free))):
                raise RunError(f"{folder}: {_who(found)} {busy}; wait until it has ended")
            if os.fstat(lock.fileno()).st_nlink:  # otherwise the previous command has just removed it
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
    """Whether the system grants the lock; None, with a warning, if the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some cluster file systems have no locks
        folder = Path(file.name).parent
        logger.warning("%s: cannot be locked (%s); make sure that no other command works in it", folder, error.strerror)
        return None
    return True


def _lives(path: Path, found: dict[str, Any], locks: bool) -> bool:
    """Whether the owner of a claim may still be running although the lock is free. locks: the file system has locks."""
    if locks and found.get("host") == socket.gethostname():
        return False  # a lock of a process on this machine ends with the process
    logger.warning("%s: locked by %s; waiting %g s to see if it is still alive", path, _who(found), SILENCE)
    before, stop = _seen(path), time.monotonic() + SILENCE
    while time.monotonic() < stop:
        time.sleep(min(1.0, SILENCE))
        if _seen(path) != before:
            return True
    return False


def _seen(path: Path) -> int:
    """The time of the last heartbeat; the file is reopened, because then a network file system asks its server."""
    with open(path, encoding="utf-8") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _about(file: TextIO) -> dict[str, Any]:
    """What a lock file tells about its holder; empty if the file is empty or anything else."""
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
