"""Which clips of VGGSound are in which split: its lists, VGG-SS, pairs of clips, instruments and VGGSounder.

Lists of stoneMo/EZ-VSL@95ff5bf, SLAVC@05b429c and AVGN@5ab8cab, zjsong/SSPL@d1af4c7.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avloc.annotations.files import Files, csv_rows
from avloc.annotations.reading import laid_out
from avloc.annotations.truth import Truth
from avloc.annotations.vgg import VGGSS, read_vggss
from avloc.annotations.vggsounder import TABLES as SOUNDER
from avloc.annotations.vggsounder import Flag, Sounder
from avloc.errors import DataError
from avloc.leftovers import Join
from avloc.naming import brief, whole
from avloc.prepare.parts.id_lists import entries as numbered
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, Rows
from avloc.prepare.parts.recipe import boxes_in, drawn, find_lists, refuse_missing, unmarked
from avloc.prepare.parts.sounders import chosen, notes
from avloc.prepare.parts.tree import Tree, shown_file
from avloc.tables import read_table

EXPECTED = "videos ID_START.mp4, or frames and sounds under such names"
TABLE, COLUMNS = ("vggsound.csv",), "YouTube id, start second, class, split"
LISTS = {
    "train_10k": ("vggss_10k.txt",),
    "train_144k": ("vggss_144k.txt",),
    "train_heard": ("vggss_heard.txt",),
    "vggss": ("vggss_test.csv", "vggss_test_5158.csv"),
    "vggss_4692": ("vggss_test_4692.csv",),
    "vggss_heard": ("vggss_heard_test.csv",),
    "vggss_unheard": ("vggss_unheard_test.csv",),
    "single": ("vggsound_single_test.csv",),
    "vggsounder": SOUNDER,
}
#: tables of pairs, with one or two clips per row
PAIRS = {"vggss_extended": ("vggss_test_plus_silent.csv",), "duet": ("vggsound_duet_test.csv",)}
#: only on request: its samples come from another distribution
INSTRUMENTS = {
    "instruments": ("vgginstruments_test.csv",),
    "instruments_multi": ("vgginstruments_multi_test.csv",),
}
MARKED = ("vggss", "vggss_4692", "vggss_heard", "vggss_unheard", "single", "vggss_extended", "duet")
DRAWN = {"train_10k": 10_000, "train_144k": 144_000}


@dataclass
class _Known:
    """Class names and split by id, from vggsound.csv; boxes and class of VGG-SS; VGGSounder's flags of its clips."""

    told: Mapping[str, Sounder] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    splits: dict[str, list[Entry]] = field(default_factory=dict)
    boxes: dict[str, Rows] = field(default_factory=dict)
    classes: tuple[str, ...] = ()


def list_vggsound(
    root: Path,
    annotations: Path,
    given: Sequence[str],
    splits: Sequence[str] | None,
    seed: int,
    only: Sequence[Flag] = (),
    without: Sequence[Flag] = (),
) -> tuple[tuple[str, ...], Listing]:
    """The classes, and a split for each list that exists or is asked for; see LISTS, PAIRS, INSTRUMENTS, train and test.

    Without a list, vggss is everything annotated in vggss.json, and a requested training split is drawn from the
    training rows of vggsound.csv that have files. only, without: flags that choose among the clips of VGGSounder.
    """
    tree, files = Tree(root, EXPECTED), Files(annotations)
    lists, told = chosen(find_lists(files, LISTS, given, splits), only, without)
    tables = _pair_tables(files, splits)
    table, boxed = files.maybe(*TABLE), files.maybe(*VGGSS)
    instruments = [tables[split] for split in INSTRUMENTS if split in tables]
    known = _known(table, files if boxed else None, instruments, told)

    entries = {split: numbered(file, ids) for split, (file, ids) in lists.items()}
    asked = [*known.splits, *(["vggss"] if boxed else [])] if splits is None else splits
    for split in asked:
        if split not in entries:
            entries |= _without_list(split, tree, known, seed, table, boxed)
    _refuse(annotations, splits, [*entries, *tables], boxed)

    items: dict[str, Item] = {}
    joins: list[Join] = []
    for split, own in entries.items():
        if split in MARKED:
            joins.append(unmarked(split, [entry.item for entry in own], known.boxes))
        items |= {entry.item: _item(tree, known, entry.item) for entry in own if entry.item not in items}
    for split, path in tables.items():
        entries[split], more = _of_table(tree, known, split, path, entries, joins)
        items |= more
    order = [*entries] if splits is None else list(dict.fromkeys(splits))
    return known.classes or UNNAMED, tree.listing(items, {split: entries[split] for split in order}, joins)


def _pair_tables(files: Files, splits: Sequence[str] | None) -> dict[str, Path]:
    """The existing tables of pairs, by split; those of the instruments only on request."""
    wanted = PAIRS if splits is None else {k: v for k, v in {**PAIRS, **INSTRUMENTS}.items() if k in splits}
    found = {split: files.maybe(*names) for split, names in wanted.items()}
    return {split: path for split, path in found.items() if path is not None}


def _without_list(
    split: str, tree: Tree, known: "_Known", seed: int, table: Path | None, boxed: Path | None
) -> dict[str, list[Entry]]:
    """A split without a list: rows of vggsound.csv, all of vggss.json, or drawn; empty if it cannot be made."""
    if split in known.splits:
        return {split: known.splits[split]}
    if split == "vggss" and boxed:
        return {split: [Entry(name, boxed.name) for name in known.boxes]}
    if split in DRAWN and table is not None:
        here = [entry.item for entry in known.splits.get("train", ()) if entry.item in tree]
        return {split: [Entry(name) for name in drawn(here, DRAWN[split], split, seed)]}
    return {}


