"""Frames and sounds in two folders under the same names, as in four publications.

video_frames/ID/007.jpg and audios/ID.wav, or images/ID.jpg and audios/ID.wav (Zhou et al., WACV 2023), frames/ID.jpg and
audio/ID.wav (Chen et al., CVPR 2021), Data/frames/ID.jpg and Data/audio/ID.wav (Song et al., CVPR 2022). An ID may have
folders: frames/dog/a.jpg and audio/dog/a.wav are the clip dog/a.
"""

import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.endings import SOUNDS as SOUND_ENDINGS
from avloc.endings import STILLS, split_ending
from avloc.errors import DataError
from avloc.files import file_size
from avloc.joins import EXACT, Index, match, sorted_out
from avloc.leftovers import joined
from avloc.naming import some, utf8_name
from avloc.prepare.layouts.sample_media import middle_of
from avloc.prepare.media.container import MediaError, refuse_unreadable
from avloc.prepare.media.sound import Heard, hear_file
from avloc.prepare.parts.account import Account
from avloc.prepare.parts.id_lists import entries, list_names
from avloc.prepare.parts.inside import OUTSIDE, inside
from avloc.prepare.parts.items import REFUSED, Clips, Entry, Item, Listing
from avloc.prepare.parts.marks import Marks
from avloc.prepare.parts.media_files import count_endings
from avloc.prepare.parts.moments import Moments, read_picture, refuse_ambiguous
from avloc.prepare.parts.names import one_of
from avloc.walking import listed, walk

PICTURES = ("video_frames", "frames", "images", "Data/frames")
SOUNDS = ("audios", "audio", "Data/audio")
LAYOUT = "expected video_frames/ID/007.jpg, frames/ID.jpg or images/ID.jpg, and audios/ID.wav or audio/ID.wav"


def list_folder(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None, frame: int
) -> tuple[tuple[str, ...], Listing]:
    """The classes of the annotation, and a split for each list; without lists, everything with a sound is in the split
    "all".

    frame: the numbered frame to use if a name has a folder of frames. A listed name whose frame or sound is missing
    stays in the listing and fails when it is read.
    """
    pictures, sounds = _folders(root)
    heard = _Names(sounds, SOUND_ENDINGS)
    seen = _Names(
        pictures, STILLS, skip={split_ending(name)[0] for name in heard.files}
    )  # folders of numbered pictures
    splits = {split: entries(file, names) for split, (file, names) in lists.items()}
    splits = splits or {"all": [Entry(name) for name in sorted({split_ending(name)[0] for name in heard.files})]}
    names = dict.fromkeys(entry.item for own in splits.values() for entry in own)
    marks = Marks(truth, splits)
    outside = {name for name in names if None in (inside(pictures, name), inside(pictures, f"{name}.jpg"))}
    within = [name for name in names if name not in outside]
    shown = match(within, seen.files.values(), lambda name: _pictures(pictures, seen, name, frame), alone=False)
    played = match(within, heard.files.values(), heard.find, alone=False)
    items = {name: Item(name, name, {REFUSED: OUTSIDE}) for name in names}  # in the order of the lists
    missing = set(outside)
    several: dict[str, tuple[str, ...]] = {}
    for name in within:
        paths = []
        for folder, found, usual in ((pictures, shown, ".jpg"), (sounds, played, ".wav")):
            alike = found.ambiguous.get(name, ())
            paths.append(folder / found.pairs.get(name, alike[0] if alike else f"{name}{usual}"))
            if alike:
                several[name] = tuple(utf8_name(os.path.relpath(folder / path, root)) for path in alike)
        picture, sound = paths
        facts: dict[str, Any] = {
            "picture": os.path.relpath(picture, root),
            "sound": os.path.relpath(sound, root),
            "bytes": [file_size(path) for path in paths],
            **marks.facts(name),
        }
        if name in several:
            facts["ambiguous"] = list(several[name][:2])
        if None in facts["bytes"]:
            missing.add(name)
        items[name] = Item(name, utf8_name(facts["picture"]), facts, marks.notes(name))
    unused = (
        name
        for name in map(utf8_name, shown.unused)
        if split_ending(name)[0] not in names and os.path.dirname(name) not in names  # a folder of numbered pictures
    )
    left = sorted_out(names, missing, several, unused)
    if lists:
        join = joined(
            list_names(lists), left, "listed ids lack their frame or sound", aside="frames are not in any list"
        )
    else:
        join = joined(utf8_name(sounds.name), left, "sounds have no frame", "frames have no sound")
    return marks.classes, Listing(items, splits, (join, *marks.joins), heard.passed + seen.passed)


