"""Any folder of videos: one clip from the middle of each, or all of it in clips of equal length.

A video without sound uses the sound file of the same name next to it. A picture and a sound file of the same name are
an item too.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Unpack

from avloc.annotations.truth import Truth
from avloc.annotations.vggsounder import Sounder
from avloc.errors import DataError
from avloc.files import file_size
from avloc.joins import Matched, match
from avloc.leftovers import Join, joined
from avloc.naming import utf8_name
from avloc.options import Ask, verb
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.id_lists import entries, list_names, read_lists
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, Marks, read_truth
from avloc.prepare.parts.media_files import by_stem, find_alone, find_media, names_of, passed_over
from avloc.prepare.parts.moments import Moments
from avloc.prepare.parts.names import Found, one_of
from avloc.prepare.parts.options import (
    Benchmark,
    Boxes,
    Channel,
    Frames,
    Lists,
    Out,
    Rate,
    Repair,
    Short,
    Size,
    StoreKind,
    TailKind,
)
from avloc.prepare.parts.sounders import Only, Without, chosen, heard_in, notes
from avloc.prepare.parts.tags import Tags
from avloc.prepare.parts.videos import VideoReader
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

EXPECTED = "ending in .mp4, .mkv, .webm or the like"


def list_videos(
    root: Path,
    lists: Mapping[str, tuple[Path, list[str]]],
    truth: Truth | None,
    labels: Path | None,
    told: Mapping[str, Sounder],
    alone: str | None = None,
) -> tuple[tuple[str, ...], Listing]:
    """The classes, and a split for each list; without lists every video is in the split "all", named by its path
    without suffix.

    A listed name ID_START is found as ID_START.mp4, ID/START.mp4 or ID_START_END.mp4, with or without leading zeros in
    the times, in any folder (see `names`). One that is missing or ambiguous stays in the listing and fails when it is
    read. labels: a table of ids and classes. told: VGGSounder's flags of clips. alone: use only this file of the
    folder, and those of the same name.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected videos {EXPECTED}")
    tags = Tags(labels)
    media = _Media.of(root, alone)
    splits = {split: entries(file, names) for split, (file, names) in lists.items()}
    splits = splits or {"all": [Entry(name) for name in media.names()]}
    if not any(splits.values()):
        over = f"; {passed_over(media.passed)}" if media.passed else ""
        raise DataError(f"{root}: no video in it or its subfolders; expected files {EXPECTED}{over}")

    names = dict.fromkeys(entry.item for own in splits.values() for entry in own)
    found = match(names, media.shown.paths.values(), media.find, alone=False)
    marks, given = Marks(truth, splits), tags.give(names)
    heard = {label for clip in told.values() for label in clip.heard}
    others = sorted(heard.union(() if marks.named else tags.classes))
    classes = tuple(dict.fromkeys([*marks.named, *others])) or UNNAMED

    items: dict[str, Item] = {}
    for name in names:
        path = found.pairs.get(name)
        own = sorted({*tags.of(name, classes), *map(classes.index, heard_in(told, name))})
        facts = {**media.facts(name, found), "labels": own, **marks.facts(name, own, classes)}
        items[name] = Item(
            name, utf8_name(path) if path else f"{name}.mp4", facts, notes(told, name) | marks.notes(name)
        )
    files = joined(
        list_names(lists) or "videos",
        found,
        missing="listed ids match no file",
        aside="videos are not in any list" if lists else "",
    )
    return classes, Listing(items, splits, (files, *given, *marks.joins), media.passed)


