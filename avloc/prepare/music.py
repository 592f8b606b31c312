"""MUSIC as DSOL lays it out: lists of videos, videos, labels by YouTube id, boxes by frame.

Format: DTaoo/Discriminative-Sounding-Objects-Localization@7f40207 (music-exp). One clip is one second; its frames stand
on a grid of 30 a second whatever the rate of the video, because the published boxes are named by it.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from avloc.config import words
from avloc.data.clip import Box, Clip
from avloc.data.store import Store
from avloc.data.store_settings import FRAMES, refuse_other
from avloc.errors import DataError
from avloc.files import file_size, read_json
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film
from avloc.prepare.media.picture import Seen, squares_at
from avloc.prepare.media.sound import WHOLE, Heard
from avloc.prepare.parts.account import REST, Account
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Clips, Entry, Item, Listing
from avloc.prepare.parts.music_boxes import read_boxes
from avloc.prepare.parts.watching import heard_of, watched
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
    decoding: Decoding = field(default_factory=Decoding)

    def offsets(self) -> list[int]:
        """Of the frames in a second, counted at 30 a second; DSOL's 0, 7, 14, 21 for four."""
        return [GRID // self.fps * i for i in range(self.fps)]

    def read(self, item: Item) -> Clips:
        """Frames are decoded as the clips are asked for."""
        facts = item.facts
        if facts["video"] is None:
            raise MediaError(item.path, "missing file")
        if not facts["labels"]:
            raise MediaError(item.path, "no labels", f"{item.id[:11]} is in no MUSIC_*_videos.json")
        with watched(self.root, facts["video"]) as film:
            assert film is not None
            heard = heard_of(film, self.root, facts, self.rate, self.decoding.channels)
            account, made = Account([heard], film, self.decoding), 0
            for second, seen in enumerate(self._seconds(film, heard)):
                account.reached((second + 1) * self.rate, self.rate)
                if not account.keep(f"{item.id}/{second:03d}", float(second), 1.0, seen):
                    continue
                lacking = second + 1 - heard.seconds
                if lacking > WHOLE:
                    account.pad(lacking)
                made += 1
                frames = np.stack([frame.image for frame in seen if frame.image is not None])
                yield self._clip(item, second, frames, heard.cut(second * self.rate, self.rate))
            if not made:
                few = MediaError(item.path, "too short", "not one whole second has both sound and picture")
                raise account.refusal(item.path, few)
            return account.notes(whole=True)

    def _seconds(self, film: Film, heard: Heard) -> Iterator[list[Seen]]:
        """The frames of each second that sound and picture last to its end; of a padded one, those while both last."""
        seconds, rest = heard.clips(self.rate), 0.0
        ends = min(heard.seconds, film.clock.picture_to or 0.0)
        if self.decoding.tail == "pad":
            # the last second may be cut short by the sound or by the picture
            seconds = min(seconds, int(ends + WHOLE))
            rest = ends - seconds if ends - seconds >= REST else 0.0
        # the end of each second is asked for too: a video that ends before it does not have that second
        offsets = [*self.offsets(), GRID]
        times = [second + offset / GRID for second in range(seconds) for offset in offsets]
        if rest:
            times += [min(seconds + offset / GRID, ends) for offset in offsets]
        shown = squares_at(film, times, self.size)
        while len(seen := list(islice(shown, len(offsets)))) == len(offsets):
            yield seen[:-1]

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


def prepare_music(
    source: Path,
    out: Path = Path("data/music"),
    fps: int = 4,
    size: int = 256,
    rate: int = 16000,
    frames: str = "jpeg",
    store: str = "hdf5",
    splits: Sequence[str] | None = None,
    repair: float = 0.1,
    tail: str = "drop",
    channels: str = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """Cut the listed videos into clips of one second and write them to the store `out`.

    fps: frames kept of each second. size: pixels, frames become size x size. rate: Hz. frames: "jpeg" or "raw". store:
    "hdf5" or "lmdb". splits: the lists to prepare, all where None. repair, tail, channels: see `Decoding`. work: see
    `avloc.prepare.pool.scale.Work`.
    Running it again finishes what was interrupted and takes up videos that were missing.
    """
    if not 1 <= fps <= GRID:
        raise DataError(f"fps is {fps}; expected 1 to {GRID} frames a second")
    if size < 8 or rate < 1000:
        raise DataError(f"size is {size} and rate is {rate}; expected at least 8 pixels and 1000 Hz")
    refuse_other("frames", frames, FRAMES)
    decoding = Decoding(repair, tail, channels)
    source, out = Path(source), Path(out)
    splits = splits and words(splits)
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
        **decoding.settings(),
    }
    reader = MusicReader(source, fps, size, rate, decoding)
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
