"""The clips of a manifest as arrays, so that a store of hundreds of thousands opens without parsing that many lines.

They are stored in `columns.npz` next to the manifest, with the SHA-256 of the manifest. If that file is missing or
belongs to another manifest, the manifest itself is read.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.kept_columns import KeptColumns, joined_texts, split_texts
from avloc.errors import DataError
from avloc.files import regular, replacing, why
from avloc.plain_arrays import plain_arrays

FILE = "columns.npz"
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Items:
    """The n prepared lines of a manifest, in order, and their N clips.

    names: of the splits. split: (n,) index of the line's split in `names`. shard, row, count: (n,) position of its
    clips: `count` rows of `shard` from `row` on. line: (n,) byte of the manifest at which the line starts. ids: the
    UTF-8 bytes of all clip ids, one after the other. ends: (N,) where each id ends.
    """

    names: NDArray[np.str_]
    split: Ints
    shard: Ints
    row: Ints
    count: Ints
    line: Ints
    ids: NDArray[np.uint8]
    ends: Ints

    @classmethod
    def none(cls) -> "Items":
        empty = np.empty(0, np.int64)
        return cls(np.empty(0, np.str_), empty, empty, empty, empty, empty, np.empty(0, np.uint8), empty)

    def __len__(self) -> int:
        return len(self.split)

    def of_split(self, name: str) -> Ints:
        """The lines of a split."""
        return np.flatnonzero(self.names[self.split] == name) if len(self.names) else np.empty(0, np.int64)

    def clips_of(self, chosen: Ints) -> Ints:
        """The clips of lines, by their index among all N."""
        return ranges(np.cumsum(self.count)[chosen] - self.count[chosen], self.count[chosen])

    def places(self, chosen: Ints) -> tuple[Ints, Ints]:
        """The shard of each clip of lines, and its row in it."""
        counts = self.count[chosen]
        return np.repeat(self.shard[chosen], counts), ranges(self.row[chosen], counts)

    def texts(self, clips: Ints) -> list[str]:
        """Ids of clips."""
        every = split_texts(self.ids.tobytes(), self.ends)
        return [every[clip] for clip in clips.tolist()]


def ranges(starts: Ints, counts: Ints) -> Ints:
    """The numbers from each start on, as many as its count, concatenated."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))


def items_of(rows: Sequence[Mapping[str, Any]], text: bytes) -> Items:
    """rows: all lines of a manifest, whose bytes are `text`."""
    starts = np.cumsum([0, *map(len, text.splitlines(keepends=True))])
    good = [number for number, row in enumerate(rows) if row["status"] == "ok"]
    splits = [rows[number]["split"] for number in good]
    names = list(dict.fromkeys(splits))
    place = {name: number for number, name in enumerate(names)}
    clips = [rows[number]["clips"] for number in good]

    def column(key: str) -> Ints:
        return np.array([rows[number][key] for number in good], np.int64)

    return Items(
        np.array(names, np.str_),
        np.array([place[name] for name in splits], np.int64),
        column("shard"),
        column("row"),
        np.array([len(own) for own in clips], np.int64),
        starts[good].astype(np.int64) if good else np.empty(0, np.int64),
        *joined_texts(clip for own in clips for clip in own),
    )


def write_items(folder: Path, items: Items, manifest: str, kept: KeptColumns | None = None) -> None:
    """manifest: SHA-256 of the manifest, in hexadecimal. kept: the columns of the shards."""
    arrays = {field.name: getattr(items, field.name) for field in fields(items)}
    if kept is not None:
        arrays |= {field.name: getattr(kept, field.name) for field in fields(kept)}
    with replacing(folder / FILE) as temporary, open(temporary, "wb") as file:
        np.savez(file, manifest=np.array(manifest), **arrays)


def read_items(folder: Path, manifest: str, splits: Mapping[str, int]) -> Items | None:
    """Those of a folder; None if there are none, or they are damaged or belong to another manifest.

    splits: clips of each split, as store.json counts them.
    """
    needed = [field.name for field in fields(Items)]
    try:
        found = plain_arrays(folder / FILE, ["manifest", *needed], ())
    except (OSError, ValueError):
        return None
    if str(found["manifest"]) != manifest:
        return None
    items = Items(**{name: found[name] for name in needed})
    return items if _fit(items, splits) else None


def _fit(items: Items, splits: Mapping[str, int]) -> bool:
    """Whether the arrays agree with each other and with the settings."""
    ints = (items.split, items.shard, items.row, items.count, items.line, items.ends)
    if any(array.ndim != 1 or array.dtype != np.int64 for array in ints) or items.ids.dtype != np.uint8:
        return False
    if len({len(array) for array in ints[:-1]}) != 1 or items.names.dtype.kind != "U":
        return False
    counted = dict.fromkeys(splits, 0)
    for number, name in enumerate(items.names.tolist()):
        if name not in counted:
            return False
        counted[name] = int(items.count[items.split == number].sum())
    last = int(items.ends[-1]) if len(items.ends) else 0
    return counted == dict(splits) and len(items.ends) == items.count.sum() and last == len(items.ids)


def lines_at(manifest: Path, starts: Ints) -> Iterator[dict[str, Any]]:
    """The lines of a manifest that start at these bytes; DataError if they no longer do."""
    try:
        with open(regular(manifest), "rb") as file:
            for start in starts.tolist():
                if file.tell() != start:
                    file.seek(start)
                yield json.loads(file.readline())
    except (OSError, ValueError) as error:
        raise DataError(f"{manifest}: changed while it was in use ({why(error)}); run the command again") from None


def digests(manifest: Path, settings: bytes) -> tuple[str, str]:
    """SHA-256, in hexadecimal, of a manifest, and of the settings followed by it; both "" if it cannot be read."""
    alone, together = hashlib.sha256(), hashlib.sha256(settings)
    try:
        with open(regular(manifest), "rb") as file:
            while piece := file.read(1 << 20):
                alone.update(piece)
                together.update(piece)
    except OSError:  # reading its lines will raise the error
        return "", ""
    return alone.hexdigest(), together.hexdigest()
