"""Memory for libraries that end the process when they get none, where others raise an error: HDF5 and pydantic."""

import mmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import TypeAdapter

ROOM = 32 << 20  # bytes


def ask_for_room() -> None:
    """MemoryError if this process cannot get 32 MiB more. They are not used, and given back at once."""
    try:
        mmap.mmap(-1, ROOM, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        raise MemoryError from None


def adapter(kind: Any) -> "TypeAdapter[Any]":
    """pydantic's validator of a type."""
    ask_for_room()
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
