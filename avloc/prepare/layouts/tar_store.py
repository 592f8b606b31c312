"""Tar shards read directly, as if they had been imported into a store of raw frames."""

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import BoxTable, Clip
from avloc.data.clip_reader import Reads, frames_of
from avloc.data.items import Items
from avloc.data.kept_columns import KeptColumns, joined_texts, kept_columns
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.links import Bounds, target
from avloc.prepare.layouts.shard_names import find_shards, of_clips
from avloc.prepare.layouts.tar_columns import Columns, read_columns
from avloc.prepare.layouts.tar_listing import keep_listing, kept_listing
from avloc.prepare.layouts.tar_reader import TarReader
from avloc.prepare.parts.moments import Moments

SIZE, RATE, SECONDS = 256, 16_000, 3.0
BUFFER = 4096  # clips: four shards of an export
_listed: dict[tuple[Any, ...], Columns] = {}  # sources that this process listed last


class TarStore(Store):
    """All splits of the shards; a sample is decoded when it is requested.

    A sample that turns out to be damaged when it is read ends the command, since it cannot be replaced. Boxes are read,
    masks are not.
    """

    buffer = BUFFER

    def __init__(self, source: Path, columns: Columns, rate: int | None = None, seconds: float | None = None) -> None:
        told = columns.told
        # an export states its settings; the sound of other shards is read as the method needs it
        rate, seconds = told.get("rate") or rate or RATE, told.get("seconds") or seconds or SECONDS
        counts = np.bincount(columns.split, minlength=len(columns.splits)).tolist()
        settings = {
            "classes": columns.classes, "rate": rate, "seconds": seconds, "samples": round(seconds * rate),
            "frames_per_clip": columns.places.shape[1] - 2, "size": told.get("size", SIZE), "frames": "raw",
            "votes": told.get("votes", 1), "data": told.get("data", "webdataset"),
            "splits": dict(zip(columns.splits, counts, strict=True)), **of_clips(told),
        }  # fmt: skip
        ones, names = np.ones(len(columns.ids), np.int64), np.array(columns.splits, np.str_)
        items = Items(
            names, columns.split, columns.shard, columns.row, ones, 0 * ones, *joined_texts(iter(columns.ids))
        )
        super().__init__(source, settings, items, columns.fingerprint)
        self._columns, self.root = columns, columns.root
        self._moments = Moments(self.size, rate, self.samples, short="repeat")

    @classmethod
    def of(
        cls, source: Path, rate: int | None = None, seconds: float | None = None, follow_links: bool = False
    ) -> "TarStore":
        """The shards of a folder, of one file, or of a pattern; rate and seconds of the sound unless it is an export.

        follow_links: also read shards that are links to outside the folder, which are an error otherwise.
        """
        root, shards, _ = find_shards(source)
        limits = Bounds([root, source], follow_links)
        if out := [root / shard for shard in shards if limits.lead_out(root / shard)]:
            raise DataError(
                f"{source}: {len(out)} of {len(shards)} shards are links to outside the folder, such as {target(out[0])}; set "
                "data.follow_links: true to read them"
            )
        stamps = [_stamp(root / shard) for shard in shards]
        known = (source.resolve(), *stamps)
        if known not in _listed:
            columns = kept_listing(source, stamps)
            if columns is None:
                columns = read_columns(source)
                keep_listing(source, stamps, columns)
            while len(_listed) >= 2:
                _listed.pop(next(iter(_listed)))
            _listed[known] = columns
        return cls(source, _listed[known], rate, seconds)

    @cached_property
    def _kept(self) -> KeptColumns:
        return kept_columns(self._columns.videos, self._columns.labels, np.empty((0, 2), np.int64))

    @cached_property
    def starts(self) -> NDArray[np.float64]:
        return self._columns.starts[self._clips]

    @cached_property
    def annotated(self) -> NDArray[np.bool_]:
        return self._columns.annotated[self._clips]

    @cached_property
    def frame_keys(self) -> list[tuple[str, ...]]:
        return [self._columns.keys[clip] for clip in self._clips.tolist()]

    @cached_property
    def boxes(self) -> BoxTable:
        table = self._columns.boxes
        place = np.full(len(self._columns.ids), -1, np.int64)
        place[self._clips] = np.arange(len(self))
        clips = place[table.clip]
        rows = np.flatnonzero(clips >= 0)
        rows = rows[np.argsort(clips[rows], kind="stable")]
        return BoxTable(clips[rows], table.frame[rows], table.label[rows], table.sounding[rows], table.xyxy[rows])

    @cached_property
    def clip_reader(self) -> Reads:
        columns = self._columns
        files = tuple(zip(columns.shards, columns.sizes, strict=True))
        clips = self._clips
        return TarReader(self.root, files, columns.shard[clips].astype(np.int32), columns.places[clips], self._moments)

    def shard_file(self, shard: int) -> Path:
        return Path(self._columns.shards[shard])

    def read_from(self, root: Path) -> Store:
        part = self._of(self._chosen)
        part.root = root
        return part

    def all_frames(self) -> NDArray[np.uint8]:
        return frames_of(self.clip_reader, np.arange(len(self)), self.frames_per_clip)

    def all_sounds(self) -> NDArray[Any]:
        return self.clip_reader.sounds(np.arange(len(self)))

    def clip(self, index: int) -> Clip:
        index = range(len(self))[index]
        frames, waveform = self.stored(index)
        about = vars(self.about(index)) | {"frames": np.stack(frames), "waveform": waveform}
        return Clip(**about)

    def stored(self, index: int) -> tuple[list[NDArray[np.uint8]], NDArray[Any]]:
        return list(self.frames_of([index])[0]), self.sounds([index])[0]

    def lines(self) -> Iterator[tuple[dict[str, Any], range]]:
        """A line for each sample, as in a manifest."""
        columns = self._columns
        for place, clip in enumerate(self._clips.tolist()):
            name = columns.ids[clip]
            where = columns.shards[columns.shard[clip]]
            row = {"id": name, "split": columns.splits[columns.split[clip]], "status": "ok", "clips": [name]}
            members = hashlib.sha256(columns.places[clip, :, 1].tobytes() + columns.labels[clip].tobytes())
            yield {**row, "where": where, "sha256": members.hexdigest()}, range(place, place + 1)


def _stamp(path: Path) -> tuple[str, int, int] | str:
    try:
        found = os.stat(path)
    except OSError:  # the listing reports it
        return str(path)
    return str(path), found.st_size, found.st_mtime_ns
