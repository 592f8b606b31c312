"""AudioSet-instrument: ten seconds of each video, one frame per second, with the tags of the video and a detector's boxes.

Two releases of the same videos. Coarse-to-fine (shvdiwnkozbw/Multi-Source-Sound-Localization@de67ce3): 15 classes,
train_audio.pkl and val_audio.pkl {id: 15 numbers}, audioset_train_effv2.npy, normav.json, frames SET/ID/0000.jpg and sounds
SET/audio/ID.wav. DSOL (DTaoo/Discriminative-Sounding-Objects-Localization@7f40207): 13 classes, SPLIT_data.pkl [id],
SPLIT_data_label.pkl {id: numbers}, audioset_box.json. Pickles are parsed, never executed.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

from avloc.annotations.audioset import DSOL_CLASSES, read_audioset
from avloc.annotations.files import Files
from avloc.annotations.reading import laid_out
from avloc.errors import DataError
from avloc.joins import match
from avloc.leftovers import joined
from avloc.naming import counted
from avloc.options import verb
from avloc.plain_arrays import plain_array
from avloc.prepare.parts import options
from avloc.prepare.parts.audioset_tags import CLASSES, read_tags, tags_of_dsol
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import Rows
from avloc.prepare.parts.recipe import boxes_in, moments_of, refuse_missing
from avloc.prepare.parts.ten_seconds import SECONDS, Cutting
from avloc.prepare.parts.tree import Tree, shown_file
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared

logger = logging.getLogger(__name__)

RATES = {"coarse-to-fine": 22050, "dsol": 16000}
EXPECTED = "train/ID/0000.jpg and train/audio/ID.wav, or videos ID.mp4"
USED = ("audioset_train_effv2.npy",)
BOXES = {
    "coarse-to-fine": ("normav.json", "normav_compact.json"),
    "dsol": ("audioset_box.json",),
}
LISTS = {
    "coarse-to-fine": {"train": ("train_audio.pkl",), "test": ("val_audio.pkl",)},
    "dsol": {name: (f"{name}_data.pkl",) for name in ("single_train", "single_val", "multi_train", "multi_val")},
}
TESTED = ("test", "single_val", "multi_val")


def list_audioset(
    root: Path, annotations: Path, release: str, splits: Sequence[str] | None
) -> tuple[tuple[str, ...], Listing]:
    """The classes of a release, and the splits whose lists exist (or were asked for), with tags and boxes."""
    tree, files = Tree(root, EXPECTED), Files(annotations)
    published = LISTS[release]
    lists = {
        split: path
        for split, names in published.items()
        if (splits is None or split in splits) and (path := files.maybe(*names))
    }
    refuse_missing(annotations, splits, lists, published)
    read = tags_of_dsol if release == "dsol" else read_tags
    tags = {split: read(path, files) for split, path in lists.items()}
    classes = DSOL_CLASSES if release == "dsol" else CLASSES
    boxes: dict[str, dict[str, tuple[str, Rows]]] = {}
    if any(split in TESTED for split in lists):
        boxes = _boxes(files, release, classes, sorted(tags.get("test", ())))
    items = {name: _item(tree, name, own, boxes) for name, own in _firstread_tags(tags).items()}
    entries = {
        split: [Entry(name, lists[split].name) for name in _used(found, files, split)] for split, found in tags.items()
    }
    named = {entry.item for own in entries.values() for entry in own}
    order = list(entries) if splits is None else list(dict.fromkeys(splits))
    listed = {name: item for name, item in items.items() if name in named}
    join = joined(
        "boxes",
        match((name for name in boxes), listed),
        missing="annotated videos are not listed" if splits is None else "",
    )
    return classes, tree.listing(listed, {split: entries[split] for split in order}, [join])


def _firstread_tags(tags: Mapping[str, Mapping[str, list[int]]]) -> dict[str, list[int]]:
    """If two lists tag a video differently, the first one wins and the video is reported."""
    found: dict[str, list[int]] = {}
    other = {name for own in tags.values() for name, value in own.items() if found.setdefault(name, value) != value}
    if other:
        some = min(other)
        logger.warning(
            "%s different tags in a second list, such as %s; the tags of the first list are used",
            counted(len(other), "video has", "videos have"),
            some,
        )
    return found


def _used(found: Mapping[str, Any], files: Files, split: str) -> list[str]:
    """The training videos that the release uses, by their index in the sorted ids."""
    names = sorted(found) if split in ("train", "test") else list(found)
    path = files.maybe(*USED) if split == "train" else None
    if path is None:
        return names
    try:
        places = plain_array(path)
        used = [names[int(place)] for place in places]
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise DataError(f"{path}: not indices into the {len(names)} ids of train_audio.pkl ({error})") from None
    logger.info("train: %d of %d videos are used, by %s", len(used), len(names), path.name)
    return used


def _boxes(
    files: Files, release: str, classes: Sequence[str], tested: list[str]
) -> dict[str, dict[str, tuple[str, Rows]]]:
    """Id -> second -> (the frame's name in the annotation, its boxes).

    normav.json numbers frames 10 * video + second, where `video` is the index in the sorted ids of val_audio.pkl.
    """
    path = files.named(*BOXES[release])
    with laid_out(Files(path), path.name):
        truth = read_audioset(Files(path))
    truth.name = path.name
    boxes = boxes_in(truth, classes)
    found: dict[str, dict[str, tuple[str, Rows]]] = {}
    for key, rows in boxes.items():
        if release == "dsol":
            video, _, second = key.rpartition("/")
        else:
            place, second = int(key) // SECONDS, str(int(key) % SECONDS)
            if place >= len(tested):
                raise DataError(
                    f"{path}: frame {key} is of video {place}, but val_audio.pkl has {len(tested)}; use files of one release"
                )
            video = tested[place]
        found.setdefault(video, {})[str(int(second))] = key, rows
    return found


def _item(tree: Tree, name: str, tags: list[int], boxes: Mapping[str, dict[str, tuple[str, Rows]]]) -> Item:
    marked = boxes.get(name, {})
    facts = tree.find(name, still=False)  # frames are numbered; ignore other files in the folder
    return Item(
        name,
        shown_file(facts, f"{name}.mp4"),
        {
            **facts,
            "video": name,
            "labels": tags,
            "boxes": {second: rows for second, (_, rows) in marked.items()},
            "keys": {second: key for second, (key, _) in marked.items()},
        },
    )


@verb
def prepare_audioset_instrument(
    source: options.Source,
    out: options.Out = Path("data/audioset-instrument"),
    release: Annotated[
        Literal["coarse-to-fine", "dsol"], "whose lists, classes and boxes to use: 15 classes or 13"
    ] = "coarse-to-fine",
    annotations: options.Annotations = None,
    splits: options.Splits = None,
    seconds: options.Whole = 1,
    fps: options.Fps = 1,
    at: options.At = 0.5,
    pad: options.Pad = True,
    rate: Annotated[int | None, "sampling rate of the stored sound in Hz; default: 22050, for dsol 16000"] = None,
    size: options.Size = 256,
    frames: options.Frames = "jpeg",
    store: options.StoreKind = "hdf5",
    repair: options.Repair = 0.1,
    channels: options.Channel = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """AudioSet-instrument: ten one-second clips of each video. docs/data/audioset_instrument.md

    SOURCE holds train/ID/0000.jpg to 0009.jpg with train/audio/ID.wav, the same in val/, or ID.mp4. A clip has the
    tags of its video and the boxes of its second. The lists, tags and boxes of a release are in SOURCE or in
    --annotations:

    \b
    coarse-to-fine  train_audio.pkl, val_audio.pkl, audioset_train_effv2.npy,
                    normav.json (utils of
                    github.com/shvdiwnkozbw/Multi-Source-Sound-Localization)
    dsol            single_train_data.pkl, single_train_data_label.pkl, ...,
                    audioset_box.json (github.com/DTaoo/
                    Discriminative-Sounding-Objects-Localization)

    With --seconds 10, a video is one clip with ten frames, as in coarse-to-fine's original version. The
    releases do not say at which time within a second their frames were taken.
    """
    decoding = Decoding(repair, channels=channels)
    moments = moments_of(size, RATES[release] if rate is None else rate, seconds, decoding=decoding)
    cutting = Cutting(seconds, fps, at, pad)
    classes, listing = list_audioset(source, annotations or source, release, splits or None)
    recipe = cutting.recipe("audioset-instrument", source, classes, listing, moments, release=release)
    return recipe.prepare(out, frames, store, **work)
