"""AVATAR: annotated frames of VGGSound videos, with boxes and masks of the sounding objects, in four scenarios.

ICCV 2025, arXiv 2507.04667. The data set has the frames and their annotation; the sound is in VGGSound's videos.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Unpack

from avloc.annotations.avatar import TASKS, UNSEEN, Shown, categories, read_frame
from avloc.errors import DataError
from avloc.naming import counted, some
from avloc.options import verb
from avloc.prepare.layouts.avatar_tree import EXPECTED, annotated_frames
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.picture import probe
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Clips, Entry, Item, Listing
from avloc.prepare.parts.masked_frames import Marked, frame_clip, size_of
from avloc.prepare.parts.moments import Moments, refuse_ambiguous
from avloc.prepare.parts.options import Channel, Frames, Out, Rate, Repair, Short, Source, Splits, StoreKind
from avloc.prepare.parts.recipe import Recipe, moments_of
from avloc.prepare.parts.tree import Tree
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared

logger = logging.getLogger(__name__)

ALL = "all"
SPLITS = {ALL: "", **{task.lower(): task for task in TASKS}}


def list_avatar(source: Path, videos: Path | None, splits: Sequence[str] | None) -> tuple[tuple[str, ...], Listing]:
    """Each annotated frame is an item. A task's split has the frames with an object of that task; `all` has every frame."""
    chosen = list(SPLITS) if splits is None else list(dict.fromkeys(splits))
    for split in chosen:
        if split not in SPLITS:
            raise DataError(f"no split {split!r}; AVATAR has {', '.join(SPLITS)}")
    tree = annotated_frames(source)
    if not tree.frames:
        raise DataError(f"{source}: no annotated frame; expected {EXPECTED}")
    sounds = Tree(videos or source, "VGGSound's videos ID_START.mp4")
    heard = {video: _heard(sounds, video) for video in dict.fromkeys(video for video, _ in tree.frames)}
    frames: dict[str, tuple[str, Path, Shown | str]] = {}
    for video, path in tree.frames:
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
            mine = chosen[:1]  # it is not known which of the two this frame is; it is counted once
        for split in mine:
            entries[split].append(Entry(name, str(path.relative_to(source))))
        if mine:
            items[name] = _item(source, sounds.root, heard[video], tree.pictures, path, shown, classes)
    used = {item.facts["annotation"].split(os.sep)[-2] for item in items.values()}
    asked = {video: facts for video, facts in heard.items() if video in used}
    videos_join = sounds.join("videos", asked, "annotated videos are not there", "videos are not annotated")
    return classes, Listing(items, entries, (tree.join, videos_join))


def _heard(sounds: Tree, video: str) -> dict[str, Any]:
    """The video, or its sound; a picture of the same name belongs to the annotation."""
    found = sounds.find(video, still=False)
    return {**found, "folder": None}


def _item(
    source: Path,
    videos: Path,
    heard: Mapping[str, Any],
    pictures: Mapping[Path, Sequence[Path]],
    path: Path,
    shown: Shown | str,
    classes: Sequence[str],
) -> Item:
    """heard: see `_heard`. pictures: of each JSON file. Paths and sounds are relative to `videos`, the rest to the source."""
    own, video = pictures[path], path.parent.name
    still = str(own[0].relative_to(source)) if len(own) == 1 else None
    annotation = str(path.relative_to(source))
    film, track = heard["path"], heard["sound"]
    name = f"{video}_{path.stem}"
    facts: dict[str, Any] = {
        "picture": still,
        "path": film,
        "sound": track,
        "annotation": annotation,
        "number": int(path.stem),
        "video": video.rpartition("_")[0] or video,
        "bytes": [*size_of(source, still), *size_of(videos, film, track), *size_of(source, annotation)],
        **{key: heard[key] for key in ("ambiguous", "either") if key in heard},
    }
    if len(own) > 1:
        facts["ambiguous"] = [str(one.relative_to(source)) for one in own[:2]]
    if isinstance(shown, str):
        return Item(name, facts["annotation"], {**facts, "broken": shown})
    facts["things"] = [
        [thing.task, classes.index(thing.category), thing.xywh, thing.polygons] for thing in shown.things
    ]
    return Item(name, still or facts["annotation"], facts, {"tasks": list(shown.tasks)})


