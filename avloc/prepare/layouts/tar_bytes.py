"""Reads members of tar shards; shards stay open, because a compressed one can only be read forwards."""

import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from avloc.errors import DataError
from avloc.prepare.layouts.tar_shards import LARGE, Place, open_shard

MOST_OPEN = 4  # shards, in each thread
_kept = threading.local()


class ShardBytes:
    """One tar file. broken: whether it could not be read, so that it must be opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = open_shard(path)
        self.broken = False

    def parts(self, places: Sequence[Place]) -> list[bytes]:
        """Members in the given order, read in the order of the file; DataError if the file is too short."""
        found: dict[Place, bytes] = {}
        for place in sorted(set(places)):
            found[place] = self._part(*place)
        return [found[place] for place in places]

    def _part(self, start: int, size: int) -> bytes:
        if size > LARGE:
            raise DataError(f"{self.path}: {size} bytes; at most {LARGE} are read")
        try:
            self.file.seek(start)
            content = self.file.read(size)
        except (OSError, EOFError, zlib.error) as error:
            self.broken = True
            raise DataError(f"{self.path}: cannot be read ({error})") from None
        if len(content) < size:
            raise DataError(f"{self.path}: is truncated")
        return content


def shard_bytes(path: Path) -> ShardBytes:
    """The shard, which stays open for the next call, so that whoever reads its members in order reads a compressed file
    once.
    """
    shards: OrderedDict[tuple[str, int], tuple[tuple[int, ...], ShardBytes]] = _kept.__dict__.setdefault(
        "shards", OrderedDict()
    )
    status = os.stat(path)
    stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
    key = (str(path), os.getpid())  # a forked process must not share the position of a file
    known = shards.pop(key, None)
    if known is not None and (known[0] != stamp or known[1].broken):
        known[1].file.close()
        known = None
    opened = ShardBytes(path) if known is None else known[1]
    shards[key] = stamp, opened
    while len(shards) > MOST_OPEN:
        shards.popitem(last=False)[1][1].file.close()
    return opened
