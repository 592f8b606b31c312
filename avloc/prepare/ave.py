"""AVE: ten seconds of a video, cut into seconds, with the class of the event and when it is seen and heard.

Tian et al., ECCV 2018 (YapengTian/AVE-ECCV18): Annotations.txt, trainSet.txt, valSet.txt and testSet.txt hold lines of
Category&VideoID&Quality&StartTime&EndTime. It has no boxes.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Unpack

from avloc.annotations.files import Files
from avloc.annotations.reading import read_own_truth
from avloc.errors import DataError
from avloc.files import regular, why
from avloc.joins import match
from avloc.leftovers import Join, joined
from avloc.naming import utf8_name
from avloc.options import verb
from avloc.plain_hdf5 import open_hdf5, values
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.id_lists import read_lists
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import Rows, marked, silent
from avloc.prepare.parts.options import (
    Annotations,
    At,
    Channel,
    Fps,
    Frames,
    Lists,
    Out,
    Pad,
    Rate,
    Repair,
    Size,
    Source,
    Splits,
    StoreKind,
    Whole,
)
from avloc.prepare.parts.recipe import moments_of, refuse_missing
from avloc.prepare.parts.ten_seconds import SECONDS, Cutting
from avloc.prepare.parts.tree import Tree, shown_file
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared

EXPECTED = "videos VIDEOID.mp4"
ALL = ("Annotations.txt",)
LISTS = {
    "train": ("trainSet.txt", "train_order.h5"),
    "val": ("valSet.txt", "val_order.h5"),
    "test": ("testSet.txt", "test_order.h5"),
}
_HEADER = "Category"


class Line(NamedTuple):
    """An event of a video, in seconds, and the line of the file that lists it."""

    label: str
    video: str
    start: float
    end: float
    where: str


def list_ave(
    root: Path, annotations: Path, given: Sequence[str], splits: Sequence[str] | None, boxes: Path | None
) -> tuple[tuple[str, ...], Listing]:
    """The classes (28 as published), and the videos of each set with their events.

    boxes: the user's own boxes (this package's JSON, COCO or Pascal VOC) for clips VIDEOID/SECOND, counted from 0.
    """
    tree, files = Tree(root, EXPECTED), Files(annotations)
    path = files.maybe(*ALL)
    every = _lines(path) if path else []
    sets = _sets(files, every, given, splits)
    refuse_missing(annotations, splits, sets, LISTS)

    lines = [line for own in (*sets.values(), every) for line in own]
    classes = tuple(sorted({line.label for line in lines}))
    events: dict[str, list[list[Any]]] = {}
    for line in lines:
        span = [classes.index(line.label), line.start, line.end]
        if span not in events.setdefault(line.video, []):
            events[line.video].append(span)

    entries = {split: _entries(own) for split, own in sets.items()}
    listed = dict.fromkeys(entry.item for own in entries.values() for entry in own)
    boxed, quiet, joins = _boxes(boxes, listed, classes)
    items = {name: _item(tree, name, events[name], boxed, quiet) for name in listed}
    return classes, tree.listing(items, entries, joins)


def _sets(files: Files, every: list[Line], given: Sequence[str], splits: Sequence[str] | None) -> dict[str, list[Line]]:
    """The lines of each split: published lists, then the user's; all of Annotations.txt if there is no list."""
    sets: dict[str, list[Line]] = {}
    for split, names in LISTS.items():
        path = files.maybe(*names)
        if path and (splits is None or split in splits):
            sets[split] = _ordered(every, path) if path.suffix == ".h5" else _lines(path)

    of_video: dict[str, list[Line]] = {}
    for line in every:
        of_video.setdefault(line.video, []).append(line)
    for split, (file, ids) in read_lists(given).items():
        sets[split] = [line for name in ids for line in _known(of_video, name, file)]

    if splits is not None:
        return {split: sets[split] for split in dict.fromkeys(splits) if split in sets}
    return sets if sets or not every else {"all": every}


def _entries(lines: list[Line]) -> list[Entry]:
    """Each video once, with the first of its lines (there is one for each event)."""
    first: dict[str, str] = {}
    for line in lines:
        first.setdefault(line.video, line.where)
    return [Entry(video, where) for video, where in first.items()]


