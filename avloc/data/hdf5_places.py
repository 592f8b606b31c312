"""The byte positions of clips in an HDF5 shard, so that they can be read without HDF5.

HDF5 needs about 0.2 MiB for each open file, and closing a file takes longer the more are open. Shards never change, so
with the positions a file descriptor is enough for random reading. Anything that avloc would not write (filters, another
layout, an unusual heap) is left to HDF5. This follows the HDF5 File Format Specification, version 3.0, III.E (global
heap) and IV.A.2.d (variable-length data).
"""

import os
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from avloc.data.shard_form import Form

# of a variable-length value: its length, the address of its heap, its index in the heap
_ELEMENT = struct.Struct("<IQI")
_HEAP = struct.Struct("<4sB3xQ")  # signature, version and size of a heap, before its objects
_OBJECT = struct.Struct("<HH4xQ")  # index, reference count and size of an object, before its bytes
_START = 4096  # bytes of a heap that are read to find an object; most JPEG files are larger, and alone in their heap


class Hdf5Places:
    """frames, sounds: (n,) the byte positions of each clip's data."""

    def __init__(self, path: Path, form: Form, frames: NDArray[np.int64], sounds: NDArray[np.int64]) -> None:
        self.form, self.frames, self.sounds, self.clips = form, frames, sounds, len(sounds)
        self.file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self.file).st_size
        self.pixels = int(np.prod(form.frame))
        self.sound_bytes = int(np.prod(form.sound)) * np.dtype(form.sound_type).itemsize

    @classmethod
    def of(cls, file: h5py.File, path: Path, form: Form) -> "Hdf5Places | None":
        """None if its clips are not stored as avloc writes them. file: open, of that path, and of that form."""
        if not hasattr(os, "pread") or file.userblock_size or file.id.get_create_plist().get_sizes() != (8, 8):
            return None
        found = [_chunks(file[name].id) for name in ("frames", "sounds")]
        if any(places is None for places in found):
            return None
        return cls(path, form, *found)  # type: ignore[arg-type]

    def sound(self, row: int) -> NDArray[Any] | None:
        content = self._bytes(int(self.sounds[row]), self.sound_bytes)
        return None if content is None else np.frombuffer(content, self.form.sound_type).reshape(self.form.sound)

    def frame(self, row: int, pick: int) -> NDArray[np.uint8] | None:
        """As stored, pixels or JPEG bytes; None if HDF5 has to read it."""
        start = int(self.frames[row])
        if self.form.jpeg:
            return self._of_heap(self._bytes(start + pick * _ELEMENT.size, _ELEMENT.size))
        content = self._bytes(start + pick * self.pixels, self.pixels)
        return None if content is None else np.frombuffer(content, np.uint8).reshape(self.form.frame)

    def _of_heap(self, element: bytes | None) -> NDArray[np.uint8] | None:
        if element is None:
            return None
        length, address, number = _ELEMENT.unpack(element)
        head = self._bytes(address, min(_START, max(self.size - address, 0)))
        if head is None or len(head) < _HEAP.size:
            return None
        signature, version, size = _HEAP.unpack_from(head)
        if signature != b"GCOL" or version != 1 or address + size > self.size:
            return None
        place = _HEAP.size
        while place + _OBJECT.size <= min(size, len(head)):
            found, _, held = _OBJECT.unpack_from(head, place)
            if found == 0:  # the free space, after the last object
                return None
            place += _OBJECT.size
            if found == number:
                fits = held == length and place + held <= size
                content = self._bytes(address + place, length) if fits else None
                return None if content is None else np.frombuffer(content, np.uint8)
            place += -(-held // 8) * 8
            if place + _OBJECT.size > len(head) and place + _OBJECT.size <= size:
                more = self._bytes(address + len(head), min(size, place + _START) - len(head))
                if more is None:
                    return None
                head += more
        return None

    def _bytes(self, start: int, count: int) -> bytes | None:
        """None if the file is too short."""
        if start < 0 or start + count > self.size:
            return None
        content = os.pread(self.file, count, start)
        return content if len(content) == count else None

    def close(self) -> None:
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def __del__(self) -> None:
        self.close()


def _chunks(data: h5py.h5d.DatasetID) -> NDArray[np.int64] | None:
    """(n,) the byte position of each row; None if rows are not chunks, are filtered, or were not all written."""
    shape, settings = data.shape, data.get_create_plist()
    if settings.get_layout() != h5py.h5d.CHUNKED or settings.get_nfilters() or not hasattr(data, "chunk_iter"):
        return None
    if settings.get_chunk() != (1, *shape[1:]):
        return None
    places = np.full(shape[0], -1, np.int64)

    def note(chunk: Any) -> None:
        row = chunk.chunk_offset[0]
        if row < len(places) and chunk.filter_mask == 0:
            places[row] = chunk.byte_offset

    data.chunk_iter(note)
    return None if (places < 0).any() else places
