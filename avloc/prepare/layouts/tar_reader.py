"""Frames and sounds of samples, read directly from their tar shards."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip_reader import Indices
from avloc.data.open_files import most_open
from avloc.errors import DataError
from avloc.files import why
from avloc.naming import printable
from avloc.prepare.layouts.sample_media import decoded, film_in, middle_of, sound_in
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.moments import Moments

MOST_SHARDS = 4096  # files open at once
HEADER, NAME = 512, 100  # bytes of a header, and of the name at its start


class TarReader:
    """Sent to the reader processes; each opens the shards itself.

    files: name and bytes of each shard. shard: (N,) the shard of each clip. places: (N, F + 2, 2), see `Columns`.
    """

    def __init__(
        self,
        root: Path,
        files: tuple[tuple[str, int], ...],
        shard: NDArray[np.int32],
        places: NDArray[np.int64],
        moments: Moments,
    ) -> None:
        self.root, self.files, self.shard, self.places, self.moments = root, files, shard, places, moments
        self._open: OrderedDict[int, int] = OrderedDict()
        self._room = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return TarReader, (self.root, self.files, self.shard, self.places, self.moments)

    def frames(self, clips: Indices, picks: Indices) -> NDArray[np.uint8]:
        """One frame of each clip, RGB: (n, H, W, 3)."""
        size, picks = self.moments.size, np.asarray(picks)
        return self._each(clips, (size, size, 3), np.uint8, lambda n, clip: self._frame(clip, int(picks[n])))

    def sounds(self, clips: Indices) -> NDArray[np.int16]:
        """(n, S), mono."""
        return self._each(clips, (self.moments.samples,), np.int16, lambda n, clip: self._sound(clip))

    def fetch_frame(self, clip: int, pick: int) -> None:
        place = self.places[clip, pick]
        self._bytes(clip, self.places[clip, -2] if place[0] < 0 else place)

    def fetch_sound(self, clip: int) -> None:
        film, sound = self.places[clip, -2:]
        self._bytes(clip, film if sound[0] < 0 else sound)

    def twin(self) -> "TarReader":
        """Another reader with its own files, which several threads can use at once."""
        return TarReader(self.root, self.files, self.shard, self.places, self.moments)

    def _each(
        self, clips: Indices, shape: tuple[int, ...], kind: Any, read: Callable[[int, int], NDArray]
    ) -> NDArray[Any]:
        """In the order on disk."""
        clips = np.asarray(clips, np.int64)
        out = np.empty((len(clips), *shape), kind)
        for n in np.lexsort((self.places[clips].max((1, 2)), self.shard[clips])).tolist():
            clip = int(clips[n])
            try:
                out[n] = read(n, clip)
            except MediaError as error:
                what = MediaError(self._name(clip), error.reason, error.detail)
                told = "repair it, or use `avloc prepare import --layout webdataset`, which skips it"
                raise DataError(f"{what}; {told}") from None
        return out

    def _frame(self, clip: int, pick: int) -> NDArray[np.uint8]:
        place = self.places[clip, pick]
        if place[0] < 0:
            return self._film(clip)[1][pick]
        return self.moments.square(decoded("", np.frombuffer(self._bytes(clip, place), np.uint8)))

    def _sound(self, clip: int) -> NDArray[np.int16]:
        film, sound = self.places[clip, -2:]
        if self.places[clip, 0, 0] < 0:
            return self._film(clip)[2]
        content = self._bytes(clip, film if sound[0] < 0 else sound)
        return middle_of("", "", sound_in("", content, self.moments), self.moments)[0]

    def _film(self, clip: int) -> tuple[float, NDArray[np.uint8], NDArray[np.int16], dict[str, Any]]:
        film, sound = self.places[clip, -2:]
        own = None if sound[0] < 0 else sound_in("", self._bytes(clip, sound), self.moments)
        return film_in("", "", self._bytes(clip, film), own, self.moments, self.places.shape[1] - 2)

    def _name(self, clip: int) -> str:
        """The shard and the name of a sample's member, which is in the header before its bytes."""
        starts, shard = self.places[clip, :, 0], int(self.shard[clip])
        header = _pread(self._file(shard), NAME, int(starts.max()) - HEADER)
        member = header.partition(b"\0")[0].decode(errors="replace")
        return f"{self.root / self.files[shard][0]}: {printable(member)}"

    def _bytes(self, clip: int, place: NDArray[np.int64]) -> bytes:
        start, count = place.tolist()
        shard = int(self.shard[clip])
        path = self.root / self.files[shard][0]
        try:
            with self._lock:
                file = self._file(shard)
            # if another thread closes the file meanwhile, the fetch fails, but nobody needs its result
            content = _pread(file, count, start)
        except OSError as error:
            raise DataError(f"{path}: cannot be read now ({why(error)}); it may be intact, so try again") from None
        if len(content) < count:
            raise MediaError("", "broken shard", "is truncated")
        return content

    def _file(self, shard: int) -> int:
        """The open file of a shard; DataError if the file was replaced since it was listed."""
        if shard in self._open:
            self._open.move_to_end(shard)
            return self._open[shard]
        self._room = self._room or most_open(MOST_SHARDS)
        while len(self._open) >= self._room:
            os.close(self._open.popitem(last=False)[1])
        name, size = self.files[shard]
        file = os.open(self.root / name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        self._open[shard] = file
        found = os.fstat(file).st_size
        if found != size:
            raise DataError(f"{self.root / name}: now has {found} bytes; it had {size} when it was listed: start again")
        return file

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def __del__(self) -> None:
        self.close()


def _pread(file: int, count: int, start: int) -> bytes:
    """Also reads more than the system returns in one call."""
    parts = []
    while count > 0:
        part = os.pread(file, count, start) if hasattr(os, "pread") else _sought(file, count, start)
        if not part:
            break
        parts.append(part)
        start, count = start + len(part), count - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _sought(file: int, count: int, start: int) -> bytes:
    """Windows has no pread."""
    os.lseek(file, start, os.SEEK_SET)
    return os.read(file, count)
