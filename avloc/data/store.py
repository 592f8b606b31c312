"""A prepared data set on disk, read lazily; an opened store can be sent to other processes."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import BoxTable, Clip
from avloc.data.clip_reader import ClipReader, Indices, Reads, frames_of
from avloc.data.items import FILE, Items, lines_at
from avloc.data.kept_columns import KeptColumns, read_kept
from avloc.data.masks import MaskTable
from avloc.data.opening import read_store
from avloc.data.shard_files import shard_path
from avloc.data.shard_form import form_of
from avloc.data.shards import Shards
from avloc.data.spectrograms import empty_sounds, spectrograms_of
from avloc.data.store_settings import splits_of


class Store:
    """The clips of a store, or of one of its splits, in the order of the lists they were prepared from.

    root: the folder that its shards are read from; it differs from its path if they were copied.
    classes: names, in the order of the labels. rate: Hz. seconds: length of a clip. size: pixels, frames are square.
    splits: clips in each. votes: how many boxes must agree on a pixel for its full weight.
    spectrograms: their form, None if clips have waveforms. masked: whether clips have masks.
    form: the required form of its shards. buffer: size of the shuffle buffer in clips; None to shuffle all.
    fingerprint: of the settings and the manifest, independent of the store's path.
    """

    buffer: int | None = None

    def __init__(
        self, path: Path, settings: dict[str, Any], items: Items | None, fingerprint: str, manifest: str = ""
    ) -> None:
        self.path = self.root = path
        self.classes: tuple[str, ...] = tuple(settings["classes"])
        self.rate: int = settings["rate"]
        self.seconds: float = settings["seconds"]
        self.samples: int = settings["samples"]
        self.frames_per_clip: int = settings["frames_per_clip"]
        self.size: int = settings["size"]
        self.splits: dict[str, int] = settings["splits"]
        self.votes: int = settings.get("votes", 1)
        self.spectrograms = spectrograms_of(settings)
        self.masked: bool = settings.get("masks", False)
        self.fingerprint = fingerprint
        self.split_name: str | None = None
        self.settings = settings
        self._items, self._manifest = Items.none() if items is None else items, manifest
        self._chosen = np.arange(len(self._items))  # those of the items in this part of the store
        self.form = form_of(settings)
        self._shards = Shards(path, self.form, settings.get("store", "hdf5"))

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """Reads the settings and the manifest, but no clip; DataError if there is no complete store."""
        return cls(*read_store(Path(path)))

    def split(self, name: str) -> "Store":
        """The clips of one list, or of several concatenated ones: "train_whole+train_solo"."""
        names = splits_of(self.path, self.splits, name)
        part = self._of(np.concatenate([self._items.of_split(one) for one in names]))
        part.split_name = name
        return part

    def item_of(self, index: int) -> tuple["Store", int]:
        """The clips of the item that a clip belongs to, and the clip's index among them; they are in one shard."""
        counts = self._items.count[self._chosen]
        stops = np.cumsum(counts)
        place = int(np.searchsorted(stops, index, "right"))
        return self._of(self._chosen[place : place + 1]), index - int(stops[place] - counts[place])

    def _of(self, chosen: NDArray[np.int64]) -> "Store":
        part = copy.copy(self)
        part.__dict__ = {key: value for key, value in vars(self).items() if key not in _CACHED}
        part._chosen = chosen
        return part

    def __len__(self) -> int:
        return len(self.places[0])

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}, split={self.split_name!r}, {len(self)} clips)"

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) shard of each clip, (N,) row in it."""
        return self._items.places(self._chosen)

    @cached_property
    def _clips(self) -> NDArray[np.int64]:
        """(N,) the index of each clip among those of the whole store."""
        return self._items.clips_of(self._chosen)

    @cached_property
    def _kept(self) -> KeptColumns | None:
        clips = len(self._items.ends)
        return read_kept(self.path / FILE, self._manifest, clips, len(self.classes), self._shards.kind)

    @cached_property
    def ids(self) -> list[str]:
        return self._items.texts(self._clips)

    @cached_property
    def videos(self) -> list[str]:
        """N names; clips of one video are not independent of each other."""
        if self._kept is not None:
            return [self._kept.videos[number] for number in self._kept.video[self._clips].tolist()]
        return self._shards.texts("videos", *self.places)

    @cached_property
    def video_numbers(self) -> NDArray[np.int64]:
        """(N,) the clips' videos as numbers, equal for clips of one video."""
        if self._kept is not None:
            return np.unique(self._kept.video[self._clips], return_inverse=True)[1].reshape(-1).astype(np.int64)
        return np.unique(self.videos, return_inverse=True)[1].reshape(-1).astype(np.int64)

    @cached_property
    def class_sets(self) -> NDArray[np.int64]:
        """(N,) the same number for clips with the same sounding classes."""
        packed = np.packbits(self.labels, axis=1)
        return np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    @cached_property
    def starts(self) -> NDArray[np.float64]:
        """(N,) seconds from the first frame of the video."""
        return self._column("starts")

    @cached_property
    def labels(self) -> NDArray[np.bool_]:
        """(N, C), the classes that sound."""
        if self._kept is not None and len(self):  # without a clip, the shards tell what is wrong
            return self._kept.labels_of(self._clips, len(self.classes))
        return self._column("labels")

    @cached_property
    def annotated(self) -> NDArray[np.bool_]:
        """(N, F), frames that are in the annotation, including those without a box."""
        return self._column("annotated")

    @cached_property
    def frame_keys(self) -> list[tuple[str, ...]]:
        """N times F names of frames; empty if the annotation has no name for it."""
        return [tuple(keys) for keys in self._shards.texts("keys", *self.places)]

    @cached_property
    def boxes(self) -> BoxTable:
        """All boxes, ordered by clip."""
        return self._shards.boxes(*self.places)

    @cached_property
    def masks(self) -> MaskTable:
        """All masks, ordered by clip, none if the store has none; `masks.pixels` reads them."""
        return self._shards.masks(*self.places, self.size) if self.masked else MaskTable.empty()

    @cached_property
    def clip_reader(self) -> Reads:
        """Reads frames and sounds of these clips, in this process or in another one that it is sent to."""
        return ClipReader(self._shards, *self.places)

    def shard_file(self, shard: int) -> Path:
        """The path relative to `root`."""
        return shard_path(Path(), shard, self._shards.kind)

    def read_from(self, root: Path) -> "Store":
        """The same clips, read from other files with the same names."""
        part = self._of(self._chosen)
        part.root, part._shards = root, Shards(root, self.form, self._shards.kind)
        return part

    def frames(self, clips: Indices, picks: Indices) -> NDArray[np.uint8]:
        """One frame of each clip, RGB: (n, H, W, 3)."""
        return self.clip_reader.frames(clips, picks)

    def frames_of(self, clips: Indices) -> NDArray[np.uint8]:
        """All frames of each clip: (n, F, H, W, 3)."""
        return frames_of(self, clips, self.frames_per_clip)

    def sounds(self, clips: Indices) -> NDArray[Any]:
        """(n, S) int16, mono; or spectrograms (n, T, F) float32, if the store has these."""
        return self.clip_reader.sounds(clips)

    def all_frames(self) -> NDArray[np.uint8]:
        """(N, F, H, W, 3) RGB, in memory."""
        out = np.empty((len(self), self.frames_per_clip, self.size, self.size, 3), np.uint8)
        self._shards.fill_frames(out, *self.places)
        return out

    def all_sounds(self) -> NDArray[Any]:
        """All of `sounds`, in memory."""
        out = empty_sounds(self.settings, len(self))
        self._shards.fill_sounds(out, *self.places)
        return out

    @property
    def nbytes(self) -> int:
        """Bytes of all_frames and all_sounds together."""
        sound = empty_sounds(self.settings, 1).nbytes
        return len(self) * (self.frames_per_clip * self.size * self.size * 3 + sound)

    def clip(self, index: int) -> Clip:
        """One complete clip."""
        index = range(len(self))[index]
        shard, row = (int(places[index]) for places in self.places)
        frames = np.stack([self._shards.frame(shard, row, pick) for pick in range(self.frames_per_clip)])
        sound, about = self._shards.sound(shard, row), self.about(index)
        if self.spectrograms is None:
            return replace(about, frames=frames, waveform=sound)
        return replace(about, frames=frames, spectrogram=sound)

    def about(self, index: int) -> Clip:
        """One clip without its frames and its sound."""
        return Clip(
            id=self.ids[index],
            video=self.videos[index],
            split=self.split_name or "",
            start=float(self.starts[index]),
            frames=np.empty(0, np.uint8),
            frame_keys=self.frame_keys[index],
            waveform=np.empty(0, np.int16),
            labels=tuple(np.flatnonzero(self.labels[index]).tolist()),
            boxes=self.boxes.of_clip(index),
            annotated=tuple(self.annotated[index].tolist()),
            masks=self.masks.of_clip(index),
        )

    def stored(self, index: int) -> tuple[list[NDArray[np.uint8]], NDArray[Any]]:
        """The frames of a clip as stored, pixels or JPEG bytes, and its waveform or spectrogram."""
        shard, row = (int(places[index]) for places in self.places)
        frames = [self._shards.stored(shard, row, pick) for pick in range(self.frames_per_clip)]
        return frames, self._shards.sound(shard, row)

    def lines(self) -> Iterator[tuple[dict[str, Any], range]]:
        """The manifest's rows of prepared items, each with its clips."""
        stops = np.cumsum(self._items.count[self._chosen]).tolist()
        rows = lines_at(self.path / "manifest.jsonl", self._items.line[self._chosen])
        yield from zip(rows, map(range, [0, *stops], stops), strict=False)

    def _column(self, name: str) -> NDArray[Any]:
        return self._shards.column(name, *self.places)


_CACHED = {name for name, value in vars(Store).items() if isinstance(value, cached_property)}
