"""New HDF5 files: a write that fails is a system error afterwards, and never a crash of the HDF5 library.

libhdf5 crashes when it closes a file whose writes failed: a full disk, a quota, a limit on the size of files. So it writes
through an object that remembers the first failure, and from then on only pretends to write.
"""

import io
import os
from pathlib import Path
from typing import Any

import h5py

from avloc.room import ask_for_room


class NewHdf5(h5py.File):
    """A new file, open for writing. `check` and `close` raise the OSError of the first write that failed."""

    def __init__(self, path: Path, user_block: int = 0) -> None:
        ask_for_room()
        self._disk = _Disk(path)
        try:
            super().__init__(self._disk, "w", userblock_size=user_block or None)
        except BaseException:
            self._disk.close()
            raise

    def check(self) -> None:
        """OSError if a write failed. Small writes are collected until the file is closed."""
        if self._disk.failed is not None:
            raise self._disk.failed

    def close(self) -> None:
        super().close()
        self._disk.close()
        self.check()


class _Disk(io.FileIO):
    """The file as the HDF5 library sees it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.failed: OSError | None = None
        self._end = 0  # where the file would end if every write had succeeded

    def write(self, content: Any) -> int:
        left = memoryview(content).cast("B")
        size, self._end = len(left), max(self._end, self.tell() + len(left))
        try:
            while left and self.failed is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.failed = error
        return size

    def readinto(self, buffer: Any) -> int:
        whole = memoryview(buffer).cast("B")
        found = super().readinto(whole) or 0
        whole[found:] = bytes(len(whole) - found)  # what was not written
        return len(whole)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return super().seek(self._end + offset) if whence == os.SEEK_END else super().seek(offset, whence)

    def truncate(self, size: int | None = None) -> int:
        self._end = self.tell() if size is None else size
        try:
            if self.failed is None:
                super().truncate(self._end)
        except OSError as error:
            self.failed = error
        return self._end
