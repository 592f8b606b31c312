"""A shard as an LMDB file.

Keys: "frame/ROW/PICK" (pixels, or JPEG bytes), "sound/ROW" (int16, or a float32 spectrogram), "column/NAME" (the
.npy format), "items" (JSON), "about" (JSON: key, clips, jpeg, size; of spectrograms their shape).
"""

import errno
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import lmdb
import numpy as np
from numpy.typing import NDArray

from avloc.data.pictures import decode_jpeg
from avloc.data.shard_form import Form
from avloc.data.spectrograms import sound_form, spectrograms_of
from avloc.files import regular
from avloc.naming import shortened
from avloc.plain_arrays import plain_array
from avloc.plain_json import NotJson, plain_json

ROOM = 1 << 25  # bytes of address space of a new file; it grows by a quarter plus this much
SPARE = 1 << 20  # bytes that stay free for the pages of its index
PAGE, OF_A_VALUE = 4096, 64  # bytes of a value, and of LMDB's overhead per value


class LmdbWriter:
    """Appends clips to a new file; the columns come at the end.

    It maps little more than it contains, because a fixed map of the largest size would fail if address space is limited.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        path.unlink(missing_ok=True)  # an empty file, created to reserve the name, is not an environment
        self.room, self.used = ROOM, SPARE
        with _system():
            self.environment = lmdb.open(str(path), subdir=False, lock=False, map_size=ROOM, sync=False)
            self.writing = self.environment.begin(write=True)
        self.size, self.jpeg, self.per_clip = (
            settings["size"],
            settings["frames"] == "jpeg",
            settings["frames_per_clip"],
        )
        self.sound = sound_form(settings)
        self.spectrograms = spectrograms_of(settings) is not None
        self.rows = 0

    def add(self, frames: Sequence[NDArray[np.uint8]], sound: NDArray[Any]) -> None:
        """The frames as they will be stored, pixels or JPEG bytes."""
        for pick, frame in enumerate(frames):
            self._put(_frame_key(self.rows, pick), frame.tobytes())
        shape, kind = self.sound
        self._put(_sound_key(self.rows), sound.astype(kind).reshape(shape).tobytes())
        self.rows += 1

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
        with _system():
            self.writing.commit()

    def _put(self, key: bytes, value: bytes) -> None:
        needed = -(-(len(key) + len(value) + OF_A_VALUE) // PAGE) * PAGE + OF_A_VALUE
        with _system():
            if self.used + needed > self.room:
                self._grow(needed)
            self.writing.put(key, value)
        self.used += needed

    def _grow(self, needed: int) -> None:
        """The map can only grow between two transactions."""
        self.writing.commit()
        self.used = (self.environment.info()["last_pgno"] + 1) * PAGE + SPARE
        self.room = (self.used + needed) * 5 // 4 // PAGE * PAGE + ROOM
        self.environment.set_mapsize(self.room)
        self.writing = self.environment.begin(write=True)

    def close(self) -> None:
        self.environment.close()


@contextmanager
def _system() -> Iterator[None]:
    """LMDB has its own exceptions for a full disk and a lack of memory."""
    try:
        yield
    except lmdb.MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from None
    except lmdb.Error as error:
        raise OSError(0, str(error).rpartition(": ")[2]) from None


def _frame_key(row: int, pick: int) -> bytes:
    return b"frame/%d/%d" % (row, pick)


def _sound_key(row: int) -> bytes:
    return b"sound/%d" % row


class _Environment:
    """An open file with one transaction over the whole of it, for as long as it is open."""

    def __init__(self, path: Path) -> None:
        try:
            self.lmdb = lmdb.open(
                str(path), subdir=False, readonly=True, lock=False, readahead=False, meminit=False, create=False
            )
            pages = self.lmdb.info()["last_pgno"] + 1
            # reading beyond the end of the file would crash the process
            if os.path.getsize(path) < pages * self.lmdb.stat()["psize"]:
                self.lmdb.close()
                raise ValueError("it is truncated")
            self.reading = self.lmdb.begin(buffers=True)
        except lmdb.MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from None
        except lmdb.Error as error:
            raise ValueError(str(error).rpartition(": ")[2]) from None

    def __del__(self) -> None:
        if hasattr(self, "reading"):
            self.reading.abort()
            self.lmdb.close()  # closed explicitly, otherwise a forked process could not open the file again


_open: WeakValueDictionary[tuple[int, int, int], _Environment] = WeakValueDictionary()
_kept: dict[Path, _Environment] = {}


def _environment(path: Path) -> _Environment:
    """LMDB allows each process to open a file only once, so its readers share it."""
    there = os.stat(regular(path))
    name = there.st_dev, there.st_ino, there.st_mtime_ns
    found = _open.get(name)
    if found is None:
        found = _open[name] = _Environment(path)
    return found


def whole_environment(path: Path) -> lmdb.Environment:
    """Another program's file, opened once and kept open; ValueError or OSError if it is incomplete."""
    _kept[path] = _environment(path)
    return _kept[path].lmdb


