"""Reading the shards of a store: files are opened when first needed, once per process, and as many stay open as may."""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EMFILE, ENFILE, ENOENT
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

OPEN_FILES = 1024  # of one split, at most; HDF5 keeps about 0.2 MiB for each

Places = NDArray[np.int64]  # (N,)


class Shards:
    """Clips by (shard, row)."""

    def __init__(self, store: Path, form: Form, kind: str = "hdf5") -> None:
        self.store, self.form, self.kind = store, form, kind
        self._open: OrderedDict[int, Any] = OrderedDict()
        self._process = os.getpid()
        self._most: int | None = None

    def __reduce__(self) -> tuple[type["Shards"], tuple[Path, Form, str]]:
        """Another process opens the files for itself."""
        return Shards, (self.store, self.form, self.kind)

    @contextmanager
    def _reading(self, shard: int, stop: int) -> Iterator[Any]:
        """The open file of a shard, which must have the rows before `stop`."""
        if self._process != os.getpid():  # forked: the parent's handles are not ours
            self._open, self._process = OrderedDict(), os.getpid()
        path = shard_path(self.store, shard, self.kind)
        try:
            if shard not in self._open:
                self._open[shard] = self._opened(path)
            self._open.move_to_end(shard)
            file = self._open[shard]
            if file.clips < stop:
                raise ValueError(f"it has {file.clips} clips, not {stop}")
            yield file
        except (OSError, ValueError) as error:
            raise DataError(self._told(path, error)) from None

    def _opened(self, path: Path) -> Any:
        """Those that were read longest ago make room for it."""
        if self._most is None:
            self._most = most_open(OPEN_FILES)
        self._close_down_to(self._most - 1)
        read = backend(path)[1]
        try:
            return read(path, self.form)
        except OSError as error:
            if system_error(error) not in (EMFILE, ENFILE) or not self._open:
                raise
        self._most = max(1, len(self._open) // 2)  # other parts of the process keep files open, too
        self._close_down_to(self._most - 1)
        return read(path, self.form)

    def _close_down_to(self, count: int) -> None:
        while len(self._open) > count:
            self._open.popitem(last=False)[1].close()

    def _told(self, path: Path, error: Exception) -> str:
        """A shard that the system does not give may be whole: then nobody is told to write it again."""
        number = system_error(error)
        if number not in (None, ENOENT):
            return f"{path}: cannot be read ({os.strerror(number)}); nothing is known to be wrong with it"
        what = "missing" if number == ENOENT else f"broken or of another store ({why(error)})"
        return f"{path}: {what}; run the `avloc prepare` command of {self.store} again"

    def frame(self, shard: int, row: int, pick: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        with self._reading(shard, row + 1) as file:
            stored = file.frame(row, pick)
            return self.form.refuse_frame(decode_jpeg(stored)) if self.form.jpeg else stored

    def stored(self, shard: int, row: int, pick: int) -> NDArray[np.uint8]:
        """As it lies there, pixels or JPEG bytes."""
        with self._reading(shard, row + 1) as file:
            return file.frame(row, pick)

    def broken(self, clips: Mapping[int, int]) -> dict[int, str]:
        """Shards that cannot be read, or have fewer clips than they should, and why."""
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
            raise DataError(f"{self.store}: {name} are no text ({error.reason}); {again}") from None

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


def _rows(file: Any, name: str, first: int, last: int) -> NDArray[Any]:
    """Rows of a column; ValueError where it has fewer."""
    found = file.column(name, first, last)
    if len(found) != last - first:
        raise ValueError(f"{name} has fewer rows than {name.partition('/')[0]}/clip")
    return found


def _runs(shards: Places, rows: Places) -> Iterator[tuple[int, int, int, int]]:
    """(shard, start, stop, row): clips start..stop-1 lie in `shard` one after the other from `row` on."""
    if not len(shards):
        return
    breaks = np.flatnonzero((np.diff(shards) != 0) | (np.diff(rows) != 1)) + 1
    for start, stop in zip([0, *breaks.tolist()], [*breaks.tolist(), len(shards)], strict=True):
        yield int(shards[start]), start, stop, int(rows[start])
