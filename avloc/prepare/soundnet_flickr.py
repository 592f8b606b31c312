"""SoundNet-Flickr: a frame and a sound of each video, lists of 10 and 144 thousand, and boxes of several annotators.

Aytar et al., NeurIPS 2016; boxes of Senocak et al., CVPR 2018 (ardasnck/learning_to_localize_sound_source@89205e9). Trees are
theirs (Data/D/ID.jpg, Data/D/ID.wav), SSPL's (frames/.../ID.mp4/*.jpg, mp3/.../*.mp3; 5k_labeled/Data), and those of Hard Way
and EZ-VSL (frames/ID.jpg, audio/ID.wav).
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from avloc.annotations.files import Files, csv_rows
from avloc.annotations.flickr import read_flickr_pool
from avloc.annotations.reading import laid_out
from avloc.options import verb
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, Rows
from avloc.prepare.parts.one_moment import OneMoment
from avloc.prepare.parts.options import (
    Annotations,
    Channel,
    Frames,
    Lists,
    Out,
    Part,
    Rate,
    Repair,
    Seconds,
    Seed,
    Short,
    Size,
    Source,
    Splits,
    StoreKind,
)
from avloc.prepare.parts.recipe import (
    Recipe,
    boxes_in,
    drawn,
    entries_of,
    find_lists,
    moments_of,
    refuse_missing,
    unmarked,
)
from avloc.prepare.parts.tree import Tree, shown_file
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared

EXPECTED = "frames and sounds of SoundNet-Flickr"
LISTS = {
    "train_10k": ("flickr_10k.txt", "flickr_10k.csv", "flickr_train_videos_10k.csv"),
    "train_144k": ("flickr_144k.txt", "flickr_144k.csv", "flickr_train_videos_144k.csv"),
    "test": (
        "flickr_test_250.csv",
        "flickr_test.csv",
        "flickr_test_249.csv",
        "flickr_test249_in5k.csv",
        "test_list.txt",
        "test_list_original_250.txt",
    ),
}
EXTENDED = ("flickr_test_plus_silent.csv",)
DRAWN = {"train_10k": 10_000, "train_144k": 144_000}


def list_soundnet_flickr(
    root: Path, annotations: Path, given: Sequence[str], splits: Sequence[str] | None, seed: int
) -> tuple[tuple[str, ...], Listing]:
    """One class, and a split for each list that exists or is asked for: train_10k, train_144k, test, test_extended, and
    `given`.

    A requested training split without a list is drawn from the recordings that are not annotated.
    """
    tree, files = Tree(root, EXPECTED), Files(annotations)
    lists = find_lists(files, LISTS, given, splits)
    extended = files.maybe(*EXTENDED) if splits is None or "test_extended" in splits else None
    to_draw = [split for split in splits or () if split in DRAWN and split not in lists]
    found = [*lists, *to_draw, *(["test_extended"] if extended else [])]
    refuse_missing(annotations, splits, found, {**LISTS, "test_extended": EXTENDED})

    tested = [split for split in lists if split.startswith("test")]
    boxes = _boxes(files) if tested or extended else {}
    joins = [unmarked(split, lists[split][1], boxes) for split in tested]
    annotated = set(boxes) | {Path(name).name for split in tested for name in lists[split][1]}
    for split in to_draw:
        free = (name for name in tree.names if name not in annotated and name in tree)
        lists[split] = Path(f"drawn by seed {seed}"), drawn(free, DRAWN[split], split, seed)

    items: dict[str, Item] = {}
    for _, names in lists.values():
        for name in names:
            item = _item(tree, name, boxes)
            items[item.id] = _either(items.get(item.id, item), item)

    entries = entries_of(lists)
    if extended:
        # the test list, and the same number of its frames with the sound of another clip
        test = lists if "test" in lists else find_lists(files, LISTS, (), ["test"])
        ids = test["test"][1] if "test" in test else []
        items |= {name: _item(tree, name, boxes) for name in ids if name not in items}
        silent = {f"{row[0]}+{row[1]}": _silent(tree, row[0], row[1]) for row in csv_rows(extended, 3)}
        items |= silent
        entries["test_extended"] = [*(Entry(name) for name in ids), *(Entry(name, extended.name) for name in silent)]
    return UNNAMED, tree.listing(items, _in_order(entries, splits), joins)


def _boxes(files: Files) -> dict[str, Rows]:
    with laid_out(files, "Flickr-SoundNet's boxes"):
        return boxes_in(read_flickr_pool(files), UNNAMED)


def _item(tree: Tree, name: str, boxes: dict) -> Item:
    """SSPL's lists name videos by their path; the sound is in the folder of that path, under any name."""
    short, folder = Path(name).name, os.path.dirname(name)
    facts = tree.find(short, os.path.join("mp3", folder) if folder else "")
    return Item(short, shown_file(facts, short), {**facts, "video": short, "boxes": boxes.get(short)})


