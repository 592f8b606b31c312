"""MUSIC as DSOL lays it out: lists of videos, videos, labels by YouTube id, boxes by frame.

Format: DTaoo/Discriminative-Sounding-Objects-Localization@7f40207 (music-exp). One clip is one second; its frames stand
on a grid of 30 a second whatever the rate of the video, because the published boxes are named by it.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import file_size
from avloc.joins import match, sorted_out
from avloc.leftovers import joined
from avloc.naming import some, utf8_name
from avloc.options import verb
from avloc.prepare.media.container import MediaError, open_media
from avloc.prepare.media.picture import Square, on_display
from avloc.prepare.media.sound import cut
from avloc.prepare.parts.items import Item, Listing
from avloc.prepare.parts.media_files import find_media
from avloc.prepare.parts.moments import hear, refuse_ambiguous
from avloc.prepare.parts.music_boxes import read_boxes
from avloc.prepare.parts.music_files import Recorded
from avloc.prepare.parts.music_lists import LAYOUT, read_labels, read_music_lists
from avloc.prepare.parts.options import Fps, Frames, Out, Rate, Size, Source, StoreKind
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

logger = logging.getLogger(__name__)

GRID = 30  # keys a second
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
    lists = read_music_lists(root, splits)
    boxes = read_boxes(root, classes)
    media = find_media(root, _NO_MEDIA)
    films, sounds = Recorded(root, media.videos), Recorded(root, media.sounds)
    items: dict[str, Item] = {}
    several: dict[str, tuple[str, ...]] = {}
    for entry in (entry for entries in lists.values() for entry in entries):
        stem = entry.item
        if stem in items:
            continue
        youtube = stem[:11]
        seen, heard = films.find(stem, youtube), sounds.find(stem, youtube)
        video, sound = (paths[0] if len(paths) == 1 else None for paths in (seen, heard))
        sizes = [file_size(root / name) if name else None for name in (video, sound)]
        facts: dict[str, Any] = {
            "video": video,
            "sound": sound,
            "bytes": sizes,
            "labels": [classes.index(name) for name in labels.get(youtube, ())],
            "boxes": boxes.get(stem, {}),
        }
        for paths, key in ((heard, "either"), (seen, "ambiguous")):
            if len(paths) > 1:
                facts[key] = [utf8_name(path) for path in paths[:2]]
        if len(seen) > 1:
            several[stem] = tuple(seen)
        items[stem] = Item(stem, utf8_name(video or f"videos/{stem}.mp4"), facts, {"bytes": sizes[0]})
    used = {stem: item.facts["video"] for stem, item in items.items() if item.facts["video"]}
    others = sorted(set(films.paths.values()) - set(used.values()))
    join = joined(
        some(f"{split}.txt" for split in lists),
        sorted_out(items, items.keys() - used.keys(), several, others),
        missing="listed videos match no file",
        aside="videos are in no list",
    )
    marks = joined("boxes", match(boxes, items), "annotated videos are in no list" if splits is None else "")
    return classes, Listing(items, lists, (join, marks), media.passed)


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
        refuse_ambiguous(item.path, facts)
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