def _folders(root: Path) -> tuple[Path, Path]:
    """The folders of pictures and of sounds; DataError if one is missing."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; {LAYOUT}")
    pictures = next((root / name for name in PICTURES if (root / name).is_dir()), None)
    sounds = next((root / name for name in SOUNDS if (root / name).is_dir()), None)
    if pictures is None or sounds is None:
        there = some(listed(root), 5) or "nothing"
        raise DataError(
            f"{root}: no folder of {'frames' if pictures is None else 'sounds'} (it holds {there}); {LAYOUT}"
        )
    return pictures, sounds


class _Names:
    """The files with these suffixes in a folder and its subfolders, by their path in it. skip: names of subfolders that are
    not entered. passed: files with other suffixes.
    """

    def __init__(self, folder: Path, endings: tuple[str, ...], skip: Container[str] = ()) -> None:
        self.folder = folder
        there = [os.path.join(within, name) for within, names in walk(folder, skip) for name in names]
        self.files = {utf8_name(name): name for name in there if name.lower().endswith(endings)}
        self.passed = count_endings(name for name in there if not name.lower().endswith(endings))
        self.index = Index(self.files)

    def find(self, name: str) -> tuple[int, Sequence[str]]:
        """How near the nearest files are (see `joins`), and the paths of all that are that near; of copies, the first."""
        level, found = self.index.find(name)
        return level, one_of(self.folder, [self.files[one] for one in found])


def _pictures(folder: Path, seen: _Names, name: str, frame: int) -> tuple[int, Sequence[str]]:
    """The picture of a name, or the numbered one in its folder, as in `_Names.find`."""
    if (folder / name).is_dir():
        numbered = f"{frame:03d}"
        if file_size(folder / name / f"{numbered}.jpg") is None:
            found = _Names(folder / name, STILLS).find(numbered)[1]
            if found:
                return EXACT, [os.path.join(name, path) for path in found]
        return EXACT, [os.path.join(name, f"{numbered}.jpg")]
    exact = f"{name}.jpg"
    return (EXACT, [exact]) if file_size(folder / exact) is not None else seen.find(name)


@dataclass(frozen=True)
class FolderReader:
    root: Path
    moments: Moments

    def read(self, item: Item) -> Clips:
        moments = self.moments
        picture, heard = self._picture(item), self._heard(item)
        clip = moments.clip(item.id, item.path, item.facts, picture, heard.waveform)
        account = Account([heard], None, moments.decoding)
        if not account.keep(item.id, clip.start, moments.seconds, ()):
            raise account.refusal(item.path, MediaError(item.path, "no sound"))
        yield clip
        return account.notes()

    def picture(self, item: Item) -> NDArray[np.uint8]:
        """Only the frame, as in the clip."""
        return self.moments.square(self._picture(item))

    def heard(self, item: Item) -> NDArray[np.int16]:
        """Only the sound, as in the clip."""
        return middle_of(item.path, item.id, self._heard(item), self.moments)[0]

    def _picture(self, item: Item) -> NDArray[np.uint8]:
        refuse_ambiguous(item.path, item.facts)
        if item.facts["bytes"][0] is None:  # do not blame the name if the file was removed since it was listed
            raise MediaError(item.facts["picture"], "missing frame")
        return read_picture(self.root, item.facts["picture"])

    def _heard(self, item: Item) -> Heard:
        path = self.root / item.facts["sound"]
        if item.facts["bytes"][1] is None:
            raise MediaError(item.facts["sound"], "missing sound")
        refuse_unreadable(path, "missing sound")
        return hear_file(path, self.moments.rate, self.moments.decoding.channels)
