"""AVATAR: annotated frames of VGGSound videos, with boxes and masks of what sounds, in four scenarios.

ICCV 2025, arXiv 2507.04667. The frames and their annotation come with the data set, the sound with VGGSound's videos.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Unpack

from avloc.annotations.avatar import TASKS, UNSEEN, Shown, categories, read_frame
from avloc.data.clip import Clip
from avloc.errors import DataError
from avloc.naming import some
from avloc.options import verb
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.picture import probe
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.masked_frames import Marked, frame_clip, size_of
from avloc.prepare.parts.moments import Moments
from avloc.prepare.parts.options import Frames, Out, Rate, Short, Source, Splits, StoreKind
from avloc.prepare.parts.recipe import Recipe, moments_of
from avloc.prepare.parts.tree import Tree
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared

logger = logging.getLogger(__name__)

ALL = "all"
SPLITS = {ALL: "", **{task.lower(): task for task in TASKS}}
FOLDER = "metadata"
EXPECTED = "metadata/VIDEO/FRAME.json with FRAME.jpg beside, VIDEO being ID_START"
STILLS = (".jpg", ".jpeg", ".png")


def list_avatar(source: Path, videos: Path | None, splits: Sequence[str] | None) -> tuple[tuple[str, ...], Listing]:
    """Each annotated frame is an item; the split of a task has the frames with an object of it, `all` has every frame."""
    chosen = list(SPLITS) if splits is None else list(dict.fromkeys(splits))
    for split in chosen:
        if split not in SPLITS:
            raise DataError(f"no split {split!r}; AVATAR has {', '.join(SPLITS)}")
    annotated = list(_annotations(source))
    if not annotated:
        raise DataError(f"{source}: no annotated frame; expected {EXPECTED}")
    sounds = Tree(videos or source, "VGGSound's videos ID_START.mp4")
    frames: dict[str, tuple[str, Path, Shown | str]] = {}
    for video, path in annotated:
        try:
            shown: Shown | str = read_frame(path)
        except DataError as error:
            shown = str(error)
        frames[f"{video}_{path.stem}"] = video, path, shown
    classes = categories([shown for _, _, shown in frames.values() if isinstance(shown, Shown)])
    _report_boxes(frames)
    entries: dict[str, list[Entry]] = {split: [] for split in chosen}
    items: dict[str, Item] = {}
    for name, (video, path, shown) in frames.items():
        tasks = shown.tasks if isinstance(shown, Shown) else ()
        mine = [split for split in chosen if split == ALL or SPLITS[split] in tasks]
        if isinstance(shown, str) and not mine:
            mine = chosen[:1]  # whose frame it would be is not known; it is counted once
        for split in mine:
            entries[split].append(Entry(name, str(path.relative_to(source))))
        if mine:
            items[name] = _item(source, sounds, video, path, shown, classes)
    return classes, Listing(items, entries)


def _annotations(source: Path) -> Iterator[tuple[str, Path]]:
    """(video, JSON file of a frame), in order; FRAME is a number."""
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; expected {EXPECTED}")
    root = source / FOLDER if (source / FOLDER).is_dir() else source
    for folder in sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")):
        for name in sorted(os.listdir(root / folder)):
            stem, ending = os.path.splitext(name)
            if ending.lower() == ".json" and stem.isdecimal():
                yield folder, root / folder / name


def _item(source: Path, sounds: Tree, video: str, path: Path, shown: Shown | str, classes: Sequence[str]) -> Item:
    picture = next((path.with_suffix(end) for end in STILLS if path.with_suffix(end).is_file()), None)
    still = None if picture is None else str(picture.relative_to(source))
    heard = sounds.find(video)
    film = None if heard["path"] is None else os.path.relpath(sounds.root / heard["path"], source)
    track = None if heard["sound"] is None else os.path.relpath(sounds.root / heard["sound"], source)
    name = f"{video}_{path.stem}"
    facts: dict[str, Any] = {
        "picture": still,
        "path": film,
        "sound": track,
        "annotation": str(path.relative_to(source)),
        "number": int(path.stem),
        "video": video.rpartition("_")[0] or video,
        "bytes": size_of(source, still, film, track, str(path.relative_to(source))),
    }
    if isinstance(shown, str):
        return Item(name, facts["annotation"], {**facts, "broken": shown})
    facts["things"] = [
        [thing.task, classes.index(thing.category), thing.xywh, thing.polygons] for thing in shown.things
    ]
    return Item(name, still or facts["annotation"], facts, {"tasks": list(shown.tasks)})


def _report_boxes(frames: Mapping[str, tuple[str, Path, Shown | str]]) -> None:
    """An object without polygons is marked by its box, as other readers of AVATAR have it: say so."""
    bare = [
        name
        for name, (_, _, shown) in frames.items()
        if isinstance(shown, Shown) and any(thing.task != UNSEEN and not thing.polygons for thing in shown.things)
    ]
    if bare:
        logger.warning("%d frames have objects without segmentation; their boxes are taken: %s", len(bare), some(bare))


@dataclass(frozen=True)
class AvatarReader:
    """fps: frames a second that the frame numbers count; None: those of the video."""

    root: Path
    moments: Moments
    classes: tuple[str, ...]
    fps: float | None

    def read(self, item: Item) -> Iterator[Clip]:
        facts = item.facts
        if "broken" in facts:
            raise MediaError(facts["annotation"], "broken annotation", facts["broken"])
        try:
            shown = read_frame(self.root / facts["annotation"])
        except DataError as error:  # changed since it was listed
            raise MediaError(facts["annotation"], "broken annotation", str(error)) from None
        marked = Marked(True, shape=(shown.width, shown.height))
        for thing in shown.things:
            if thing.task != UNSEEN:
                marked.objects.append((self.classes.index(thing.category), shown.pixels(thing), shown.corners(thing)))
        heard = [self.classes.index(thing.category) for thing in shown.things]
        time = facts["number"] / self._rate(facts)
        timed = Item(item.id, item.path, {**facts, "time": time}, item.note)
        yield frame_clip(self.root, timed, self.moments, marked, heard)

    def _rate(self, facts: Mapping[str, Any]) -> float:
        if self.fps is not None:
            return self.fps
        if facts["path"] is None:
            raise MediaError(facts["annotation"], "missing video", "--fps says what its frame numbers count")
        rate, duration = _about(str(self.root / facts["path"]), str(facts["bytes"]))
        if not rate:
            raise MediaError(facts["path"], "no frame rate", "--fps says what its frame numbers count")
        if facts["number"] / rate > duration + 1 / rate:
            late = f"frame {facts['number']} of {duration * rate:.0f}"
            raise MediaError(facts["path"], "frame after the end of its video", late)
        return rate


@lru_cache(maxsize=4)
def _about(path: str, told: str) -> tuple[float | None, float]:
    """Frames a second and seconds. told: the sizes of its files, so that another one is looked at again."""
    found = probe(path)
    return found.frame_rate, found.duration


@verb
def prepare_avatar(
    source: Source,
    out: Out = Path("data/avatar"),
    videos: Annotated[Path | None, "folder of VGGSound's videos ID_START.mp4, for the sound; default: SOURCE"] = None,
    splits: Splits = None,
    fps: Annotated[float | None, "frames a second that the frame numbers count; default: the video's own"] = None,
    seconds: Annotated[float, "seconds of sound stored with each frame, around its moment"] = 3.0,
    rate: Rate = 16000,
    short: Short = "fail",
    size: Annotated[int, "side of the stored frames and masks in pixels; the aspect ratio is not kept"] = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """AVATAR with its boxes and masks: each annotated frame with the sound around it. docs/data/avatar.md

    SOURCE holds metadata/VIDEO/FRAME.json with FRAME.jpg beside it, VIDEO being ID_START of VGGSound.

    The splits are all, and the scenarios single-sound, mixed-sound, multi-entity and off-screen: each has the frames
    with an object of it, so a frame may be in several. What is heard but not seen has no mask, and a frame with nothing
    else is a negative.
    """
    moments = moments_of(size, rate, seconds, short)
    if fps is not None and not 1 <= fps <= 1000:
        raise DataError(f"fps is {fps}; expected frames a second, 1 to 1000")
    classes, listing = list_avatar(source, videos, splits or None)
    reader = AvatarReader(source, moments, classes, fps)
    facts = {"fps": fps, "short": short, "masks": True}
    return Recipe("avatar", source, classes, listing, reader, moments, facts, block=64).prepare(
        out, frames, store, **work
    )
