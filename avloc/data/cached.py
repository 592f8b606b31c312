"""Copies of a store's shards on a faster disk, made once and reused by later trainings."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import file_size, regular, replacing, why

log = logging.getLogger("avloc.data")


def cached(store: Store, folder: Path) -> Store:
    """The split, whose shards are read from copies in `folder`; missing copies are made first.

    Copies are stored under the fingerprint of the store, so that several stores can share a folder. A copy whose size
    differs from its shard's is made again. Other processes that need the same copies wait for them.
    """
    if store.path == folder or not hasattr(store, "settings") or not store.settings.get("splits"):
        raise DataError(f"{store.path}: only the shards of a store can be copied; leave out data.cache")
    own = folder / store.fingerprint
    shards = [store.shard_file(shard) for shard in np.unique(store.places[0]).tolist()]
    with _alone(own):
        missing = [name for name in shards if file_size(own / name) != file_size(store.root / name)]
        if missing:
            log.warning("%s: copying %d of %d shards to %s", store.path, len(missing), len(shards), own)
        for name in missing:
            _copy(store.root / name, own / name)
    return store.read_from(own)


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        try:
            with open(regular(source), "rb") as file:
                content = open(temporary, "wb")  # noqa: SIM115, the with statement follows
                with content:
                    shutil.copyfileobj(file, content, 1 << 22)
        except OSError as error:
            if error.filename and Path(error.filename) == source:
                raise DataError(f"{source}: cannot be copied to {target.parent} ({why(error)})") from None
            raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time; the others wait."""
    try:
        import fcntl
    except ImportError:  # on Windows, two processes may copy the same shard
        yield
        return
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
        lock = open(folder / ".lock", "w")  # noqa: SIM115, the with statement follows
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({why(error)}); choose another data.cache") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
