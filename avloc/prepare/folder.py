"""Any folder of videos: one clip of each, its middle, or all of it in clips of one length.

A video without sound is heard by the sound file that has its name beside it; a sound file beside a picture of its name is an
item too, which shows that picture.
"""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.data.clip import Clip
from avloc.errors import DataError
from avloc.files import file_size, why
from avloc.options import Ask, verb
from avloc.prepare.media.container import MediaError, open_media, video_stream
from avloc.prepare.media.endings import PICTURES, SOUNDS, STILLS
from avloc.prepare.media.picture import squares_at
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, Marks, read_truth
from avloc.prepare.parts.moments import Moments, entries, hear, read_lists, read_picture
from avloc.prepare.parts.names import Found, by_every_name
from avloc.prepare.parts.options import Benchmark, Boxes, Frames, Lists, Out, Rate, Short, Size, StoreKind
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store


def list_videos(
    root: Path,
    lists: Mapping[str, tuple[Path, list[str]]],
    truth: Truth | None,
    labels: Mapping[str, list[str]] | None,
    alone: str | None = None,
) -> tuple[tuple[str, ...], Listing]:
    """The classes, and a split for each list; without lists every video is of the split "all", under its path without ending.

    A listed name ID_START is found as ID_START.mp4, ID/START.mp4 or ID_START_END.mp4, with zeros before the times or without,
    in any folder (see `names`). One that is missing stays in the listing and fails when it is read. labels: names of classes
    by id. alone: the only file of the folder that is meant, and what belongs to it by its name.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected videos ({', '.join(PICTURES)})")
    pictures, sounds, stills = _found(root, alone)
    paired = {name: path for name, path in stills.items() if name in sounds and name not in pictures}
    shown = {**pictures, **paired}
    moving, any_kind = Found(by_every_name(pictures)), Found(by_every_name(shown))
    splits = {split: entries(file, names) for split, (file, names) in lists.items()}
    splits = splits or {"all": [Entry(name) for name in shown]}
    if not any(splits.values()):
        raise DataError(f"{root}: no video in it or in its folders; expected files ending in {', '.join(PICTURES)}")
    marks = Marks(truth)
    classes = marks.named or tuple(sorted({name for names in (labels or {}).values() for name in names})) or UNNAMED
    items: dict[str, Item] = {}
    for entry in (entry for listed in splits.values() for entry in listed):
        name = entry.item
        found = moving.get(name) or any_kind.get(name)
        stem = os.path.splitext(found)[0] if found else ""
        beside, still = sounds.get(stem), stills.get(stem)
        unknown = sorted(set((labels or {}).get(name, ())) - set(classes))
        if unknown:
            raise DataError(
                f"{name}: its class {unknown[0]!r} is none of the benchmark's; leave --labels or --benchmark out"
            )
        facts = {
            "path": found if found != still else None,
            "sound": beside,
            "bytes": [file_size(root / file) if file else None for file in (found, beside)],
            **({"still": still} if still else {}),
            "labels": sorted(classes.index(label) for label in (labels or {}).get(name, ())),
            **marks.facts(name),
        }
        items[name] = Item(name, found or f"{name}.mp4", facts)
    return classes, Listing(items, splits)


def _found(root: Path, alone: str | None) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Path without ending -> path, of videos, sounds and pictures, within `root`; links to folders are not followed."""
    pictures: dict[str, str] = {}
    sounds: dict[str, str] = {}
    stills: dict[str, str] = {}
    if alone is not None and os.path.splitext(alone)[1].lower() not in (*PICTURES, *STILLS):
        raise DataError(f"{root / alone}: not a video; expected a file ending in {', '.join(PICTURES)}")
    for folder, names, files in os.walk(root):
        if alone is not None:
            names.clear()
            same = os.path.splitext(alone)[0]
            files = [name for name in files if name == alone or _belongs(name, same)]
        names[:] = sorted(name for name in names if not name.startswith("."))
        for file in sorted(files):
            stem, ending = os.path.splitext(os.path.relpath(os.path.join(folder, file), root))
            for endings, known in ((PICTURES, pictures), (SOUNDS, sounds), (STILLS, stills)):
                if ending.lower() in endings:
                    known.setdefault(stem, stem + ending)
    return pictures, sounds, stills


def _belongs(file: str, stem: str) -> bool:
    """Whether it is the sound or the picture that goes with a video of this name."""
    own, ending = os.path.splitext(file)
    return own == stem and ending.lower() in (*SOUNDS, *STILLS)


