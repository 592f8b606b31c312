"""One command at a time in a folder."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avloc.errors import DataError

logger = logging.getLogger(__name__)


@contextmanager
def locked(folder: Path, name: str, busy: str) -> Iterator[None]:
    """Make the folder if it is missing, and hold the lock file `name` in it; DataError where another command does.

    busy: what that one is doing, "is preparing this store".
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / name, "w")  # noqa: SIM115, the with statement follows
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{folder}: another command {busy}; wait until it has ended") from None
        except OSError as error:  # some file systems of clusters have no locks
            why = error.strerror
            logger.warning("%s: cannot be locked (%s); make sure that no other command %s", folder, why, busy)
        yield