def _refuse(annotations: Path, splits: Sequence[str] | None, found: list[str], boxed: Path | None) -> None:
    """DataError for a split without a list, or for one that needs boxes if vggss.json is missing."""
    instruments = INSTRUMENTS if splits is not None else {}
    refuse_missing(annotations, splits, found, {**LISTS, **PAIRS, **instruments, "train": TABLE, "test": TABLE})
    needed = [split for split in found if split in MARKED]
    if needed and not boxed:
        raise DataError(
            f"{annotations}: no vggss.json in it or its subfolders; the split {needed[0]!r} needs its boxes"
        )


def _known(table: Path | None, boxes: Files | None, instruments: Sequence[Path], told: Mapping[str, Sounder]) -> _Known:
    known = _Known(told)
    for number, row in read_table(table, 4, COLUMNS).rows if table else ():
        if (second := whole(row[1])) is None:
            raise DataError(f"{table}:{number}: found {brief(','.join(row))!r}; expected {COLUMNS}")
        name = f"{row[0].strip()}_{second:06d}"
        known.labels[name] = row[2].strip()
        known.splits.setdefault(row[3].strip(), []).append(Entry(name, f"vggsound.csv:{number}"))
    for row in (row for path in instruments for row in csv_rows(path, 2)):
        for name, label in zip(row[::2], row[1::2], strict=False):
            known.labels[name.strip()] = label.strip()
    truth = _marked(boxes) if boxes else None
    heard = {label for clip in told.values() for label in clip.heard}
    known.classes = tuple(sorted({*known.labels.values(), *(truth.classes if truth else ()), *heard}))
    known.boxes = boxes_in(truth, known.classes) if truth else {}
    return known


def _marked(files: Files) -> Truth:
    with laid_out(files, "vggss.json"):
        return read_vggss(files)


def _item(tree: Tree, known: _Known, name: str) -> Item:
    facts = tree.find(name)
    return Item(
        name,
        shown_file(facts, f"{name}.mp4"),
        {**facts, "video": _video(name), "labels": _labels(known, name), "boxes": known.boxes.get(name)},
        notes(known.told, name),
    )


def _video(name: str) -> str:
    """The YouTube id; clips of one video are not independent."""
    video, under, start = name.rpartition("_")
    return video if under and start.isdecimal() else name


def _labels(known: _Known, name: str) -> list[int]:
    if name in known.told:
        return sorted(known.classes.index(label) for label in known.told[name].heard)
    label = known.labels.get(name)
    return [known.classes.index(label)] if label is not None else sorted({row[4] for row in known.boxes.get(name, ())})


def _of_table(
    tree: Tree, known: _Known, split: str, path: Path, entries: Mapping[str, list[Entry]], joins: list[Join]
) -> tuple[list[Entry], dict[str, Item]]:
    rows = list(enumerate(csv_rows(path, 2 if split == "instruments" else 3), 1))
    if split == "instruments":
        plain = [(number, _item(tree, known, row[0].strip())) for number, row in rows]
        return _listed(path, plain)
    if split == "instruments_multi":
        return _listed(path, ((number, item) for number, row in rows for item in _duet(tree, known, row[0], row[2])))
    if split == "duet":
        joins.append(unmarked(split, sorted({row[0] for _, row in rows} | {row[2] for _, row in rows}), known.boxes))
        return _listed(path, ((number, item) for number, row in rows for item in _duet(tree, known, row[0], row[2])))
    # all of VGG-SS, and the same number of frames whose own objects are silent
    listed, items = _listed(
        path, [(number, _silent(tree, row[0], row[1])) for number, row in rows if row[2].strip() == "non-sounding"]
    )
    ids = [entry.item for entry in entries["vggss"]] if "vggss" in entries else list(known.boxes)
    items |= {name: _item(tree, known, name) for name in ids}
    return [*(Entry(name) for name in ids), *listed], items


def _listed(path: Path, items: "Sequence[tuple[int, Item]] | Iterator[tuple[int, Item]]") -> tuple[list[Entry], dict]:
    rows = list(items)
    return [Entry(item.id, f"{path.name}:{number}") for number, item in rows], {item.id: item for _, item in rows}


def _silent(tree: Tree, seen: str, heard: str) -> Item:
    """The frame of one clip with the sound of another; nothing in the frame sounds."""
    facts = {**tree.find(seen), "video": _video(seen), "boxes": []}
    if heard != seen:
        facts["sounds"] = [tree.find(heard)]
    return Item(f"{seen}+{heard}", shown_file(facts, f"{seen}.mp4"), facts)


def _duet(tree: Tree, known: _Known, first: str, second: str) -> Iterator[Item]:
    """Two clips: the frame of each source, with both sounds mixed; each is scored on its own frame, as in AVGN."""
    sounds = [tree.find(first), tree.find(second)]
    for place, (name, facts) in enumerate(zip((first, second), sounds, strict=True)):
        yield Item(
            f"{first}+{second}/{place}",
            shown_file(facts, f"{name}.mp4"),
            {
                **facts,
                "sounds": sounds,
                "video": f"{first}+{second}",
                "labels": sorted({*_labels(known, first), *_labels(known, second)}),
                "boxes": known.boxes.get(name),
            },
        )