def _either(first: Item, second: Item) -> Item:
    """One recording that two lists name; ambiguous if their paths lead to different files."""
    if {**first.facts, "name": ""} == {**second.facts, "name": ""}:
        return first
    files = [shown_file(item.facts, item.id) + f" with {item.facts['sound']}" for item in (first, second)]
    return replace(first, facts={**first.facts, "ambiguous": files})


def _silent(tree: Tree, seen: str, heard: str) -> Item:
    """The frame of one recording with the sound of another; nothing in it sounds."""
    name, facts = f"{seen}+{heard}", tree.find(seen)
    return Item(name, shown_file(facts, seen), {**facts, "sounds": [tree.find(heard)], "video": seen, "boxes": []})


def _in_order(entries: dict[str, list[Entry]], splits: Sequence[str] | None) -> dict[str, list[Entry]]:
    return entries if splits is None else {split: entries[split] for split in dict.fromkeys(splits)}


@verb
def prepare_soundnet_flickr(
    source: Source,
    out: Out = Path("data/flickr"),
    annotations: Annotations = None,
    lists: Lists = (),
    splits: Splits = None,
    seconds: Seconds = 3.0,
    rate: Rate = 16000,
    part: Part = "middle",
    short: Short = "repeat",
    size: Size = 256,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    repair: Repair = 0.1,
    channels: Channel = "mean",
    seed: Seed = 0,
    **work: Unpack[Scale],
) -> Prepared:
    """SoundNet-Flickr: one frame and a few seconds of sound of each video. docs/data/soundnet_flickr.md

    SOURCE contains frames/ID.jpg and audio/ID.wav, or Data/D/ID.jpg and Data/D/ID.wav, or
    frames/videos2/.../ID.mp4/*.jpg and mp3/videos2/.../*.mp3, or videos. If there are several frames, the middle one is used.
    Each list becomes a split. Lists are in SOURCE or in --annotations; --splits selects some of them:

    \b
    train_10k, _144k  flickr_10k.txt, flickr_144k.txt
                      (github.com/stoneMo/EZ-VSL)
    test              flickr_test.csv, with boxes of Annotations/ID.xml
                      (ardasnck/learning_to_localize_sound_source) or of
                      gtdata.pkl
    test_extended     flickr_test_plus_silent.csv (stoneMo/SLAVC)

    The defaults are those of SSPL, EZ-VSL and (except for its 24000 Hz) visual context; coarse-to-fine uses 5 s at
    22050 Hz.
    """
    moments = moments_of(size, rate, seconds, short, part, Decoding(repair, channels=channels))
    classes, listing = list_soundnet_flickr(source, annotations or source, lists, splits or None, seed)
    facts = {"part": part, "short": short, "votes": 2, "seed": seed}
    recipe = Recipe("soundnet-flickr", source, classes, listing, OneMoment(source, moments), moments, facts, block=64)
    return recipe.prepare(out, frames, store, **work)
