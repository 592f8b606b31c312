"""Reads the shards of a store: files are opened on first use, once per process, and as many stay open as possible."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENOENT
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data import masks
from avloc.data.clip import BoxTable
from avloc.data.open_files import most_open
from avloc.data.pictures import decode_jpeg
from avloc.data.shard_files import backend, shard_path
from avloc.data.shard_form import Form
from avloc.errors import DataError
from avloc.files import system_error, why

OPEN_FILES = 64  # opened by HDF5 or LMDB; the more files HDF5 has open, the longer it takes to close one
MOST_PLACES = 1 << 15  # shards whose clip positions are remembered, at most

Places = NDArray[np.int64]  # (N,)


class Shards:
    """Clips by (shard, row)."""

    def __init__(self, store: Path, form: Form, kind: str = "hdf5") -> None:
        self.store, self.form, self.kind = store, form, kind
        self._open: OrderedDict[int, Any] = OrderedDict()
        self._process = os.getpid()
        self._sizes: dict[int, tuple[int, int]] = {}
        self._places: dict[int, Any] = {}
        self._room: int | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["Shards"], tuple[Path, Form, str]]:
        """Another process opens its own files."""
        return Shards, (self.store, self.form, self.kind)

    @contextmanager
    def _reading(self, shard: int, stop: int, one: bool = False) -> Iterator[Any]:
        """The open file of a shard, which must have the rows before `stop`.

        one: only a single clip is read, for which its position is enough; None if the position is unknown.
        """
        if self._process != os.getpid():  # after a fork, the handles belong to the parent
            self._open, self._process = OrderedDict(), os.getpid()
        path = shard_path(self.store, shard, self.kind)
        try:
            if one and shard in self._places and self._places[shard].clips >= stop:
                yield self._places[shard]
                return
            if shard not in self._open:
                self._open[shard] = backend(path)[1](path, self.form)
                if len(self._open) > OPEN_FILES:
                    self._open.popitem(last=False)[1].close()
            self._open.move_to_end(shard)
            self._refuse_shorter(shard, path)
            file = self._open[shard]
            if file.clips < stop:
                raise ValueError(f"it has {file.clips} clips, not {stop}")
            if one and shard not in self._places:
                self._note_places(shard, path, file)
            yield file
        except (OSError, ValueError) as error:
            raise DataError(self._told(path, error)) from None

    def _refuse_shorter(self, shard: int, path: Path) -> None:
        """ValueError for a file whose end was cut off since it was opened: HDF5 would read zeros there, LMDB would crash."""
        try:
            now = os.stat(path)
        except OSError:  # removed, which harms nobody who has it open
            return
        number, size = self._sizes.setdefault(shard, (now.st_ino, now.st_size))
        if now.st_ino == number and now.st_size < size:
            raise ValueError(f"cut from {size} bytes to {now.st_size} while it was used")

    def _note_places(self, shard: int, path: Path, file: Any) -> None:
        """# as many as files may be open; the others are still read through HDF5"""
        if self._room is None:
            self._room = most_open(MOST_PLACES)
        if len(self._places) >= self._room:
            return
        try:
            found = file.places(path)
        except OSError:  # the system allows no more open files
            self._room = len(self._places)
            return
        if found is not None:
            self._places[shard] = found

    def _told(self, path: Path, error: Exception) -> str:
        """If the system cannot read a shard, it may be intact: then the message does not advise to rewrite it."""
        number = system_error(error)
        if number not in (None, ENOENT):
            return f"{path}: cannot be read ({os.strerror(number)}); the file itself may be fine"
        what = "missing" if number == ENOENT else f"broken or of another store ({why(error)})"
        return f"{path}: {what}; run the `avloc prepare` command of {self.store} again"

    def frame(self, shard: int, row: int, pick: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        with self._reading(shard, row + 1, one=True) as file:
            stored = file.frame(row, pick)
            if stored is not None:
                return self._decoded(stored)
        with self._reading(shard, row + 1) as file:
            return self._decoded(file.frame(row, pick))

    def fetch(self, shard: int, row: int, pick: int | None) -> None:
        """Read a frame, or the sound, and discard it: the system keeps it in memory. Several threads can do so at once."""
        with self._lock:  # HDF5 is single-threaded anyway
            if shard not in self._places:
                with self._reading(shard, row + 1) as file:
                    self._note_places(shard, shard_path(self.store, shard, self.kind), file)
                    if shard not in self._places:
                        _read_of(file, row, pick)
                        return
            places = self._places[shard]
        _read_of(places, row, pick)

    def twin(self) -> "Shards":
        """The same shards with separate files."""
        return Shards(self.store, self.form, self.kind)

    def _decoded(self, stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.form.refuse_frame(decode_jpeg(stored)) if self.form.jpeg else stored

    def stored(self, shard: int, row: int, pick: int) -> NDArray[np.uint8]:
        """As stored, pixels or JPEG bytes."""
        with self._reading(shard, row + 1) as file:
            return file.frame(row, pick)

    def broken(self, clips: Mapping[int, int]) -> dict[int, str]:
        """Shards that are unreadable or have too few clips, and the reason."""
        found = {}
        for shard, stop in sorted(clips.items()):
            try:
                with self._reading(shard, stop) as file:
                    for name in self.form.columns:
                        file.column(name)
            except DataError as error:
                found[shard] = str(error)
        return found

    def sound(self, shard: int, row: int) -> NDArray[Any]:
        """(S,) int16, or (T, F) float32."""
        with self._reading(shard, row + 1, one=True) as file:
            stored = file.sound(row)
            if stored is not None:
                return stored
        with self._reading(shard, row + 1) as file:
            return file.sound(row)

    def fill_frames(self, out: NDArray[np.uint8], shards: Places, rows: Places) -> None:
        """(N, F, H, W, 3)."""
        for shard, start, stop, row in _runs(shards, rows):
            with self._reading(shard, row + stop - start) as file:
                file.fill_frames(out[start:stop], row)

    def fill_sounds(self, out: NDArray[Any], shards: Places, rows: Places) -> None:
        """(N, S) int16, or (N, T, F) float32."""
        for shard, start, stop, row in _runs(shards, rows):
            with self._reading(shard, row + stop - start) as file:
                file.fill_sounds(out[start:stop], row)

    def column(self, name: str, shards: Places, rows: Places) -> NDArray[Any]:
        """(N, ...) of one of the small datasets."""
        parts: list[NDArray[Any]] = []
        for shard, start, stop, row in _runs(shards, rows):
            with self._reading(shard, row + stop - start) as file:
                parts.append(file.column(name, row, row + stop - start))
        if not parts:
            raise DataError(f"{self.store}: there is no clip to read; its manifest.jsonl says why")
        return np.concatenate(parts)

    def texts(self, name: str, shards: Places, rows: Places) -> list[Any]:
        """A column of names as text: N, or N lists."""
        stored = self.column(name, shards, rows)
        try:
            return np.char.decode(stored, "utf-8").tolist()
        except UnicodeDecodeError as error:
            again = f"run the `avloc prepare` command of {self.store} again"
            raise DataError(f"{self.store}: {name} are not text ({error.reason}); {again}") from None

    def boxes(self, shards: Places, rows: Places) -> BoxTable:
        """The boxes of the N clips, ordered by clip."""
        columns: dict[str, list[NDArray[Any]]] = {name: [] for name in ("clip", "frame", "label", "sounding", "xyxy")}
        for shard, start, stop, row in _runs(shards, rows):
            with self._reading(shard, row + stop - start) as file:
                clip = file.column("boxes/clip")
                first, last = np.searchsorted(clip, [row, row + stop - start]).tolist()
                columns["clip"].append(clip[first:last] - row + start)
                for name in ("frame", "label", "sounding", "xyxy"):
                    columns[name].append(_rows(file, f"boxes/{name}", first, last))
        if not columns["clip"]:
            return BoxTable.empty()
        return BoxTable(**{name: np.concatenate(parts) for name, parts in columns.items()})

    def masks(self, shards: Places, rows: Places, size: int) -> masks.MaskTable:
        """The masks of the N clips, ordered by clip. size: side of a frame in pixels."""
        columns: dict[str, list[NDArray[Any]]] = {name: [] for name in ("clip", "frame", "label", "sounding")}
        columns |= {"shard": [], "number": []}
        for shard, start, stop, row in _runs(shards, rows):
            with self._reading(shard, row + stop - start) as file:
                clip = file.column("masks/clip")
                first, last = np.searchsorted(clip, [row, row + stop - start]).tolist()
                columns["clip"].append(clip[first:last] - row + start)
                for name in ("frame", "label", "sounding"):
                    columns[name].append(_rows(file, f"masks/{name}", first, last))
                columns["shard"].append(np.full(last - first, shard, np.int64))
                columns["number"].append(np.arange(first, last, dtype=np.int64))
        if not columns["clip"]:
            return masks.MaskTable.empty()
        joined = {name: np.concatenate(parts) for name, parts in columns.items()}
        return masks.MaskTable(**joined, shards=self, size=size)

    def mask(self, shard: int, number: int, size: int) -> NDArray[np.bool_]:
        """(size, size), the pixels of one mask of a shard."""
        with self._reading(shard, 0) as file:
            return masks.read_one(file, number, size)


def _read_of(file: Any, row: int, pick: int | None) -> None:
    if pick is None:
        file.sound(row)
    else:
        file.frame(row, pick)


def _rows(file: Any, name: str, first: int, last: int) -> NDArray[Any]:
    """Rows of a column; ValueError if it has too few."""
    found = file.column(name, first, last)
    if len(found) != last - first:
        raise ValueError(f"{name} has fewer rows than {name.partition('/')[0]}/clip")
    return found


def _runs(shards: Places, rows: Places) -> Iterator[tuple[int, int, int, int]]:
    """(shard, start, stop, row): clips start..stop-1 are consecutive rows of `shard` from `row` on."""
    if not len(shards):
        return
    breaks = np.flatnonzero((np.diff(shards) != 0) | (np.diff(rows) != 1)) + 1
    for start, stop in zip([0, *breaks.tolist()], [*breaks.tolist(), len(shards)], strict=True):
        yield int(shards[start]), start, stop, int(rows[start])