def _boxes(
    path: Path | None, listed: Iterable[str], classes: Sequence[str]
) -> tuple[dict[str, Rows], dict[str, Rows], tuple[Join, ...]]:
    """Boxes by VIDEOID/SECOND of the listed videos, of what sounds and of what does not, and the join that matches them."""
    if path is None:
        return {}, {}, ()
    truth = read_own_truth(path)
    found = match(truth.written, (f"{name}/{n}" for name in listed for n in range(SECONDS)))
    boxes, own = marked(truth), dict(zip(truth.written, truth.ids, strict=True))
    number = {name: classes.index(label) for name, label in enumerate(truth.classes) if label in classes}
    quiet = {
        name: [(x1, y1, x2, y2, number.get(label, -1)) for x1, y1, x2, y2, label in rows]
        for name, rows in silent(truth).items()
    }
    join = joined(
        utf8_name(path.name),
        found,
        missing="annotated ids are not VIDEOID/SECOND of a listed video",
        ambiguous="annotated ids match more than one second",
        shared="annotated ids match the same second as another",
    )
    there = {clip: own[name] for name, clip in found.pairs.items()}
    sounding = {clip: boxes[name] for clip, name in there.items()}
    return sounding, {clip: quiet[name] for clip, name in there.items() if name in quiet}, (join,)


def _lines(path: Path) -> list[Line]:
    found = []
    try:
        lines = regular(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({why(error)})") from None
    for number, line in enumerate(lines, 1):
        parts = line.strip().split("&")
        if parts in ([""],) or (number == 1 and parts[0] == _HEADER):
            continue
        try:
            label, name, _, start, end = parts
            found.append(Line(label, name, float(start), float(end), f"{path.name}:{number}"))
        except ValueError:
            raise DataError(
                f"{path}:{number}: found {line!r}; expected Category&VideoID&Quality&StartTime&EndTime"
            ) from None
    return found


def _ordered(every: list[Line], path: Path) -> list[Line]:
    """The lines of Annotations.txt that a published order selects by number."""
    try:
        with open_hdf5(path) as file:
            order = values(file, "order", "whole number").ravel().tolist()
        return [every[number] for number in order]
    except (OSError, IndexError, ValueError) as error:
        raise DataError(
            f"{path}: does not match the {len(every)} lines of Annotations.txt ({why(error)}); fetch both again"
        ) from None


def _known(of_video: Mapping[str, list[Line]], name: str, file: Path) -> list[Line]:
    if name not in of_video:
        raise DataError(f"{file}: {name} is not in Annotations.txt, so its class is unknown")
    return of_video[name]


def _item(tree: Tree, name: str, spans: list[list[Any]], boxed: Mapping[str, Rows], quiet: Mapping[str, Rows]) -> Item:
    facts = tree.find(name)
    silents = {str(n): quiet[f"{name}/{n}"] for n in range(SECONDS) if f"{name}/{n}" in quiet}
    boxes = {}
    for n in range(SECONDS):
        if f"{name}/{n}" in boxed:
            # the user's own boxes get the class of the event in that second
            label = next((label for label, start, end in spans if start < n + 1 and end > n), spans[0][0])
            boxes[str(n)] = [[*row[:4], label] for row in boxed[f"{name}/{n}"]]
    return Item(
        name,
        shown_file(facts, f"{name}.mp4"),
        {**facts, "video": name, "spans": spans, "boxes": boxes, **({"silent": silents} if silents else {})},
    )


@verb
def prepare_ave(
    source: Source,
    out: Out = Path("data/ave"),
    annotations: Annotations = None,
    lists: Lists = (),
    splits: Splits = None,
    boxes: Annotated[Path | None, "your own boxes for clips VIDEOID/SECOND, as JSON, COCO or Pascal VOC"] = None,
    seconds: Whole = 1,
    fps: Fps = 1,
    at: At = 0.5,
    pad: Pad = True,
    rate: Rate = 22050,
    size: Size = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    repair: Repair = 0.1,
    channels: Channel = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """AVE: ten one-second clips of each video, labelled with its event. docs/data/ave.md

    SOURCE contains AVE/VIDEOID.mp4, and Annotations.txt, trainSet.txt, valSet.txt and testSet.txt with lines
    Category&VideoID&Quality&StartTime&EndTime (AVE_Dataset.zip of github.com/YapengTian/AVE-ECCV18). A clip has the
    class of the event that is seen and heard in it, if any. AVE has no boxes: give your own to score on it. The
    default rate is coarse-to-fine's.
    """
    moments = moments_of(size, rate, seconds, decoding=Decoding(repair, channels=channels))
    cutting = Cutting(seconds, fps, at, pad)
    classes, listing = list_ave(source, annotations or source, lists, splits or None, boxes)
    return cutting.recipe("ave", source, classes, listing, moments).prepare(out, frames, store, **work)
