"""Frames and sounds that lie in two folders under the same names, as four publications have them.

video_frames/ID/007.jpg and audios/ID.wav, or images/ID.jpg and audios/ID.wav (Zhou et al., WACV 2023), frames/ID.jpg and
audio/ID.wav (Chen et al., CVPR 2021), Data/frames/ID.jpg and Data/audio/ID.wav (Song et al., CVPR 2022).
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.data.clip import Clip
from avloc.errors import DataError
from avloc.prepare.media.container import MediaError, refuse_unreadable
from avloc.prepare.media.sound import read_sound
from avloc.prepare.parts.inside import OUTSIDE, inside
from avloc.prepare.parts.items import REFUSED, Entry, Item, Listing
from avloc.prepare.parts.marks import Marks
from avloc.prepare.parts.moments import Moments, entries, read_picture

PICTURES = ("video_frames", "frames", "images", "Data/frames")
SOUNDS = ("audios", "audio", "Data/audio")
ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
LAYOUT = "expected video_frames/ID/007.jpg, frames/ID.jpg or images/ID.jpg, and audios/ID.wav or audio/ID.wav"


def list_folder(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None, frame: int
) -> tuple[tuple[str, ...], Listing]:
    """The classes of the annotation, and a split for each list; without lists, all that has a sound is the split "all".

    frame: which numbered frame to take of those that a name has a folder of. A listed name whose frame or sound is
    missing stays in the listing and fails when it is read.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; {LAYOUT}")
    pictures = next((root / name for name in PICTURES if (root / name).is_dir()), None)
    sounds = next((root / name for name in SOUNDS if (root / name).is_dir()), None)
    if pictures is None or sounds is None:
        there = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{root}: no folder of {'frames' if pictures is None else 'sounds'} (it holds {there}); {LAYOUT}"
        )
    heard = {
        name.rpartition(".")[0]: name for name in sorted(os.listdir(sounds), reverse=True) if name.endswith(ENDINGS)
    }
    splits = {split: entries(file, names) for split, (file, names) in lists.items()}
    splits = splits or {"all": [Entry(name) for name in sorted(heard)]}
    marks = Marks(truth)
    items = {}
    for entry in (entry for listed in splits.values() for entry in listed):
        name = entry.item
        folder, sound = inside(pictures, name), inside(sounds, heard.get(name, f"{name}.wav"))
        if folder is None or sound is None:
            items[name] = Item(name, name, {REFUSED: OUTSIDE})
            continue
        picture = folder / f"{frame:03d}.jpg" if folder.is_dir() else folder.with_name(f"{folder.name}.jpg")
        sizes = [os.path.getsize(path) if path.is_file() else None for path in (picture, sound)]
        shown, played = (str(path.relative_to(root)) for path in (picture, sound))
        facts = {"picture": shown, "sound": played, "bytes": sizes, **marks.facts(name)}
        items[name] = Item(name, shown, facts)
    return marks.classes, Listing(items, splits)


@dataclass(frozen=True)
class FolderReader:
    root: Path
    moments: Moments

    def read(self, item: Item) -> Iterator[Clip]:
        moments = self.moments
        picture, sound = self._picture(item), self._sound(item)
        yield moments.clip(item.id, item.path, item.facts, picture, sound)

    def picture(self, item: Item) -> NDArray[np.uint8]:
        """The frame alone, as the clip has it."""
        return self.moments.square(self._picture(item))

    def heard(self, item: Item) -> NDArray[np.int16]:
        """The sound alone, as the clip has it."""
        return self.moments.middle(item.path, self._sound(item))

    def _picture(self, item: Item) -> NDArray[np.uint8]:
        if item.facts["bytes"][0] is None:  # not one that has gone away since it was listed
            raise MediaError(item.facts["picture"], "missing frame")
        return read_picture(self.root, item.facts["picture"])

    def _sound(self, item: Item) -> NDArray[np.int16]:
        path = self.root / item.facts["sound"]
        if item.facts["bytes"][1] is None:
            raise MediaError(item.facts["sound"], "missing sound")
        refuse_unreadable(path, "missing sound")
        return read_sound(path, self.moments.rate)
