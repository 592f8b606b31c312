"""A shard as an HDF5 file.

frames (n, F, H, W, 3) uint8, or (n, F) JPEG bytes; sounds (n, S) int16, or (n, T, F) float32 spectrograms; a dataset
for each column; items: JSON, one per item; the attribute `key`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from avloc.data.hdf5_places import Hdf5Places
from avloc.data.pictures import decode_jpeg
from avloc.data.shard_form import Form
from avloc.data.spectrograms import sound_form
from avloc.files import regular
from avloc.new_hdf5 import NewHdf5
from avloc.plain_hdf5 import dataset, fits, open_hdf5, told, values

STEP = 64  # rows by which a file grows


class Hdf5Writer:
    """Appends clips to a new file; the columns come at the end."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.file, self.rows = path, NewHdf5(path), 0
        size, self.jpeg = settings["size"], settings["frames"] == "jpeg"
        frame, kind = ((), h5py.vlen_dtype(np.uint8)) if self.jpeg else ((size, size, 3), np.uint8)
        self.kind = h5py.h5t.py_create(h5py.vlen_dtype(np.uint8))
        self.frames = self._appendable("frames", (settings["frames_per_clip"], *frame), kind)
        self.sounds = self._appendable("sounds", *sound_form(settings))

    def _appendable(self, name: str, shape: tuple[int, ...], kind: Any) -> h5py.Dataset:
        return self.file.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=(1, *shape))

    def add(self, frames: Sequence[NDArray[np.uint8]], sound: NDArray[Any]) -> None:
        """The frames as they will be stored, pixels or JPEG bytes."""
        row = self.rows
        if row == len(self.sounds):
            self._resize(row + STEP)
        if self.jpeg:
            self._add_bytes(row, frames)
        else:
            self.frames[row] = np.stack(frames)
        self.sounds[row] = sound
        self.file.check()
        self.rows = row + 1

    def _add_bytes(self, row: int, frames: Sequence[NDArray[np.uint8]]) -> None:
        """All in one low-level call, because h5py would turn arrays of equal length into a table."""
        together = np.empty((1, len(frames)), object)
        for pick, frame in enumerate(frames):
            together[0, pick] = frame
        place = self.frames.id.get_space()
        place.select_hyperslab((row, 0), together.shape)
        self.frames.id.write(h5py.h5s.create_simple(together.shape), place, together, self.kind)

    def _resize(self, rows: int) -> None:
        self.frames.resize(rows, axis=0)
        self.sounds.resize(rows, axis=0)

    def finish(self, columns: Mapping[str, NDArray[Any]], items: Sequence[str], key: str) -> None:
        self._resize(self.rows)
        for name, rows in columns.items():
            self.file[name] = rows
        self.file["items"] = list(items)
        self.file.attrs["key"] = key

    def close(self) -> None:
        self.file.close()


class Hdf5Shard:
    """An open file. Anything in it that is missing or damaged, or does not fit the store, raises OSError or ValueError."""

    def __init__(self, path: Path, form: Form) -> None:
        self.form = form
        with told():  # no chunk cache: each chunk is a clip and is read as a whole, and caches of many files add up
            self.file = h5py.File(regular(path), "r", locking=False, rdcc_nbytes=0, rdcc_nslots=1)
        try:
            self.sounds = dataset(self.file, "sounds")
            self.frames = self._frames()
            form.refuse_sounds(self.sounds.shape, self.sounds.dtype)
            self.clips: int = self.sounds.shape[0]
            if len(self.frames) != self.clips:
                raise ValueError(f"frames of {len(self.frames)} clips, sounds of {self.clips}")
        except ValueError:
            self.file.close()
            raise

    def places(self, path: Path) -> Hdf5Places | None:
        """The positions of its clips in the file, for reading them without HDF5; None if unknown."""
        with told():
            return Hdf5Places.of(self.file, path, self.form)

    @staticmethod
    def items(path: Path) -> tuple[str, list[str]]:
        """The key of a finished file and its items."""
        with open_hdf5(path) as file:
            lines = values(file, "items", "text")
            with told():
                return str(file.attrs["key"]), [line.decode() for line in lines.tolist()]

    @staticmethod
    def sources(path: Path) -> list[bytes]:
        """The column of the source files."""
        with open_hdf5(path) as file:
            return values(file, "sources", "text").ravel().tolist()

    def _frames(self) -> h5py.Dataset:
        """(n, F, H, W, 3) pixels, or (n, F) of JPEG bytes."""
        form = self.form
        found = dataset(self.file, "frames", "bytes" if form.jpeg else "whole number")
        expected = (form.frames,) if form.jpeg else (form.frames, *form.frame)
        if found.shape[1:] != expected or not (form.jpeg or found.dtype == np.uint8):
            raise ValueError(
                f"frames are {found.dtype} {found.shape}, store.json expects (n, {', '.join(map(str, expected))})"
            )
        return found

    def frame(self, row: int, pick: int) -> NDArray[np.uint8]:
        """As stored, pixels or JPEG bytes."""
        with told():
            return self.frames[row, pick]

    def sound(self, row: int) -> NDArray[Any]:
        with told():
            return self.sounds[row]

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        found = dataset(self.file, name, "any")
        self.form.refuse_column(name, found.shape, found.dtype.kind, self.clips)
        fits(self.file, found)
        with told():
            rows = found[start:stop]
        self.form.refuse_values(name, rows, self.clips)
        return rows

    def fill_frames(self, out: NDArray[np.uint8], row: int) -> None:
        """`out` (n, F, H, W, 3) with the clips from `row` on."""
        with told():
            if not self.form.jpeg:
                self.frames.read_direct(out, np.s_[row : row + len(out)])
                return
            stored = self.frames[row : row + len(out)]
        for clip, frames in zip(out, stored, strict=True):
            for pick, frame in enumerate(frames):
                clip[pick] = self.form.refuse_frame(decode_jpeg(frame))

    def fill_sounds(self, out: NDArray[Any], row: int) -> None:
        with told():
            self.sounds.read_direct(out, np.s_[row : row + len(out)])

    def close(self) -> None:
        self.file.close()
