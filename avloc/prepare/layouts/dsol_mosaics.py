"""DSOL's MUSIC-synthetic as it is published (zenodo.org/record/4079386): flat folders of spectrograms, mosaics and boxes.

SPLIT/audio/NAME.pkl, SPLIT/video/NAME.jpg and, for tests, SPLIT/box/NAME.npy. As in the released loader, files are
matched by their position in the sorted folders.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avloc.annotations.files import Files
from avloc.annotations.music import read_dsol_synthetic
from avloc.annotations.truth import Truth
from avloc.data.clip import Clip
from avloc.errors import DataError
from avloc.prepare.layouts.dsol import LAYOUT
from avloc.prepare.layouts.dsol_levels import read_levels
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, marked, of_clip, silent
from avloc.prepare.parts.moments import Moments, read_picture
from avloc.walking import listed


def list_mosaics(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None
) -> tuple[tuple[str, ...], Listing]:
    """A split for each folder that contains audio and video, with its name; boxes are in its folder box."""
    if lists:
        raise DataError(f"{root}: its splits are its folders; leave out --lists")
    items: dict[str, Item] = {}
    splits: dict[str, list[Entry]] = {}
    classes: tuple[str, ...] = truth.classes if truth is not None else ()
    for folder in _folders(root):
        split = folder.name if folder != root else "all"
        if split in splits:
            raise DataError(
                f"{root}: two folders named {split} contain audio and video; give the one above them as --source"
            )
        marks = truth
        if truth is None and (folder / "box").is_dir():
            marks = read_dsol_synthetic(Files(folder / "box"))
            classes = marks.classes
        boxes, splits[split] = {name: of_clip(rows, (), classes or UNNAMED) for name, rows in marked(marks).items()}, []
        quiet = silent(marks)
        heard, seen, marked_names = (listed(folder / kind) for kind in ("audio", "video", "box"))
        if len(heard) != len(seen) or len(marked_names) not in (0, len(seen)):
            found = f"{len(heard)} spectrograms, {len(seen)} pictures and {len(marked_names)} boxes"
            raise DataError(f"{folder}: {found}; they are matched by position, so expected the same number of each")
        within = os.path.relpath(folder, root)
        for sound, picture, mark in zip(heard, seen, marked_names or seen, strict=True):
            key, name = os.path.splitext(mark)[0], f"{split}/{os.path.splitext(picture)[0]}"
            facts: dict[str, Any] = {
                "picture": os.path.normpath(f"{within}/video/{picture}"),
                "levels": os.path.normpath(f"{within}/audio/{sound}"),
                "key": key,
                "video": name,
                "boxes": boxes.get(key),
            }
            if key in quiet:
                facts["silent"] = quiet[key]
            items[name] = Item(name, facts["picture"], facts)
            splits[split].append(Entry(name))
    if not items:
        raise DataError(f"{root}: no spectrograms of DSOL here; {LAYOUT}")
    return classes or UNNAMED, Listing(items, splits)


def _folders(root: Path) -> list[Path]:
    """Those that contain audio and video, no deeper than train/train."""
    below = [root / name for name in listed(root) if (root / name).is_dir()]
    around = [root, *below, *(folder / name for folder in below for name in listed(folder))]
    return [path for path in around if (path / "audio").is_dir() and (path / "video").is_dir()]


@dataclass(frozen=True)
class MosaicReader:
    root: Path
    moments: Moments

    def read(self, item: Item) -> Iterator[Clip]:
        facts = item.facts
        levels = read_levels(self.root, facts["levels"])
        clip = self.moments.clip(item.id, item.path, facts, read_picture(self.root, facts["picture"]), None)
        yield replace(clip, frame_keys=(facts["key"],), spectrogram=levels)
