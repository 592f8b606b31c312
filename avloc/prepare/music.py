"""MUSIC as DSOL lays it out: lists of videos, videos, labels by YouTube id, boxes by frame.

Format: DTaoo/Discriminative-Sounding-Objects-Localization@7f40207 (music-exp). One clip is one second; its frames stand
on a grid of 30 a second whatever the rate of the video, because the published boxes are named by it.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Unpack

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import file_size, read_json
from avloc.options import verb
from avloc.prepare.media.container import MediaError, open_media
from avloc.prepare.media.picture import Square, on_display
from avloc.prepare.media.sound import cut
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.moments import hear
from avloc.prepare.parts.music_boxes import read_boxes
from avloc.prepare.parts.options import Fps, Frames, Out, Rate, Size, Source, StoreKind
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

logger = logging.getLogger(__name__)

GRID = 30  # keys a second
LAYOUT = (
    "expected MUSIC_*_videos.json, lists such as solo_training_1.txt with lines '<stem>.flac <stem>.mp4', "
    "and videos/<stem>.mp4"
)
_LINE = re.compile(r"(\S{11,})\.(?:flac|wav) (\S{11,})\.mp4")
_PICTURES = (".mp4", ".mkv", ".webm", ".mov", ".avi")
_SOUNDS = (".flac", ".wav", ".ogg", ".m4a")
_NO_MEDIA = {"video_frames", "audio_frames"}  # the extracted frames of a million files


def list_music(root: Path, splits: Sequence[str] | None = None) -> tuple[tuple[str, ...], Listing]:
    """The classes in alphabetical order, and the listed videos with their labels and boxes.

    A listed video that is missing, or without labels, stays in the listing and fails when it is read.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; {LAYOUT}")
    labels = read_labels(root)
    classes = tuple(sorted({name for names in labels.values() for name in names}))
    lists = _read_lists(root, splits)
    boxes = read_boxes(root, classes)
    pictures, sounds = _find_media(root)
    items: dict[str, Item] = {}
    for entry in (entry for entries in lists.values() for entry in entries):
        stem = entry.item
        if stem in items:
            continue
        youtube = stem[:11]
        video = pictures.get(stem) or pictures.get(youtube)
        sound = sounds.get(stem) or sounds.get(youtube)
        sizes = [file_size(root / name) if name else None for name in (video, sound)]
        facts = {
            "video": video,
            "sound": sound,
            "bytes": sizes,
            "labels": [classes.index(name) for name in labels.get(youtube, ())],
            "boxes": boxes.get(stem, {}),
        }
        items[stem] = Item(stem, video or f"videos/{stem}.mp4", facts, {"bytes": sizes[0]})
    return classes, Listing(items, lists)


def read_labels(root: Path) -> dict[str, tuple[str, ...]]:
    """YouTube id -> names of its classes, sorted."""
    files = sorted(root.glob("MUSIC_*_videos.json"))
    if not files:
        raise DataError(f"{root}: no MUSIC_*_videos.json; {LAYOUT}")
    labels: dict[str, set[str]] = {}
    for file in files:
        value = read_json(file)
        videos = value.get("videos") if isinstance(value, dict) else None
        if not isinstance(videos, dict) or not all(isinstance(ids, list) for ids in videos.values()):
            raise DataError(f'{file}: expected {{"videos": {{class: [id, ...]}}}}')
        for names, ids in videos.items():
            for youtube in ids:
                labels.setdefault(youtube, set()).update(names.split())
    return {youtube: tuple(sorted(names)) for youtube, names in labels.items()}


def _read_lists(root: Path, splits: Sequence[str] | None) -> dict[str, list[Entry]]:
    """Split -> its lines; a text file that does not begin as a list (a README) is none."""
    lists: dict[str, list[Entry]] = {}
    for file in sorted(root.glob("*.txt")):
        if splits is not None and file.stem not in splits:
            continue
        lines = [(n, line.strip()) for n, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1)]
        lines = [(n, line) for n, line in lines if line]
        if not lines or not _LINE.fullmatch(lines[0][1]):
            logger.info("%s does not begin as a list of videos and is left alone", file)
            continue
        lists[file.stem] = []
        for number, line in lines:
            match = _LINE.fullmatch(line)
            if not match or match[1] != match[2]:
                raise DataError(
                    f"{file}:{number}: found {line!r}, expected '<stem>.flac <stem>.mp4', both with the same stem"
                )
            lists[file.stem].append(Entry(match[1], f"{file.name}:{number}"))
    missing = [split for split in splits or () if split not in lists]
    if missing or not lists:
        there = ", ".join(sorted(file.stem for file in root.glob("*.txt"))) or "none"
        what = f"no list {missing[0]}.txt" if missing else "no list of videos"
        raise DataError(f"{root}: {what} (text files there: {there}); {LAYOUT}")
    # in the order asked for, so that the store repeats it
    return {split: lists[split] for split in dict.fromkeys(splits)} if splits is not None else lists