def _report_boxes(frames: Mapping[str, tuple[str, Path, Shown | str]]) -> None:
    """Log objects without polygons: they are marked by their box, as other readers of AVATAR do."""
    bare = [
        name
        for name, (_, _, shown) in frames.items()
        if isinstance(shown, Shown) and any(thing.task != UNSEEN and not thing.polygons for thing in shown.things)
    ]
    if bare:
        frames_have = counted(len(bare), "frame has", "frames have")
        logger.warning("%s objects without segmentation; their boxes are used: %s", frames_have, some(bare))


@dataclass(frozen=True)
class AvatarReader:
    """videos: the folder with the videos or sounds. fps: frame rate of the frame numbers; None: that of the video."""

    root: Path
    videos: Path
    moments: Moments
    classes: tuple[str, ...]
    fps: float | None

    @property
    def source_roots(self) -> tuple[Path, Path]:
        """The folders that the names in an item's facts are relative to."""
        return self.root, self.videos

    def read(self, item: Item) -> Clips:
        facts = item.facts
        refuse_ambiguous(item.path, facts)
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
        return (yield from frame_clip(self.root, timed, self.moments, marked, heard, self.videos))

    def _rate(self, facts: Mapping[str, Any]) -> float:
        if self.fps is not None:
            return self.fps
        if facts["path"] is None:
            raise MediaError(facts["annotation"], "missing video", "--fps says what its frame numbers count")
        rate, duration = _about(str(self.videos / facts["path"]), str(facts["bytes"]))
        if not rate:
            raise MediaError(facts["path"], "no frame rate", "--fps says what its frame numbers count")
        if facts["number"] / rate > duration + 1 / rate:
            late = f"frame {facts['number']} of {duration * rate:.0f}"
            raise MediaError(facts["path"], "frame after the end of its video", late)
        return rate


@lru_cache(maxsize=4)
def _about(path: str, told: str) -> tuple[float | None, float]:
    """Frame rate and seconds. told: the sizes of its files, so that a changed file is opened again."""
    found = probe(path)
    return found.frame_rate, found.duration


@verb
def prepare_avatar(
    source: Source,
    out: Out = Path("data/avatar"),
    videos: Annotated[Path | None, "folder of VGGSound's videos ID_START.mp4, for the sound; default: SOURCE"] = None,
    splits: Splits = None,
    fps: Annotated[float | None, "frame rate that the frame numbers refer to; default: the video's own"] = None,
    seconds: Annotated[float, "seconds of sound stored with each frame, around its time"] = 3.0,
    rate: Rate = 16000,
    short: Short = "fail",
    size: Annotated[int, "side of the stored frames and masks in pixels; the aspect ratio is not kept"] = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    repair: Repair = 0.1,
    channels: Channel = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """AVATAR with its boxes and masks: each annotated frame with the sound around it. docs/data/avatar.md

    SOURCE contains metadata/VIDEO/FRAME.json and FRAME.jpg next to it, where VIDEO is ID_START of VGGSound.

    The splits are all, and the scenarios single-sound, mixed-sound, multi-entity and off-screen: each has the frames
    with such an object, so a frame can be in several. An object that is heard but not seen has no mask, and a frame
    with nothing else is a negative.
    """
    moments = moments_of(size, rate, seconds, short, decoding=Decoding(repair, channels=channels))
    if fps is not None and not 1 <= fps <= 1000:
        raise DataError(f"fps is {fps}; expected frames per second, 1 to 1000")
    classes, listing = list_avatar(source, videos, splits or None)
    reader = AvatarReader(source, videos or source, moments, classes, fps)
    facts = {"fps": fps, "short": short, "masks": True}
    recipe = Recipe("avatar", source, classes, listing, reader, moments, facts, block=64, beside=videos)
    return recipe.prepare(out, frames, store, **work)
