"""A shard as an LMDB file.

Keys: "frame/ROW/PICK" (pixels, or JPEG bytes), "sound/ROW" (int16, or a float32 spectrogram), "column/NAME" (the
.npy format), "items" (JSON), "about" (JSON: key, clips, jpeg, size; of spectrograms their shape).
"""

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import lmdb
import numpy as np
from numpy.typing import NDArray

from avloc.data.pictures import decode_jpeg
from avloc.data.spectrograms import sound_form, spectrograms_of

LARGEST = 1 << 38  # bytes of address space, not of disk


class LmdbWriter:
    """Appends clips to a new file; the columns come at the end."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        path.unlink(missing_ok=True)  # an empty file, made for its name, is no environment
        self.environment = lmdb.open(str(path), subdir=False, lock=False, map_size=LARGEST, sync=False)
        self.size, self.jpeg, self.per_clip = (
            settings["size"],
            settings["frames"] == "jpeg",
            settings["frames_per_clip"],
        )
        self.sound = sound_form(settings)
        self.spectrograms = spectrograms_of(settings) is not None
        self.rows = 0
        self.writing = self.environment.begin(write=True)

    def add(self, frames: Sequence[NDArray[np.uint8]], sound: NDArray[Any]) -> None:
        """The frames as they are to be stored, pixels or JPEG bytes."""
        for pick, frame in enumerate(frames):
            self._put(_frame_key(self.rows, pick), frame.tobytes())
        shape, kind = self.sound
        self._put(_sound_key(self.rows), sound.astype(kind).reshape(shape).tobytes())
        self.rows += 1

    def cut(self, rows: int) -> None:
        """Keep so many clips."""
        for row in range(rows, self.rows):
            self.writing.delete(_sound_key(row))
            for pick in range(self.per_clip):
                self.writing.delete(_frame_key(row, pick))
        self.rows = rows

    def finish(self, columns: Mapping[str, NDArray[Any]], items: Sequence[str], key: str) -> None:
        for name, values in columns.items():
            buffer = io.BytesIO()
            np.save(buffer, values, allow_pickle=False)
            self._put(f"column/{name}".encode(), buffer.getvalue())
        self._put(b"items", json.dumps(list(items)).encode())
        about = {"key": key, "clips": self.rows, "jpeg": self.jpeg, "size": self.size}
        if self.spectrograms:
            about["spectrogram"] = self.sound[0]
        self._put(b"about", json.dumps(about).encode())
        try:
            self.writing.commit()
        except lmdb.Error as error:
            raise _written(error) from None

    def _put(self, key: bytes, value: bytes) -> None:
        try:
            self.writing.put(key, value)
        except lmdb.Error as error:
            raise _written(error) from None

    def close(self) -> None:
        self.environment.close()


def _written(error: lmdb.Error) -> OSError:
    """LMDB says in its own way that the disk is full."""
    return OSError(0, str(error).rpartition(": ")[2])


def _frame_key(row: int, pick: int) -> bytes:
    return b"frame/%d/%d" % (row, pick)


def _sound_key(row: int) -> bytes:
    return b"sound/%d" % row


class _Environment:
    """An open file and one look at the whole of it, for as long as it is open."""

    def __init__(self, path: Path) -> None:
        try:
            self.lmdb = lmdb.open(
                str(path), subdir=False, readonly=True, lock=False, readahead=False, meminit=False, create=False
            )
            pages = self.lmdb.info()["last_pgno"] + 1
            if os.path.getsize(path) < pages * self.lmdb.stat()["psize"]:  # reading what is not there ends the process
                self.lmdb.close()
                raise ValueError("it is cut off")
            self.reading = self.lmdb.begin(buffers=True)
        except lmdb.Error as error:
            raise ValueError(str(error).rpartition(": ")[2]) from None

    def __del__(self) -> None:
        if hasattr(self, "reading"):
            self.reading.abort()
            self.lmdb.close()  # said aloud, else a forked process could not open the file again


_open: WeakValueDictionary[tuple[int, int, int], _Environment] = WeakValueDictionary()
_kept: dict[Path, _Environment] = {}


def _environment(path: Path) -> _Environment:
    """LMDB allows each process to open a file once, so those who read it share it."""
    there = os.stat(path)
    name = there.st_dev, there.st_ino, there.st_mtime_ns
    found = _open.get(name)
    if found is None:
        found = _open[name] = _Environment(path)
    return found


def whole_environment(path: Path) -> lmdb.Environment:
    """A file of somebody else's, opened once and kept open; ValueError or OSError where it is not whole."""
    _kept[path] = _environment(path)
    return _kept[path].lmdb


class LmdbShard:
    """An open file. What is missing or broken in it raises OSError, KeyError, IndexError or ValueError."""

    def __init__(self, path: Path) -> None:
        self._environment: _Environment | None = _environment(path)
        about = json.loads(bytes(self._get(b"about")))
        self.clips: int = about["clips"]
        self.jpeg, self.size, self.spectrogram = about["jpeg"], about["size"], about.get("spectrogram")
        self._columns: dict[str, NDArray[Any]] = {}

    @staticmethod
    def items(path: Path) -> tuple[str, list[str]]:
        """The key of a finished file and its items."""
        shard = LmdbShard(path)
        found = json.loads(bytes(shard._get(b"about")))["key"], json.loads(bytes(shard._get(b"items")))
        shard.close()
        return found

    def _get(self, key: bytes) -> memoryview:
        assert self._environment is not None
        try:
            value = self._environment.reading.get(key)
        except lmdb.Error as error:
            raise ValueError(str(error)) from None
        if value is None:
            raise KeyError(key.decode())
        return value

    def frame(self, row: int, pick: int) -> NDArray[np.uint8]:
        """As it is stored, pixels or JPEG bytes."""
        stored = np.frombuffer(self._get(_frame_key(row, pick)), np.uint8)
        return stored if self.jpeg else stored.reshape(self.size, self.size, 3)

    def sound(self, row: int) -> NDArray[Any]:
        stored = self._get(_sound_key(row))
        if self.spectrogram is None:
            return np.frombuffer(stored, "<i2").astype(np.int16, copy=False)
        return np.frombuffer(stored, "<f4").astype(np.float32, copy=False).reshape(self.spectrogram)

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        if name not in self._columns:
            stored = io.BytesIO(bytes(self._get(f"column/{name}".encode())))
            self._columns[name] = np.load(stored, allow_pickle=False)
        return self._columns[name][start:stop]

    def fill_frames(self, out: NDArray[np.uint8], row: int) -> None:
        """`out` (n, F, H, W, 3) with the clips from `row` on."""
        for n, clip in enumerate(out):
            for pick in range(len(clip)):
                frame = self.frame(row + n, pick)
                clip[pick] = decode_jpeg(frame) if self.jpeg else frame

    def fill_sounds(self, out: NDArray[Any], row: int) -> None:
        for n in range(len(out)):
            out[n] = self.sound(row + n)

    def close(self) -> None:
        """Give the file up; the last to do so closes it."""
        self._environment = None
