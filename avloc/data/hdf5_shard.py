"""A shard as an HDF5 file.

frames (n, F, H, W, 3) uint8, or (n, F) JPEG bytes; sounds (n, S) int16, or (n, T, F) float32 spectrograms; a dataset for
each column; items: JSON, one an item; the attribute `key`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from avloc.data.pictures import decode_jpeg
from avloc.data.spectrograms import sound_form
from avloc.files import with_room

ABOUT = 512  # bytes a clip of what HDF5 keeps for itself until a file is closed


class Hdf5Writer:
    """Appends clips to a new file; the columns come at the end."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.file = path, h5py.File(path, "w", locking=False)
        size, self.jpeg = settings["size"], settings["frames"] == "jpeg"
        frame, kind = ((), h5py.vlen_dtype(np.uint8)) if self.jpeg else ((size, size, 3), np.uint8)
        self.frames = self._appendable("frames", (settings["frames_per_clip"], *frame), kind)
        self.sounds = self._appendable("sounds", *sound_form(settings))

    def _appendable(self, name: str, shape: tuple[int, ...], kind: Any) -> h5py.Dataset:
        return self.file.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=(1, *shape))

    def add(self, frames: Sequence[NDArray[np.uint8]], sound: NDArray[Any]) -> None:
        """The frames as they are to be stored, pixels or JPEG bytes."""
        row = len(self.sounds)
        with_room(self.path, sum(frame.nbytes for frame in frames) + sound.nbytes + ABOUT * row)
        self.cut(row + 1)
        for pick, frame in enumerate(frames):
            self.frames[row, pick] = frame
        self.sounds[row] = sound

    def cut(self, rows: int) -> None:
        """Keep so many clips."""
        self.frames.resize(rows, axis=0)
        self.sounds.resize(rows, axis=0)

    def finish(self, columns: Mapping[str, NDArray[Any]], items: Sequence[str], key: str) -> None:
        sizes = [values.nbytes for values in columns.values()] + [len(item) for item in items]
        with_room(self.path, sum(sizes) + ABOUT * len(self.sounds))
        for name, values in columns.items():
            self.file[name] = values
        self.file["items"] = list(items)
        self.file.attrs["key"] = key

    def close(self) -> None:
        self.file.close()


class Hdf5Shard:
    """An open file. What is missing or broken in it raises OSError, KeyError, IndexError or ValueError."""

    def __init__(self, path: Path) -> None:
        self.file = h5py.File(path, "r", locking=False)
        self.clips: int = self.file["sounds"].id.shape[0]

    @staticmethod
    def items(path: Path) -> tuple[str, list[str]]:
        """The key of a finished file and its items."""
        with h5py.File(path, "r", locking=False) as file:
            return file.attrs["key"], list(file["items"].asstr()[:])

    def frame(self, row: int, pick: int) -> NDArray[np.uint8]:
        """As it is stored, pixels or JPEG bytes."""
        return self.file["frames"][row, pick]

    def sound(self, row: int) -> NDArray[Any]:
        return self.file["sounds"][row]

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.file[name][start:stop]

    def fill_frames(self, out: NDArray[np.uint8], row: int) -> None:
        """`out` (n, F, H, W, 3) with the clips from `row` on."""
        stored = self.file["frames"]
        if stored.dtype == np.uint8:
            stored.read_direct(out, np.s_[row : row + len(out)])
            return
        for clip, frames in zip(out, stored[row : row + len(out)], strict=True):
            for pick, frame in enumerate(frames):
                clip[pick] = decode_jpeg(frame)

    def fill_sounds(self, out: NDArray[Any], row: int) -> None:
        self.file["sounds"].read_direct(out, np.s_[row : row + len(out)])

    def close(self) -> None:
        self.file.close()