@dataclass(frozen=True)
class VideoReader:
    """frames: kept of each clip, at the middles of as many equal parts. every: all clips of a video, not its middle."""

    root: Path
    moments: Moments
    frames: int
    every: bool

    def read(self, item: Item) -> Iterator[Clip]:
        facts, moments = item.facts, self.moments
        if facts["path"] is None and "still" not in facts:
            raise MediaError(item.path, "missing file")
        sound = hear(self.root, facts, moments.rate)
        length, needed = len(sound), moments.samples
        if length < needed and not moments.repeat:
            moments.middle(item.path, sound)  # says how short it is
        if self.every and length >= needed:
            starts = [number * needed for number in range(length // needed)]
        else:
            starts = [max(length // 2 - needed // 2, 0)]
        heard = min(length, needed) / moments.rate
        times = [start / moments.rate + heard * (n + 0.5) / self.frames for start in starts for n in range(self.frames)]
        shown = self._shown(facts, times)
        for number, start in enumerate(starts):
            pictures = list(islice(shown, self.frames))
            if len(pictures) < self.frames:
                if not number:
                    late = f"it ends before {times[self.frames - 1]:.2f} s"
                    raise MediaError(item.path, "picture too short", late)
                return
            clip = moments.clip(item.id, item.path, facts, pictures[0], sound[start : start + needed])
            yield self._whole(clip, item, number, start, pictures)

    def _whole(self, clip: Clip, item: Item, number: int, start: int, pictures: list[NDArray[np.uint8]]) -> Clip:
        """With all its frames; boxes belong to the middle one of a video's only clip."""
        middle, alone = self.frames // 2, not self.every
        name = item.id if alone else f"{item.id}/{number:03d}"
        annotated = alone and clip.annotated[0]
        return replace(
            clip,
            id=name,
            start=start / self.moments.rate,
            frames=np.stack(pictures),
            frame_keys=tuple(name if n == middle else "" for n in range(self.frames)),
            labels=tuple(sorted({*clip.labels, *item.facts["labels"]})),
            boxes=tuple(replace(box, frame=middle) for box in clip.boxes) if alone else (),
            annotated=tuple(annotated and n == middle for n in range(self.frames)),
        )

    def _shown(self, facts: Mapping[str, Any], times: list[float]) -> Iterator[NDArray[np.uint8]]:
        """Of the video; of a file that has no video track the picture beside it, at all times."""
        if facts["path"] is not None and not ("still" in facts and self._has_no_track(facts["path"])):
            return squares_at(self.root / facts["path"], times, self.moments.size)
        return iter([self.moments.square(read_picture(self.root, facts["still"]))] * len(times))

    def _has_no_track(self, path: str) -> bool:
        with open_media(self.root / path) as container:
            return video_stream(container) is None


@verb
def prepare_folder(
    source: Annotated[Path, "folder of the videos, or a single video"],
    out: Out,
    lists: Lists = (),
    labels: Annotated[
        Path | None, "a .csv of ids and classes, one line each; an id with several has several lines"
    ] = None,
    benchmark: Benchmark = None,
    annotations: Boxes = None,
    seconds: Annotated[float, "length of a clip in seconds"] = 3.0,
    every: Annotated[bool, "store all clips of each video instead of only its middle"] = False,
    frames_per_clip: Annotated[
        int, "frames stored for each clip, at the middles of as many equal parts", Ask(least=1)
    ] = 1,
    size: Size = 256,
    rate: Rate = 16000,
    short: Short = "fail",
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """Any folder of videos, or a single video; published data sets with lists and boxes have their own commands.

    Videos may lie in folders of their own. A listed ID_START is found as ID_START.mp4, ID/START.mp4 or
    ID_START_END.mp4, with or without zeros before the times; without --lists all videos are in the split "all". A
    video without sound gets the sound file beside it that has its name. A picture and a sound file of the same name
    are a clip too. What cannot be read is counted with the reason.
    """
    if size < 8 or rate < 1000 or frames_per_clip < 1 or not 1 <= seconds * rate < 1e8:
        raise DataError(
            f"size is {size}, rate {rate}, frames_per_clip {frames_per_clip}, seconds {seconds}; expected at least 8 pixels, "
            "1000 Hz, 1 frame and more than 0 s"
        )
    root, alone = (source.parent, source.name) if source.is_file() else (source, None)
    truth = read_truth(benchmark, annotations)
    moments = Moments(size, rate, round(seconds * rate), short == "repeat")
    classes, listing = list_videos(root, read_lists(lists), truth, None if labels is None else _classes(labels), alone)
    settings = {
        "data": "folder of videos",
        "classes": classes,
        "rate": rate,
        "seconds": seconds,
        "samples": moments.samples,
        "frames_per_clip": frames_per_clip,
        "size": size,
        "frames": frames,
        "store": store,
        "every": every,
        "short": short,
        "votes": 1 if truth is None else truth.votes,
    }
    reader = VideoReader(root, moments, frames_per_clip, every)
    return build_store(out, root, listing, reader, settings, **work)


def _classes(path: Path) -> dict[str, list[str]]:
    """Classes by id, from lines "id,class"; an id with several has a line each."""
    found: dict[str, list[str]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                if len(row) < 2 or not row[1].strip():
                    raise DataError(f"{path}:{number}: found {','.join(row)!r}; expected id,class")
                found.setdefault(row[0].strip(), []).append(row[1].strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); expected lines of id,class") from None
    return found
