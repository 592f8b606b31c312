"""Columns of all shards, stored again in `columns.npz`, so that a training gets them without opening every shard.

They are valid while all shards exist and have the same sizes as before; otherwise the shards are read.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.shard_files import shard_path
from avloc.plain_arrays import plain_arrays

Ints = NDArray[np.int64]
NAMES = ("video", "video_names", "video_ends", "labels", "shards_read")


@dataclass(frozen=True)
class KeptColumns:
    """Of N clips: video (N,), the index of its name among the sorted names of all videos; labels (N, C/8), in bits.

    video_names: UTF-8, concatenated. video_ends: the end of each. shards_read: (n, 2), number and bytes of each.
    """

    video: Ints
    video_names: NDArray[np.uint8]
    video_ends: Ints
    labels: NDArray[np.uint8]
    shards_read: Ints

    @cached_property
    def videos(self) -> list[str]:
        """The names of all videos."""
        return split_texts(self.video_names.tobytes(), self.video_ends)

    def labels_of(self, clips: Ints, classes: int) -> NDArray[np.bool_]:
        """(n, C)."""
        return np.unpackbits(self.labels[clips], axis=1, count=classes).astype(bool)

    def fit(self, clips: int, classes: int) -> bool:
        """Whether the arrays agree with each other and with the store."""
        whole = (self.video, self.video_ends, self.shards_read)
        if any(array.dtype != np.int64 for array in whole) or self.labels.dtype != np.uint8:
            return False
        shapes = [array.shape for array in (self.video, self.labels)]
        if shapes != [(clips,), (clips, -(-classes // 8))] or self.video_names.dtype != np.uint8:
            return False
        names = len(self.video_ends)
        ends = int(self.video_ends[-1]) if names else 0
        numbers = not clips or (self.video.min() >= 0 and self.video.max() < names)
        return bool(numbers) and ends == len(self.video_names) and self.shards_read.ndim == 2


def split_texts(content: bytes, ends: Ints) -> list[str]:
    """The UTF-8 texts in a concatenation, given the end of each."""
    stops = ends.tolist()
    starts = [0, *stops[:-1]]
    return [content[start:stop].decode("utf-8", "surrogatepass") for start, stop in zip(starts, stops, strict=True)]


def joined_texts(texts: Iterable[str]) -> tuple[NDArray[np.uint8], Ints]:
    """The inverse of `split_texts`."""
    each = [text.encode("utf-8", "surrogatepass") for text in texts]
    return np.frombuffer(b"".join(each), np.uint8), np.cumsum([len(text) for text in each], dtype=np.int64)


def sizes(store: Path, shards: Iterable[int], kind: str) -> Ints:
    """(n, 2): the number and size in bytes of each shard; OSError if one does not exist."""
    found = [(shard, os.stat(shard_path(store, shard, kind)).st_size) for shard in shards]
    return np.array(found, np.int64).reshape(-1, 2)


def kept_columns(videos: Sequence[str], labels: NDArray[np.bool_], shards: Ints) -> KeptColumns:
    """videos: N names. labels: (N, C). shards: see `sizes`."""
    names = sorted(set(videos))
    place = {name: number for number, name in enumerate(names)}
    numbers = np.array([place[name] for name in videos], np.int64)
    return KeptColumns(numbers, *joined_texts(names), np.packbits(labels, axis=1), shards)


def read_kept(file: Path, manifest: str, clips: int, classes: int, kind: str) -> KeptColumns | None:
    """Those of a store; None if there are none, or they are damaged or belong to another manifest or other shards.

    manifest: its SHA-256. clips: of the whole store. kind: of its shards.
    """
    try:
        found: dict[str, Any] = plain_arrays(file, ["manifest", *NAMES], ())
        if str(found.pop("manifest")) != manifest:
            return None
        kept = KeptColumns(**found)
        if not kept.fit(clips, classes):
            return None
        now = sizes(file.parent, kept.shards_read[:, 0].tolist(), kind)
    except (OSError, ValueError, IndexError):
        return None
    return kept if np.array_equal(now, kept.shards_read) else None
