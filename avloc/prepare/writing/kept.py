"""The clips of an item that wait for their shard, so that a failing item leaves nothing there and memory stays bounded."""

import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from avloc.data import masks
from avloc.data.clip import Clip, Mask
from avloc.data.digest import clip_digest, content_digest
from avloc.data.pictures import encode_jpeg

_OF_ARRAYS = {"_frombuffer", "_reconstruct", "scalar", "dtype", "ndarray"}
IN_MEMORY = 1 << 25  # bytes of clips kept in memory; more go to a file


@dataclass(frozen=True, eq=False)
class Stored:
    """A clip as stored in a shard.

    frames: pixels or JPEG bytes. sound: int16 or float32. masks: without pixels; these are packed separately. about:
    the clip without all of these. digest: of the complete clip.
    """

    frames: Sequence[NDArray[np.uint8]]
    sound: NDArray[Any]
    masks: Sequence[tuple[Mask, bytes]]
    about: Clip
    digest: bytes


def stored(clip: Clip, settings: Mapping[str, Any]) -> Stored:
    """stored: ValueError for masks that the settings of the store do not allow."""
    jpeg = settings["frames"] == "jpeg"
    frames = list(clip.jpegs or map(encode_jpeg, clip.frames)) if jpeg else list(clip.frames)
    return stored_as(frames, clip.waveform if clip.spectrogram is None else clip.spectrogram, clip, settings)


def stored_as(
    frames: Sequence[NDArray[np.uint8]], sound: NDArray[Any], clip: Clip, settings: Mapping[str, Any]
) -> Stored:
    """With frames and sound in the form they are stored in."""
    bare = np.empty((0, 0), bool)
    packed = [(replace(mask, pixels=bare), _packed(mask, settings)) for mask in clip.masks]
    nothing = np.empty(0, np.uint8), np.empty(0, np.int16)
    about = replace(clip, frames=nothing[0], waveform=nothing[1], spectrogram=None, masks=(), jpegs=())
    return Stored(frames, sound, packed, about, clip_digest(content_digest(frames, sound), clip))


def _packed(mask: Mask, settings: Mapping[str, Any]) -> bytes:
    masked, size = settings.get("masks", False), settings["size"]
    if not masked or mask.pixels.shape != (size, size):
        expected = f"{size} x {size} pixels" if masked else "none, because its settings have no masks"
        raise ValueError(f"a mask of {mask.pixels.shape} for a store of {expected}")
    return masks.packed(mask.pixels)


class _Plain(pickle.Unpickler):
    """Unpickles arrays and dataclasses of avloc and nothing else: other users may be able to write to the folder."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in _OF_ARRAYS:
            return super().find_class(module, name)
        if module.partition(".")[0] == "avloc" and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and is_dataclass(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a clip")


class Kept:
    """Clips one after the other in a temporary file of this command."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def add(self, clip: Stored) -> None:
        pickle.dump(clip, self.file, pickle.HIGHEST_PROTOCOL)

    def mark(self) -> int:
        """The position where the next clip starts."""
        return self.file.tell()

    def back_to(self, mark: int) -> None:
        """Drop everything added since."""
        self.file.seek(mark)
        self.file.truncate()

    def clips(self, count: int) -> Iterator[Stored]:
        """The next `count` clips from the current position."""
        for _ in range(count):
            yield _Plain(self.file).load()


@contextmanager
def kept_beside(path: Path) -> Iterator[Kept]:
    """In memory, or if it grows large, in an unnamed file on the same disk as `path`."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(path.parent)) as file:
        yield Kept(file)


@contextmanager
def kept_at(path: Path, mode: str) -> Iterator[Kept]:
    """In a file to be read by another process. mode: "xb" to write it, "rb" to read it."""
    with open(path, mode) as file:
        yield Kept(file)
