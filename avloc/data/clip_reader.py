"""Frames and sounds of clips by index: the part of a store that is sent to its reader processes."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avloc.data.shards import Shards

Indices = NDArray[np.integer] | Sequence[int]


class Reads(Protocol):
    """Reads clips: a ClipReader, or a store that reads its files in its own way."""

    def frames(self, clips: Indices, picks: Indices) -> NDArray[np.uint8]: ...

    def sounds(self, clips: Indices) -> NDArray[Any]: ...


class Fetches(Protocol):
    """A reader that can make the system load the bytes of a frame or a sound, so that they are read from memory later."""

    def fetch_frame(self, clip: int, pick: int) -> None: ...

    def fetch_sound(self, clip: int) -> None: ...

    def twin(self) -> "Fetches":
        """Another reader with its own files, which several threads can use at once."""
        ...


class ClipReader:
    """shards: the files. places: (N,) the shard of each clip, and its row in it; takes 8 bytes per clip."""

    def __init__(self, shards: Shards, *places: NDArray[np.integer]) -> None:
        self.shards = shards
        self.places = tuple(place.astype(np.int32, copy=False) for place in places)

    def frames(self, clips: Indices, picks: Indices) -> NDArray[np.uint8]:
        """One frame of each clip, RGB: (n, H, W, 3)."""
        out = np.empty((len(clips), *self.shards.form.frame), np.uint8)
        picks = np.asarray(picks)
        for n, shard, row in self._ordered(clips):
            out[n] = self.shards.frame(shard, row, int(picks[n]))
        return out

    def sounds(self, clips: Indices) -> NDArray[Any]:
        """(n, S) int16, mono; or spectrograms (n, T, F) float32."""
        form = self.shards.form
        out = np.empty((len(clips), *form.sound), form.sound_type)
        for n, shard, row in self._ordered(clips):
            out[n] = self.shards.sound(shard, row)
        return out

    def fetch_frame(self, clip: int, pick: int) -> None:
        self.shards.fetch(int(self.places[0][clip]), int(self.places[1][clip]), pick)

    def fetch_sound(self, clip: int) -> None:
        self.shards.fetch(int(self.places[0][clip]), int(self.places[1][clip]), None)

    def twin(self) -> "ClipReader":
        return ClipReader(self.shards.twin(), *self.places)

    def _ordered(self, clips: Indices) -> Iterator[tuple[int, int, int]]:
        """(position in the request, shard, row), in the order on disk."""
        clips = np.asarray(clips, np.int64)
        shards, rows = (place[clips] for place in self.places)
        for n in np.lexsort((rows, shards)):
            yield int(n), int(shards[n]), int(rows[n])


def frames_of(reader: Reads, clips: Indices, count: int) -> NDArray[np.uint8]:
    """All `count` frames of each clip: (n, count, H, W, 3)."""
    rows = reader.frames(np.repeat(clips, count), np.tile(np.arange(count), len(clips)))
    return rows.reshape(len(clips), count, *rows.shape[1:])
