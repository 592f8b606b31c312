"""MUSIC as DSOL lays it out: lists of videos, videos, labels by YouTube id, boxes by frame.

Format: DTaoo/Discriminative-Sounding-Objects-Localization@7f40207 (music-exp). One clip is one second; its frames are
on a grid of 30 per second whatever the rate of the video, because the published boxes use it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Unpack

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import file_size
from avloc.joins import match, sorted_out
from avloc.leftovers import joined
from avloc.naming import some, utf8_name
from avloc.options import verb
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Item, Listing
from avloc.prepare.parts.media_files import find_media
from avloc.prepare.parts.music_boxes import read_boxes
from avloc.prepare.parts.music_files import Recorded
from avloc.prepare.parts.music_lists import LAYOUT, read_labels, read_music_lists
from avloc.prepare.parts.music_seconds import GRID, MusicReader
from avloc.prepare.parts.options import (
    Channel,
    Fps,
    Frames,
    Out,
    Rate,
    Repair,
    Size,
    Source,
    StoreKind,
    TailKind,
)
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

logger = logging.getLogger(__name__)

_NO_MEDIA = {"video_frames", "audio_frames"}  # there can be a million extracted frames


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
        aside="videos are not in any list",
    )
    marks = joined("boxes", match(boxes, items), "annotated videos are not in any list" if splits is None else "")
    return classes, Listing(items, lists, (join, marks), media.passed)


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
    repair: Repair = 0.1,
    tail: TailKind = "drop",
    channels: Channel = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """MUSIC (solo and duet), or the synthetic world, which has the same layout. docs/data/music.md

    SOURCE contains MUSIC_solo_videos.json and MUSIC_duet_videos.json (class: video ids), lists such as
    solo_training_1.txt (lines of "<id>_0_1000.flac <id>_0_1000.mp4"), videos/<id>_0_1000.mp4, and, for the boxes,
    solotest.json and duettest.json. Each second becomes a clip. Videos that cannot be read are counted with the
    reason. Run the command again to finish an interrupted one or to add videos that were missing.
    """
    if not 1 <= fps <= GRID:
        raise DataError(f"fps is {fps}; expected 1 to {GRID} frames per second")
    if size < 8 or rate < 1000:
        raise DataError(f"size is {size} and rate is {rate}; expected at least 8 pixels and 1000 Hz")
    decoding = Decoding(repair, tail, channels)
    classes, listing = list_music(source, splits)
    logger.info("%s: %d videos in %d lists, %d classes", source, len(listing.items), len(listing.splits), len(classes))
    settings = {
        "data": "music",
        "lists": splits and list(splits),  # so that asking for one list does not shrink a store with all lists
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
    """Log annotated frames that are in no clip: they cannot be scored."""
    store = Store.open(out)
    prepared = set(store.videos)
    asked = {key for item in listing.items.values() if item.id in prepared for key in item.facts["boxes"]}
    unseen = asked - {key for keys in store.frame_keys for key in keys}
    if unseen:
        logger.warning(
            "%s: %d of %d annotated frames belong to no clip, such as %s; the stored frames of each second are %s",
            out,
            len(unseen),
            len(asked),
            min(unseen),
            ", ".join(map(str, reader.offsets())),
        )
