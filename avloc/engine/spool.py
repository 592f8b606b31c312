"""Values stored on disk and read again in order: a video of ten hours has more moments than memory should hold."""

import pickle
import tempfile
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from avloc.errors import AvlocError
from avloc.files import why

T = TypeVar("T")


class Spool(Generic[T]):
    """A temporary file without a name that disappears with the process. Use it in a `with` statement.

    It is written once, then read as often as needed; only this process has access to it, so its pickles are our own.
    """

    def __init__(self) -> None:
        self._file: Any = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._count = 0

    def add(self, value: T) -> None:
        try:
            pickle.dump(value, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise AvlocError(
                f"{tempfile.gettempdir()}: cannot be written ({why(error)}); free space, or set TMPDIR to another folder"
            ) from error
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """From the first one on; two iterations at the same time would interfere."""
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)

    def __enter__(self) -> "Spool[T]":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