@dataclass(frozen=True)
class _Media:
    """The media of a folder. sounds, stills: by path without suffix. films: videos. shown: videos and pictures with a
    sound. paired: those pictures. passed: other files, by suffix.
    """

    root: Path
    videos: Sequence[str]
    sounds: Mapping[str, list[str]]
    stills: Mapping[str, list[str]]
    paired: Sequence[str]
    films: Found
    shown: Found
    passed: Counter[str]

    @classmethod
    def of(cls, root: Path, alone: str | None) -> "_Media":
        media = find_media(root) if alone is None else find_alone(root, alone)
        if not media.videos and not media.stills and alone is not None:
            raise DataError(f"{root / alone}: not a video; expected a file {EXPECTED}")
        videos, sounds, stills = by_stem(media.videos), by_stem(media.sounds), by_stem(media.stills)
        paired = [path for stem, paths in stills.items() if stem in sounds and stem not in videos for path in paths]
        films, shown = Found(media.videos), Found([*media.videos, *paired])
        return cls(root, media.videos, sounds, stills, paired, films, shown, media.passed)

    def names(self) -> list[str]:
        """The ids of all items, if no list names them."""
        pictures = dict.fromkeys(utf8_name(os.path.splitext(path)[0]) for path in self.paired)
        return [*names_of(self.videos), *pictures]

    def find(self, name: str) -> tuple[int, Sequence[str]]:
        """The files that match a name, best matches first; a video comes before a picture with a sound."""
        near, paths = self.films.find(name)
        if not paths:
            near, paths = self.shown.find(name)
        return near, one_of(self.root, paths) if len(paths) > 1 else paths

    def facts(self, name: str, found: Matched) -> dict[str, Any]:
        """What the reader opens for a name: a video or picture, and the sound and picture next to it."""
        path = found.pairs.get(name)
        stem = os.path.splitext(path)[0] if path else ""
        sounds, stills = (one_of(self.root, own.get(stem, [])) for own in (self.sounds, self.stills))
        film = path if path not in stills else None
        sound = sounds[0] if len(sounds) == 1 else None
        facts: dict[str, Any] = {
            "path": film,
            "sound": sound,
            "bytes": [file_size(self.root / file) if file else None for file in (path, sound)],
        }
        if len(stills) == 1:
            facts["still"] = stills[0]
        if name in found.ambiguous:
            facts["ambiguous"] = [utf8_name(file) for file in found.ambiguous[name][:2]]
        elif name in found.shared:
            facts["ambiguous"] = [f"{utf8_name(found.shared[name])}, which another listed id matches too"]
        elif len(sounds) > 1:
            facts["either" if film else "ambiguous"] = [utf8_name(file) for file in sounds[:2]]
        return facts


def _left_out(listing: Listing) -> Iterator[Join]:
    """Log boxes that are left out: they belong to the middle of a video, which --every does not use."""
    boxed = [name for name, item in listing.items.items() if item.facts["boxes"] or "silent" in item.facts]
    if boxed:
        words = "videos have boxes for their middle, which --every leaves out"
        yield joined("boxes", Matched({}, (), {}, tuple(boxed)), unused=words)


@verb
def prepare_folder(
    source: Annotated[Path, "folder of the videos, or a single video"],
    out: Out,
    lists: Lists = (),
    labels: Annotated[Path | None, "a .csv file with lines id,class; one line for each class of an id"] = None,
    benchmark: Benchmark = None,
    annotations: Boxes = None,
    seconds: Annotated[float, "length of a clip in seconds"] = 3.0,
    every: Annotated[bool, "store all clips of each video instead of only its middle"] = False,
    frames_per_clip: Annotated[int, "number of frames stored per clip, spaced evenly", Ask(least=1)] = 1,
    size: Size = 256,
    rate: Rate = 16000,
    short: Short = "fail",
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    repair: Repair = 0.1,
    tail: TailKind = "drop",
    channels: Channel = "mean",
    only: Only = (),
    without: Without = (),
    **work: Unpack[Scale],
) -> Prepared:
    """Any folder of videos, or a single video. Published data sets with lists and boxes have their own commands.

    Videos can be in subfolders. A listed ID_START is found as ID_START.mp4, ID/START.mp4 or
    ID_START_END.mp4, with or without zeros before the times; without --lists all videos are in the split "all". A
    video without sound uses the sound file of the same name next to it. A picture and a sound file of the same name
    form a clip too. Files that cannot be read are counted with the reason.
    """
    if size < 8 or rate < 1000 or frames_per_clip < 1 or not 1 <= seconds * rate < 1e8:
        raise DataError(
            f"size is {size}, rate {rate}, frames_per_clip {frames_per_clip}, seconds {seconds}; expected at least 8 pixels, "
            "1000 Hz, 1 frame and more than 0 s"
        )
    root, alone = (source.parent, source.name) if source.is_file() else (source, None)
    truth = read_truth(benchmark, annotations)
    decoding = Decoding(repair, tail, channels)
    moments = Moments(size, rate, round(seconds * rate), short, decoding=decoding)
    named, told = chosen(read_lists(lists), only, without)
    classes, listing = list_videos(root, named, truth, labels, told, alone)
    if every:
        listing = replace(listing, joins=(*listing.joins, *_left_out(listing)))
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
        **decoding.settings(),
    }
    reader = VideoReader(root, moments, frames_per_clip, every)
    return build_store(out, root, listing, reader, settings, **work)
