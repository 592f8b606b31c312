"""The LMDB folders of the visual-context release (Zhou et al., WACV 2023): SPLIT_images.lmdb and SPLIT_audios.lmdb.

Images: key "ID/007.jpg", value 256 x 256 x 3 bytes, BGR. Audios: key "ID", value float32 at 24 kHz. The pickle next to
them is not read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import lmdb
import numpy as np

from avloc.annotations.truth import Truth
from avloc.data.clip import Clip
from avloc.data.lmdb_shard import whole_environment
from avloc.errors import DataError
from avloc.joins import sorted_out
from avloc.leftovers import Join, joined
from avloc.naming import utf8_name
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.sound import to_int16
from avloc.prepare.parts.id_lists import entries
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import Marks
from avloc.prepare.parts.moments import Moments
from avloc.walking import listed

RATE, SECONDS, SIDE = 24_000, 10.0, 256
LONGEST = 511  # bytes of a key
LAYOUT = "expected train_images.lmdb and train_audios.lmdb, or eval_images.lmdb and eval_audios.lmdb"


def list_visual_context(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None, frame: int
) -> tuple[tuple[str, ...], Listing]:
    """A split for each pair of environments, with the names that have a sound; or those of the list of the same name."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; {LAYOUT}")
    splits: dict[str, list[Entry]] = {}
    of_split: dict[str, Path] = {}
    joins: list[Join] = []
    for images in (root / name for name in listed(root) if name.endswith("_images.lmdb")):
        split = images.name.removesuffix("_images.lmdb")
        audios = images.with_name(f"{split}_audios.lmdb")
        if not audios.is_dir():
            raise DataError(f"{audios}: missing; expected one folder of images and one of sounds")
        of_split[split] = images
        with _open(audios).begin() as reading, reading.cursor() as cursor:
            names = [key.decode("utf-8", "replace") for key in cursor.iternext(values=False)]
        splits[split] = entries(*lists[split]) if split in lists else [Entry(name) for name in names]
        if split in lists:
            file, ids = lists[split]
            lacking, others = set(ids).difference(names), sorted(set(names).difference(ids))
            found = sorted_out(ids, lacking, {}, others)
            joins.append(
                joined(utf8_name(file.name), found, "listed ids have no sound", aside="sounds are not in any list")
            )
    if strange := [split for split in lists if split not in splits]:
        raise DataError(f"{root}: no {strange[0]}_images.lmdb for the list of {strange[0]!r}; {LAYOUT}")
    marks = Marks(truth, splits)
    items: dict[str, Item] = {}
    for split, images in of_split.items():
        for entry in splits[split]:
            name, key = entry.item, f"{entry.item}/{frame:03d}.jpg"
            if name in items:
                raise DataError(f"{root}: {name} is in two splits; each clip belongs to one")
            facts = {"split": split, "key": key, **marks.facts(name)}
            items[name] = Item(name, f"{images.name}/{key}", facts, marks.notes(name))
    if not splits:
        raise DataError(f"{root}: no LMDB folders of visual context here; {LAYOUT}")
    return marks.classes, Listing(items, splits, (*joins, *marks.joins))


def _open(path: Path) -> lmdb.Environment:
    """DataError for a folder that is not an environment, or is truncated."""
    try:
        return whole_environment(path / "data.mdb")
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not a complete LMDB folder ({error}); fetch it again") from None


@dataclass(frozen=True)
class VisualContextReader:
    root: Path
    moments: Moments

    def files(self, item: Item) -> tuple[str, ...]:
        """The files that all items of a split are read from."""
        split = item.facts["split"]
        return f"{split}_images.lmdb/data.mdb", f"{split}_audios.lmdb/data.mdb"

    def read(self, item: Item) -> Iterator[Clip]:
        split = item.facts["split"]
        pixels = self._value(f"{split}_images.lmdb", item.facts["key"], item.path)
        if pixels is None:
            raise MediaError(item.path, "missing frame", f"no key {item.facts['key']}")
        if len(pixels) != SIDE * SIDE * 3:
            raise MediaError(item.path, "wrong size", f"{len(pixels)} bytes; expected {SIDE} x {SIDE} x 3")
        sound = self._value(f"{split}_audios.lmdb", item.id, item.path)
        if sound is None:
            raise MediaError(item.path, "missing sound", f"no key {item.id}")
        if len(sound) % 4:
            raise MediaError(item.path, "wrong size", f"{len(sound)} bytes of sound; expected whole float32")
        picture = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE, 3)[..., ::-1]
        samples = np.frombuffer(sound, "<f4")
        if not np.isfinite(samples).all():
            raise MediaError(item.path, "not finite", "NaN or infinity in the sound")
        yield self.moments.clip(item.id, item.path, item.facts, np.ascontiguousarray(picture), to_int16(samples))

    def _value(self, folder: str, key: str, clip: str) -> bytes | None:
        """None if there is no such key; this includes keys longer than LMDB's limit."""
        name = key.encode("utf-8", "backslashreplace")
        if not 0 < len(name) <= LONGEST:
            return None
        try:
            with _open(self.root / folder).begin() as reading:
                return reading.get(name)
        except lmdb.Error as error:
            raise MediaError(clip, "cannot be read", str(error)) from None