def _find_media(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Stem -> path within `root`, of pictures and of sounds; videos/ and .mp4 are preferred."""
    found: list[tuple[bool, int, str]] = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _NO_MEDIA and not name.startswith("."))
        for name in files:
            suffix = os.path.splitext(name)[1].lower()
            if suffix in _PICTURES + _SOUNDS:
                path = os.path.relpath(os.path.join(folder, name), root)
                found.append((not path.startswith("videos" + os.sep), (_PICTURES + _SOUNDS).index(suffix), path))
    pictures: dict[str, str] = {}
    sounds: dict[str, str] = {}
    for _, kind, path in sorted(found):
        stem = os.path.splitext(os.path.basename(path))[0]
        (pictures if kind < len(_PICTURES) else sounds).setdefault(stem, path)
    return pictures, sounds


@dataclass(frozen=True)
class MusicReader:
    """Whole seconds that have both sound and picture; `fps` frames of each (their first: offset 0), size x size."""

    root: Path
    fps: int
    size: int
    rate: int

    def offsets(self) -> list[int]:
        """Of the frames in a second, counted at 30 a second; DSOL's 0, 7, 14, 21 for four."""
        return [GRID // self.fps * i for i in range(self.fps)]

    def read(self, item: Item) -> Iterator[Clip]:
        """Frames are decoded as the clips are asked for."""
        facts = item.facts
        if facts["video"] is None:
            raise MediaError(item.path, "missing file")
        if not facts["labels"]:
            raise MediaError(item.path, "no labels", f"{item.id[:11]} is in no MUSIC_*_videos.json")
        sounds = cut(hear(self.root, {**facts, "path": facts["video"]}, self.rate), self.rate)
        second = -1
        for second, frames in enumerate(self._seconds(self.root / facts["video"], len(sounds))):
            yield self._clip(item, second, frames, sounds[second])
        if second < 0:
            raise MediaError(item.path, "too short", "not one whole second has both sound and picture")

    def _seconds(self, path: Path, seconds: int) -> Iterator[NDArray[np.uint8]]:
        """The frames (F, H, W, 3) of each second that the picture lasts to its end, at most `seconds`."""
        # the end of each second is asked for too: a video that ends before it does not have that second
        offsets = [*self.offsets(), GRID]
        times = [second + offset / GRID for second in range(seconds) for offset in offsets]
        square, frames = Square(self.size), []
        with open_media(path) as container:
            for n, shown in enumerate(on_display(path, container, times)):
                if not shown.lasts_to(times[n]):
                    return
                if (n + 1) % len(offsets):
                    frames.append(square(shown.frame))
                else:
                    yield np.stack(frames)
                    frames = []

    def _clip(self, item: Item, second: int, frames: NDArray[np.uint8], waveform: NDArray[np.int16]) -> Clip:
        known = item.facts["boxes"]
        keys = tuple(f"{item.id}/frame_{second:03d}/{GRID * second + offset:05d}.jpg" for offset in self.offsets())
        boxes = tuple(
            Box((x1, y1, x2, y2), frame, label, sounding)
            for frame, key in enumerate(keys)
            for x1, y1, x2, y2, label, sounding in known.get(key, ())
        )
        return Clip(
            id=f"{item.id}/{second:03d}",
            video=item.id,
            split="",
            start=float(second),
            frames=frames,
            frame_keys=keys,
            waveform=waveform,
            labels=tuple(item.facts["labels"]),
            boxes=boxes,
            annotated=tuple(key in known for key in keys),
        )


logger = logging.getLogger(__name__)


@verb
def prepare_music(
    source: Source,
    out: Out = Path("data/music"),
    fps: Fps = 4,
    size: Size = 256,
    rate: Rate = 16000,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    splits: Annotated[Sequence[str] | None, "prepare only this list; may be repeated; default: all of them"] = None,
    **work: Unpack[Scale],
) -> Prepared:
    """MUSIC (solo and duet), or the synthetic world, which has the same layout. docs/data/music.md

    SOURCE holds MUSIC_solo_videos.json and MUSIC_duet_videos.json (class: video ids), lists such as
    solo_training_1.txt (lines of "<id>_0_1000.flac <id>_0_1000.mp4"), videos/<id>_0_1000.mp4, and, for the boxes,
    solotest.json and duettest.json. Each second becomes a clip. Videos that cannot be read are counted with the
    reason. Running the command again finishes what was interrupted and adds videos that were missing.
    """
    if not 1 <= fps <= GRID:
        raise DataError(f"fps is {fps}; expected 1 to {GRID} frames a second")
    if size < 8 or rate < 1000:
        raise DataError(f"size is {size} and rate is {rate}; expected at least 8 pixels and 1000 Hz")
    classes, listing = list_music(source, splits)
    logger.info("%s: %d videos in %d lists, %d classes", source, len(listing.items), len(listing.splits), len(classes))
    settings = {
        "data": "music",
        "lists": splits and list(splits),  # so that asking for one list does not shrink a store of all
        "classes": classes,
        "rate": rate,
        "seconds": 1.0,
        "samples": rate,
        "frames_per_clip": fps,
        "size": size,
        "frames": frames,
        "store": store,
    }
    reader = MusicReader(source, fps, size, rate)
    prepared = build_store(out, source, listing, reader, settings, **work)
    if prepared.ok:  # a part of a store may be empty
        _report_unseen_boxes(out, listing, reader)
    return prepared


def _report_unseen_boxes(out: Path, listing: Listing, reader: MusicReader) -> None:
    """An annotated frame that no clip holds cannot be scored: say so."""
    store = Store.open(out)
    prepared = set(store.videos)
    asked = {key for item in listing.items.values() if item.id in prepared for key in item.facts["boxes"]}
    unseen = asked - {key for keys in store.frame_keys for key in keys}
    if unseen:
        logger.warning(
            "%s: %d of %d annotated frames are in no clip, such as %s; kept of each second are the frames %s",
            out,
            len(unseen),
            len(asked),
            min(unseen),
            ", ".join(map(str, reader.offsets())),
        )
