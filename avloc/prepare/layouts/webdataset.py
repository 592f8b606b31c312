"""Tar shards of KEY.jpg or KEY.mp4, KEY.wav and KEY.json, .cls or .txt, as webdataset has them, listed for a store."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.annotations.truth import Truth
from avloc.endings import SOUNDS, STILLS, VIDEOS
from avloc.errors import DataError
from avloc.files import file_size
from avloc.joins import match
from avloc.leftovers import joined
from avloc.naming import some
from avloc.prepare.layouts.sample_about import About, class_name, read_about
from avloc.prepare.layouts.shard_names import find_shards, split_of, stem_of
from avloc.prepare.layouts.tar_shards import Sample, read_index, shard_bytes
from avloc.prepare.parts.id_lists import entries as numbered
from avloc.prepare.parts.id_lists import list_names
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, Marks
from avloc.prepare.parts.moments import AMBIGUOUS

logger = logging.getLogger(__name__)

_NUMBERED = re.compile(r"(?:(\d{1,6})\.)?(\w+)")


@dataclass
class Listed:
    """classes, listing: of the store. root: what shards are relative to. frames: pictures a clip. masks: whether any clip
    has one. told: dataset.json where an export left it, else empty."""

    root: Path
    classes: tuple[str, ...]
    listing: Listing
    frames: int
    masks: bool
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Found:
    """A sample and where it lies. about: what it says of itself; a sample that cannot be used says why in `sample.wrong`."""

    shard: str
    split: str
    sample: Sample
    about: About
    id: str = ""


def list_webdataset(source: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None) -> Listed:
    """The samples of all shards, each an item; splits are those of `lists`, of dataset.json, or of the names of the shards:
    train-000001.tar and train/000001.tar are of the split train."""
    root, shards, told = find_shards(source)
    splits = {name: split for split, own in told.get("splits", {}).items() for name in own["shards"]}
    found: list[_Found] = []
    passed: Counter[str] = Counter()
    for shard in shards:
        found += _samples(root, shard, splits.get(shard) or split_of(shard), passed)
    for why, count in sorted(passed.items()):
        logger.warning("%s: %d members do not belong to a sample: %s", source, count, why)
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


def _samples(root: Path, shard: str, split: str, passed: Counter[str]) -> Iterator[_Found]:
    """Those of one shard, and one more that stands for what could not be read of it."""
    path = root / shard
    if not path.is_file():
        yield _Found(shard, split, Sample("", wrong="missing shard"), About(), shard)
        return
    index = read_index(path)
    passed.update(index.passed)
    for sample in index.samples.values():
        about = About()
        try:
            about = _about(sample)
        except DataError as error:
            sample.wrong = sample.wrong or f"broken annotation: {error}"
        yield _Found(shard, split, sample, about, about.id or "")
    if index.broken:
        yield _Found(shard, split, Sample("", wrong=f"broken shard: {index.broken}"), About(), shard)


def _about(sample: Sample) -> About:
    """Of KEY.json; a class in KEY.cls, or where there is neither a class a line in KEY.txt, is a label too."""
    about = read_about(sample.texts["json"]) if "json" in sample.texts else About()
    text = sample.texts.get("cls", sample.texts.get("txt", b"") if "json" not in sample.texts else b"")
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError("a class that is not UTF-8 text") from None
    about.labels = tuple(dict.fromkeys([*about.labels, *(class_name(line) for line in lines if line.strip())]))
    return about


def _name(found: list[_Found]) -> None:
    """Ids where the samples bring none: keys, with the shard before them where keys come back in another shard."""
    keys = Counter(one.sample.key for one in found if not one.id)
    double = any(count > 1 for key, count in keys.items() if key)
    for one in found:
        if not one.id:
            one.id = f"{stem_of(one.shard)}/{one.sample.key}" if double else one.sample.key


def _usual_frames(found: list[_Found]) -> int:
    """How many pictures most samples have; of two numbers that are as frequent the smaller."""
    counts = Counter(len(_parts(one.sample, STILLS)) for one in found if not one.sample.wrong)
    counts.pop(0, None)  # videos, whose frames are taken
    return min(counts, key=lambda number: (-counts[number], number), default=1)


def _parts(sample: Sample, endings: tuple[str, ...]) -> list[tuple[int, str]]:
    """(number, ending of the member) of KEY.jpg, KEY.0.jpg, KEY.1.jpg, in order; a number that is missing is -1."""
    found = []
    for part in sample.parts:
        match = _NUMBERED.fullmatch(part)
        if match and f".{match[2]}" in endings:
            found.append((-1 if match[1] is None else int(match[1]), part))
    return sorted(found)


def _listing(
    root: Path,
    found: list[_Found],
    lists: Mapping[str, tuple[Path, list[str]]],
    classes: tuple[str, ...],
    marks: Marks | None,
) -> Listing:
    items: dict[str, Item] = {}
    places: dict[str, _Found] = {}
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
        aside="samples are in no list", shared="listed ids match the same sample as another",
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
    return Listing(kept, chosen, (join, *left))


def _same(root: Path, one: _Found, other: _Found) -> bool:
    """Whether two samples of one id hold the same, as a clip that stands in two splits does."""
    first, second = one.sample, other.sample
    media, others = (
        {ending: size for ending, (_, size) in sample.parts.items() if ending not in sample.texts}
        for sample in (first, second)
    )
    if first.wrong or second.wrong or media != others or one.about != other.about:
        return False
    with shard_bytes(root / one.shard) as here, shard_bytes(root / other.shard) as there:
        return all(here.part(first.parts[ending]) == there.part(second.parts[ending]) for ending in media)


def _item(root: Path, name: str, one: _Found, classes: tuple[str, ...], marks: Marks | None) -> Item:
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
        "pictures": [[part, *sample.parts[part]] for _, part in _parts(sample, STILLS)],
        "video": about.video or name,
        "film": _first(sample, VIDEOS),
        "sound": _first(sample, SOUNDS),
        "start": about.start,
        "labels": [number[text] for text in about.labels],
        "stated": about.stated,
        "boxes": [[*corners, frame, label(text), sounding] for corners, frame, text, sounding in about.boxes],
        "masks": [[h, w, runs, frame, label(text), sounding] for h, w, runs, frame, text, sounding in about.masks],
        "annotated": about.annotated,
        "keys": about.frame_keys,
    }
    if marks is not None:  # the boxes of a benchmark take the place of the shard's own
        told = marks.facts(name)
        facts["boxes"] = [[*row[:4], 0, row[4], True] for row in told["boxes"] or ()]
        facts |= {"masks": [], "annotated": None if told["boxes"] is None else [], "stated": False}
        facts["video"] = told["video"] if told["video"] != name else facts["video"]
    return Item(name, path, facts)


def _first(sample: Sample, endings: tuple[str, ...]) -> list[Any] | None:
    """[ending, where, how many bytes] of the first member of a kind."""
    parts = _parts(sample, endings)
    return [parts[0][1], *sample.parts[parts[0][1]]] if parts else None
