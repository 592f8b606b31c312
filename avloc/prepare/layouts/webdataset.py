"""Tar shards of KEY.jpg or KEY.mp4, KEY.wav and KEY.json, .cls or .txt, as in webdataset, listed for a store."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.annotations.truth import Truth
from avloc.endings import SOUNDS, STILLS, VIDEOS
from avloc.files import file_size
from avloc.joins import match
from avloc.leftovers import joined
from avloc.naming import counted, some
from avloc.prepare.layouts.shard_names import find_shards, split_of, stem_of
from avloc.prepare.layouts.tar_bytes import shard_bytes
from avloc.prepare.layouts.tar_samples import Found, first_of, parts_of, samples_of
from avloc.prepare.parts.id_lists import entries as numbered
from avloc.prepare.parts.id_lists import list_names
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, Marks
from avloc.prepare.parts.moments import AMBIGUOUS

logger = logging.getLogger(__name__)


@dataclass
class Listed:
    """classes, listing: of the store. root: shards are relative to it. frames: pictures per clip. masks: whether any
    clip has one. told: dataset.json of an export, else empty.
    """

    root: Path
    classes: tuple[str, ...]
    listing: Listing
    frames: int
    masks: bool
    told: Mapping[str, Any] = field(default_factory=dict)


def list_webdataset(source: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None) -> Listed:
    """The samples of all shards, each an item; splits are those of `lists`, of dataset.json, or of the names of the shards:
    train-000001.tar and train/000001.tar are in the split train."""
    root, shards, told = find_shards(source)
    splits = {name: split for split, own in told.get("splits", {}).items() for name in own["shards"]}
    found: list[Found] = []
    passed: Counter[str] = Counter()
    for shard in shards:
        found += samples_of(root, shard, splits.get(shard) or split_of(shard), passed)
    for why, count in sorted(passed.items()):
        apart = counted(count, "member does", "members do")
        logger.warning("%s: %s not belong to a sample: %s", source, apart, why)
    _name(found)
    of_splits: dict[str, list[Entry]] = {split: [Entry(name) for name in ids] for split, (_, ids) in lists.items()}
    for one in found if not lists else ():
        of_splits.setdefault(one.split, []).append(Entry(one.id))
    marks = Marks(truth, of_splits)
    own = {name for one in found for name in one.about.classes}
    classes = (*marks.named, *(name for name in told.get("classes", sorted(own)) if name not in marks.named))
    classes = tuple(dict.fromkeys((*classes, *sorted(own)))) or UNNAMED
    listing = _listing(root, found, lists, classes, marks if truth is not None else None)
    masks = bool(told.get("masks")) or any(one.about.masks for one in found)
    return Listed(root, classes, listing, told.get("frames_per_clip") or _usual_frames(found), masks, told)


def _name(found: list[Found]) -> None:
    """Ids if the samples have none: keys, prefixed by the shard if keys occur in several shards."""
    keys = Counter(one.sample.key for one in found if not one.id)
    double = any(count > 1 for key, count in keys.items() if key)
    for one in found:
        if not one.id:
            one.id = f"{stem_of(one.shard)}/{one.sample.key}" if double else one.sample.key


def _usual_frames(found: list[Found]) -> int:
    """The most frequent number of pictures per sample; of equally frequent ones, the smaller."""
    counts = Counter(len(parts_of(one.sample, STILLS)) for one in found if not one.sample.wrong)
    counts.pop(0, None)  # of videos, from which frames are taken
    return min(counts, key=lambda number: (-counts[number], number), default=1)


def _listing(
    root: Path,
    found: list[Found],
    lists: Mapping[str, tuple[Path, list[str]]],
    classes: tuple[str, ...],
    marks: Marks | None,
) -> Listing:
    items: dict[str, Item] = {}
    places: dict[str, Found] = {}
    entries: dict[str, list[Entry]] = {}
    for one in found:
        name = one.id
        if name in places and not _same(root, places[name], one):
            name = f"{stem_of(one.shard)}/{one.sample.key}"
            one.sample.wrong = f"id twice with other content: {one.id}"
        if name not in places:
            places[name] = one
            items[name] = _item(root, name, one, classes, marks)
        entries.setdefault(one.split, []).append(Entry(name, one.shard))
    left = marks.joins if marks is not None else ()
    if not lists:
        return Listing(items, entries, left)
    chosen = {split: numbered(file, ids) for split, (file, ids) in lists.items()}
    wanted = dict.fromkeys(entry.item for own in chosen.values() for entry in own)
    samples = match(wanted, places, alone=False)
    join = joined(
        list_names(lists), samples, "listed ids match no sample", ambiguous="listed ids match more than one sample",
        aside="samples are not in any list", shared="listed ids match the same sample as another",
    )  # fmt: skip
    doubtful = samples.doubtful
    kept: dict[str, Item] = {name: items[name] for name in items if name in wanted}
    for name in wanted:
        if name in samples.pairs and samples.pairs[name] != name:
            kept[name] = _item(root, name, places[samples.pairs[name]], classes, marks)
        elif name in doubtful:
            kept[name] = Item(name, name, {"wrong": f"{AMBIGUOUS}: {some(doubtful[name])}"})
        else:
            kept.setdefault(name, Item(name, name, {"wrong": "missing sample"}))
    order = {name: number for number, name in enumerate(places)}  # a compressed shard is read in its own order
    last = len(order)
    kept = dict(sorted(kept.items(), key=lambda one: order.get(samples.pairs.get(one[0], one[0]), last)))
    return Listing(kept, chosen, (join, *left))


def _same(root: Path, one: Found, other: Found) -> bool:
    """Whether two samples with the same id are equal, as for a clip in two splits."""
    first, second = one.sample, other.sample
    media, others = (
        {ending: size for ending, (_, size) in sample.parts.items() if ending not in sample.texts}
        for sample in (first, second)
    )
    if first.wrong or second.wrong or media != others or one.about != other.about:
        return False
    here, there = (
        shard_bytes(root / found.shard).parts([found.sample.parts[ending] for ending in media])
        for found in (one, other)
    )
    return here == there


def _item(root: Path, name: str, one: Found, classes: tuple[str, ...], marks: Marks | None) -> Item:
    sample, about = one.sample, one.about
    path = f"{one.shard}:{sample.key}" if sample.key else one.shard
    if sample.wrong:
        return Item(name, path, {"wrong": sample.wrong})
    number = {label: place for place, label in enumerate(classes)}

    def label(text: str | None) -> int:
        return -1 if text is None else number[text]

    facts: dict[str, Any] = {
        "shard": one.shard,
        "bytes": file_size(root / one.shard),
        "pictures": [[part, *sample.parts[part]] for _, part in parts_of(sample, STILLS)],
        "video": about.video or name,
        "film": first_of(sample, VIDEOS),
        "sound": first_of(sample, SOUNDS),
        "start": about.start,
        "labels": [number[text] for text in about.labels],
        "stated": about.stated,
        "boxes": [[*corners, frame, label(text), sounding] for corners, frame, text, sounding in about.boxes],
        "masks": [[h, w, runs, frame, label(text), sounding] for h, w, runs, frame, text, sounding in about.masks],
        "annotated": about.annotated,
        "keys": about.frame_keys,
    }
    if marks is not None:  # the boxes of a benchmark replace those of the shard
        told = marks.facts(name, facts["labels"], classes)
        facts["boxes"] = [[*row[:4], 0, row[4], True] for row in told["boxes"] or ()]
        facts["boxes"] += [[*row[:4], 0, row[4], False] for row in told.get("silent", ())]
        facts |= {"masks": [], "annotated": None if told["boxes"] is None else [], "stated": False}
        facts["video"] = told["video"] if told["video"] != name else facts["video"]
    return Item(name, path, facts, about.notes | ({} if marks is None else marks.notes(name)))
