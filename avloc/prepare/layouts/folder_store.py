"""A folder of frames and sounds read directly, as if it had been imported into a store of raw frames."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import BoxTable, Clip
from avloc.data.clip_reader import Indices, Reads
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import regular
from avloc.links import Bounds, target
from avloc.naming import counted, some
from avloc.prepare.layouts.frames_and_sounds import FolderReader, list_folder
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.id_lists import read_lists
from avloc.prepare.parts.items import REFUSED, Item
from avloc.prepare.parts.linked_out import LINKED_OUT, refuse_most
from avloc.prepare.parts.moments import Moments
from avloc.walking import files_in

log = logging.getLogger("avloc.data")
SIZE, FRAME, SECONDS = 256, 7, 3.0
ENDINGS = (".txt", ".csv")


FOLLOW = "set data.follow_links: true"


def _without_links(root: Path, items: list[Item], follow: bool) -> list[Item]:
    """The items; those whose frame or sound is a link to outside the folder have neither, unless links are followed."""
    limits = Bounds([root], follow)
    out = {
        item.id: path
        for item in items
        for what in ("picture", "sound")
        if what in item.facts and limits.lead_out(path := root / item.facts[what])
    }
    refuse_most(root, "listed clips", list(out.values()), len(items), FOLLOW)
    if out:
        text = "%s: %s to outside the folder (%s to read them): %s"
        links = counted(len(out), "listed clip is a link", "listed clips are links")
        log.warning(text, root, links, FOLLOW, some(map(target, out.values())))
    return [replace(item, facts={REFUSED: LINKED_OUT}) if item.id in out else item for item in items]


class FolderStore(Store):
    """One list of a folder; files are decoded when a clip is requested.

    A listed clip without frame or sound is left out, counted and named in the log. A file that turns out to be damaged
    when it is read ends the command, since it cannot be replaced.
    """

    def __init__(
        self,
        root: Path,
        split: str,
        rate: int,
        seconds: float | None = None,
        frame: int = FRAME,
        follow_links: bool = False,
    ) -> None:
        seconds = seconds or SECONDS
        moments = Moments(SIZE, rate, round(seconds * rate), short="repeat")
        file = next((root / f"{split}{ending}" for ending in ENDINGS if (root / f"{split}{ending}").is_file()), None)
        if file is None:
            there = some((path.name for path in files_in(root, *ENDINGS)), 8) or "none"
            raise DataError(
                f"{root}: no list {split}.txt or {split}.csv (lists there: {there}); expected one id per line"
            )
        classes, listing = list_folder(root, read_lists([f"{split}={file}"]), None, frame)
        settings = {
            "classes": classes, "rate": rate, "seconds": seconds, "samples": moments.samples, "frames_per_clip": 1,
            "size": SIZE, "frames": "raw", "splits": {},
        }  # fmt: skip
        items = _without_links(root, list(listing.items.values()), follow_links)
        made_from = [settings, [[item.id, dict(item.facts)] for item in items]]
        super().__init__(root, settings, None, hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16])
        self.items = self._whole(items, file)
        self.splits = {split: len(self.items)}
        self.split_name = split
        self.reader = FolderReader(root, moments)

    def _whole(self, items: list[Item], file: Path) -> list[Item]:
        kept = [item for item in items if None not in item.facts.get("bytes", [None])]
        missing = [item.id for item in items if None in item.facts.get("bytes", [None])]
        if missing:
            text = "%s: %d of %d clips lack their frame or sound and are left out: %s"
            log.warning(text, file, len(missing), len(items), some(missing, 5))
        if not kept:
            raise DataError(f"{file}: none of its {len(items)} clips has both a frame and a sound under {file.parent}")
        return kept

    def split(self, name: str) -> "Store":
        if name != self.split_name:
            raise DataError(f"{self.path}: opened for the list {self.split_name}, not {name}")
        return self

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The list is treated as a single shard."""
        return np.zeros(len(self.items), np.int64), np.arange(len(self.items))

    @cached_property
    def ids(self) -> list[str]:
        return [item.id for item in self.items]

    @cached_property
    def videos(self) -> list[str]:
        return self.ids

    def lines(self) -> Iterator[tuple[dict[str, Any], range]]:
        """A line for each clip, as in a manifest."""
        for place, name in enumerate(self.ids):
            yield {"id": name, "split": self.split_name, "status": "ok", "clips": [name]}, range(place, place + 1)

    @cached_property
    def starts(self) -> NDArray[np.float64]:
        return np.zeros(len(self))

    @cached_property
    def labels(self) -> NDArray[np.bool_]:
        return np.zeros((len(self), len(self.classes)), bool)

    @cached_property
    def annotated(self) -> NDArray[np.bool_]:
        return np.zeros((len(self), 1), bool)

    @cached_property
    def frame_keys(self) -> list[tuple[str, ...]]:
        return [(name,) for name in self.ids]

    @cached_property
    def boxes(self) -> BoxTable:
        return BoxTable.empty()

    def clip(self, index: int) -> Clip:
        return self._read(index, lambda item: next(self.reader.read(item)))

    @property
    def clip_reader(self) -> Reads:  # type: ignore[override]
        """Reads the whole folder, because files are found through its list."""
        return self

    def frames(self, clips: Indices, picks: Indices) -> NDArray[np.uint8]:
        return self._each(clips, self.reader.picture, (self.size, self.size, 3), np.uint8)

    def sounds(self, clips: Indices) -> NDArray[np.int16]:
        return self._each(clips, self.reader.heard, (self.samples,), np.int16)

    def fetch_frame(self, clip: int, pick: int) -> None:
        self._fetch(self.items[clip].facts["picture"])

    def fetch_sound(self, clip: int) -> None:
        self._fetch(self.items[clip].facts["sound"])

    def twin(self) -> "FolderStore":
        """Itself: it keeps no file open."""
        return self

    def _fetch(self, name: str) -> None:
        with open(regular(self.path / name), "rb") as file:
            while file.read(1 << 20):
                pass

    def _each(self, clips: Indices, read: Callable[[Item], Any], shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
        out = np.empty((len(clips), *shape), kind)
        for n, clip in enumerate(np.asarray(clips, np.int64).tolist()):
            out[n] = self._read(clip, read)
        return out

    def _read(self, index: int, read: Callable[[Item], Any]) -> Any:
        try:
            return read(self.items[index])
        except MediaError as error:
            raise DataError(f"{self.path}: {error}; fix it, or remove {self.ids[index]} from the list") from None

    def all_frames(self) -> NDArray[np.uint8]:
        every = np.arange(len(self))
        return self.frames(every, np.zeros(len(self), np.int64))[:, None]

    def all_sounds(self) -> NDArray[np.int16]:
        return self.sounds(np.arange(len(self)))
