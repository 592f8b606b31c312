"""Stored pixel masks: one bit per pixel, compressed, concatenated in a column of bytes.

Columns of a shard: masks/clip (row of the clip), masks/frame, masks/label, masks/sounding, masks/end (where the bytes of
each mask end) and masks/bits (all bytes). Stores without ``masks`` in their settings have none of these columns.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Mask

LEVEL = 6  # of zlib: fixed, so that the same masks always give the same shard


def packed(pixels: NDArray[np.bool_]) -> bytes:
    """(H, W) bool to compressed bits."""
    return zlib.compress(np.packbits(pixels).tobytes(), LEVEL)


def unpacked(stored: bytes, size: int) -> NDArray[np.bool_]:
    """Compressed bits to (size, size) bool; ValueError if they are not the bits of one such mask."""
    expected = (size * size + 7) // 8
    unpacker = zlib.decompressobj()
    try:
        bits = unpacker.decompress(stored, expected + 1)  # at most this many, whatever the bytes claim
    except zlib.error as error:
        raise ValueError(f"a mask that cannot be unpacked ({error})") from None
    if len(bits) != expected or not unpacker.eof:
        raise ValueError(f"a mask of {len(bits)} bytes, not {expected}")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=size * size).reshape(size, size).astype(bool)


def columns(rows: Sequence[tuple[int, Mask, bytes]]) -> dict[str, NDArray[Any]]:
    """The columns of a shard from (row of the clip, mask, its packed pixels), ordered by row."""
    sizes = [len(bits) for _, _, bits in rows]
    return {
        "masks/clip": np.array([row for row, _, _ in rows], np.int64),
        "masks/frame": np.array([mask.frame for _, mask, _ in rows], np.int64),
        "masks/label": np.array([mask.label for _, mask, _ in rows], np.int64),
        "masks/sounding": np.array([mask.sounding for _, mask, _ in rows], bool),
        "masks/end": np.cumsum(np.array(sizes, np.int64), dtype=np.int64),
        "masks/bits": np.frombuffer(b"".join(bits for _, _, bits in rows), np.uint8),
    }


def read_one(file: Any, place: int, size: int) -> NDArray[np.bool_]:
    """The pixels of the mask with index `place` of an open shard."""
    ends = file.column("masks/end", max(place - 1, 0), place + 1)
    if len(ends) != min(place, 1) + 1:
        raise ValueError(f"mask {place} has no end")
    start, stop = (0, int(ends[0])) if place == 0 else map(int, ends)
    if not 0 <= start <= stop:
        raise ValueError(f"mask {place} lies from byte {start} to byte {stop}")
    return unpacked(file.column("masks/bits", start, stop).tobytes(), size)


@dataclass(frozen=True, eq=False)
class MaskTable:
    """The masks of many clips, with one array per column, ordered by clip; pixels are read when needed.

    clip: (M,) int64, position of the clip in its split. frame, label: (M,) int64. sounding: (M,) bool.
    shard, number: (M,) int64, the position of the pixels: number is the index among the masks of a shard. shards: their reader.
    size: side of the frames in pixels.
    """

    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    label: NDArray[np.int64]
    sounding: NDArray[np.bool_]
    shard: NDArray[np.int64]
    number: NDArray[np.int64]
    shards: Any = None
    size: int = 0

    @staticmethod
    def empty() -> "MaskTable":
        none = np.empty(0, np.int64)
        return MaskTable(none, none, none, np.empty(0, bool), none, none)

    def __len__(self) -> int:
        return len(self.clip)

    def pixels(self, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[np.bool_]:
        """(n, H, W), the pixels of these masks; DataError if a shard is missing or damaged."""
        out = np.empty((len(rows), self.size, self.size), bool)
        for place, row in enumerate(rows):
            out[place] = self.shards.mask(int(self.shard[row]), int(self.number[row]), self.size)
        return out

    def of_clip(self, index: int) -> tuple[Mask, ...]:
        """The masks of one clip, with their pixels."""
        rows = np.arange(*np.searchsorted(self.clip, [index, index + 1]))
        told = zip(self.frame[rows], self.label[rows], self.sounding[rows], self.pixels(rows), strict=True)
        return tuple(Mask(int(frame), int(label), bool(sounds), pixels) for frame, label, sounds, pixels in told)