class LmdbShard:
    """An open file. Anything in it that is missing or damaged, or does not fit the store, raises OSError or ValueError."""

    def __init__(self, path: Path, form: Form) -> None:
        self.form = form
        self._environment: _Environment | None = _environment(path)
        about = self._json(b"about")
        clips = about.get("clips") if isinstance(about, dict) else None
        if not isinstance(clips, int) or isinstance(clips, bool) or clips < 0:
            raise ValueError(f"about: clips is {shortened(clips)}; expected the number of clips")
        self.clips: int = clips
        self._columns: dict[str, NDArray[Any]] = {}

    @classmethod
    @contextmanager
    def _unchecked(cls, path: Path) -> "Iterator[LmdbShard]":
        """The file, without checking that it fits the store."""
        shard = cls.__new__(cls)
        shard._environment = _environment(path)
        try:
            yield shard
        finally:
            shard.close()

    @staticmethod
    def sources(path: Path) -> list[bytes]:
        """The column of the source files."""
        with LmdbShard._unchecked(path) as shard:
            return plain_array(io.BytesIO(bytes(shard._get(b"column/sources")))).ravel().tolist()

    @staticmethod
    def items(path: Path) -> tuple[str, list[str]]:
        """The key of a finished file and its items."""
        with LmdbShard._unchecked(path) as shard:
            about, lines = shard._json(b"about"), shard._json(b"items")
        key = about.get("key") if isinstance(about, dict) else None
        if not isinstance(key, str) or not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise ValueError("about and items are not in the form that avloc writes")
        return key, lines

    def _get(self, key: bytes) -> memoryview:
        assert self._environment is not None
        try:
            value = self._environment.reading.get(key)
        except lmdb.Error as error:
            raise ValueError(str(error)) from None
        if value is None:
            raise ValueError(f"no {key.decode()} in it")
        return value

    def _json(self, key: bytes) -> Any:
        try:
            return plain_json(bytes(self._get(key)))
        except NotJson as error:
            raise ValueError(f"{key.decode()}: not JSON ({error})") from None

    def frame(self, row: int, pick: int) -> NDArray[np.uint8]:
        """As stored, pixels or JPEG bytes."""
        stored = np.frombuffer(self._get(_frame_key(row, pick)), np.uint8)
        return stored if self.form.jpeg else stored.reshape(self.form.frame)

    def sound(self, row: int) -> NDArray[Any]:
        stored = np.frombuffer(self._get(_sound_key(row)), self.form.sound_type)
        return stored.astype(stored.dtype.newbyteorder("="), copy=False).reshape(self.form.sound)

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        if name not in self._columns:
            found = plain_array(io.BytesIO(bytes(self._get(f"column/{name}".encode()))))
            self.form.refuse_column(name, found.shape, found.dtype.kind, self.clips)
            self.form.refuse_values(name, found, self.clips)
            self._columns[name] = found
        return self._columns[name][start:stop]

    def fill_frames(self, out: NDArray[np.uint8], row: int) -> None:
        """`out` (n, F, H, W, 3) with the clips from `row` on."""
        for n, clip in enumerate(out):
            for pick in range(len(clip)):
                frame = self.frame(row + n, pick)
                clip[pick] = self.form.refuse_frame(decode_jpeg(frame)) if self.form.jpeg else frame

    def fill_sounds(self, out: NDArray[Any], row: int) -> None:
        for n in range(len(out)):
            out[n] = self.sound(row + n)

    def places(self, path: Path) -> None:
        """A file of LMDB is mapped into memory anyway."""

    def close(self) -> None:
        """Release the file; the last user closes it."""
        self._environment = None
