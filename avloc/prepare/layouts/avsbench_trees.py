"""The three trees of AVSBench (S4, MS3, AVSS) as a list of frames with their mask, sound and labels.

OpenNLPLab/AVSBench@f7414af reads them so. The data are given out on request, and were not at hand: what the release's
loaders say was followed, and a tree that differs is refused.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.annotations.files import json_object
from avloc.annotations.mask_files import AVSS_CLASSES
from avloc.errors import DataError
from avloc.naming import some
from avloc.tables import read_table

logger = logging.getLogger(__name__)

SUBSETS = ("s4", "ms3", "avss")
#: the csv file of each subset, and the folder with its frames; AVSS has its folders beside the csv
TABLES = {
    "s4": ("s4_meta_data.csv", "s4_data"),
    "ms3": ("ms3_meta_data.csv", "ms3_data"),
    "avss": ("metadata.csv", "v2"),
}
#: frames of a video: the n-th stands for second n - 1, as AVSBench takes it 15/16 s into the second
COUNTS = {"v1s": 5, "v1m": 5, "v2": 10}
FRAMES = 5
STILLS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Shot:
    """One frame: second counts from 0. picture, mask: relative paths, None where there is no such file. labels: of the
    video, by name; key: the id."""

    key: str
    video: str
    second: int
    picture: str | None
    mask: str | None
    sound: str | None
    labels: tuple[str, ...]
    where: str


@dataclass
class Shots:
    """All frames by split, in the order of the csv; classes of the store; root: what paths are relative to."""

    subset: str
    root: Path
    classes: tuple[str, ...]
    splits: dict[str, list[Shot]] = field(default_factory=dict)


def find_tree(source: Path, subset: str | None) -> tuple[str, Path]:
    """Which subset lies here, and its folder: `source` or a folder in it. DataError for none, and for several."""
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; expected a tree of AVSBench (S4, MS3 or AVSS)")
    folders = [source, *sorted(path for path in source.iterdir() if path.is_dir())]
    found = [
        (name, folder)
        for name in (SUBSETS if subset is None else (subset,))
        for folder in folders
        if (folder / TABLES[name][0]).is_file() or (folder / TABLES[name][1]).is_dir()
    ]
    if not found:
        wanted = ", ".join(TABLES[name][0] for name in ([subset] if subset else SUBSETS))
        there = some(sorted(path.name for path in source.iterdir()), 5) or "nothing"
        raise DataError(f"{source}: no tree of AVSBench; expected {wanted} in it or in a folder of it; found {there}")
    names = sorted({name for name, _ in found})
    if len(names) > 1:
        raise DataError(f"{source}: holds {' and '.join(names)}; choose one with --subset")
    return found[0]


def read_tree(source: Path, subset: str | None, annotations: Path | None) -> Shots:
    """The frames that the metadata lists; see the module."""
    name, root = find_tree(source, subset)
    table = _table(annotations or root, TABLES[name][0])
    if name == "avss":
        return _avss(root, table, annotations or root)
    return _s4(root, table) if name == "s4" else _ms3(root, table)


def _table(where: Path, name: str) -> Path:
    path = where if where.is_file() else where / name
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the metadata of AVSBench, {name}; --annotations says where")
    return path


def _rows(table: Path, *columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(where, row by column name); DataError where the header lacks a column or a row a value."""
    found = read_table(table, 1, "a csv file with a header", headed=True)
    missing = [name for name in columns if name not in found.header]
    if missing:
        raise DataError(f"{table}: no column {missing[0]!r}; found {', '.join(found.header)[:120] or 'no header'}")
    for line, row in found.rows:
        values = dict(zip(found.header, map(str.strip, row), strict=False))
        empty = [name for name in columns if not values.get(name)]
        if empty:
            raise DataError(f"{table}:{line}: no {empty[0]} in this row")
        yield f"{table.name}:{line}", values


def _data(root: Path, folder: str) -> Path:
    return root / folder if (root / folder).is_dir() else root


def _s4(root: Path, table: Path) -> Shots:
    rows = [(where, row) for where, row in _rows(table, "name", "category", "split")]
    classes = tuple(sorted({row["category"] for _, row in rows}))
    found, data = Shots("s4", root, classes), _data(root, TABLES["s4"][1])
    tree = _Tree(root)
    for where, row in rows:
        video, category, split = (_part(table, row[name]) for name in ("name", "category", "split"))
        place = f"{split}/{category}/{video}"
        frames = tree.numbered(data / "visual_frames" / place, video)
        masks = tree.numbered(data / "gt_masks" / place, video)
        sound = tree.file(data / "audio_wav" / split / category / f"{video}.wav")
        for number in range(1, FRAMES + 1):
            shot = Shot(
                f"{category}/{video}/{video}_{number}", video, number - 1, frames.get(number), masks.get(number), sound,
                (category,), where,
            )  # fmt: skip
            found.splits.setdefault(split, []).append(shot)
    return found


def _ms3(root: Path, table: Path) -> Shots:
    """The video is the first column, whatever its name; MS3 names no classes."""
    found, data = Shots("ms3", root, ()), _data(root, TABLES["ms3"][1])
    tree = _Tree(root)
    for where, row in _rows(table, "split"):
        video, split = _part(table, next(iter(row.values()))), _part(table, row["split"])
        frames = tree.numbered(data / "visual_frames" / video, video)
        masks = tree.numbered(data / "gt_masks" / split / video, video)
        sound = tree.file(data / "audio_wav" / split / f"{video}.wav")
        for number in range(1, FRAMES + 1):
            # the published frames have the ending of their video within the name, and so have the ids of the benchmark
            key = f"{video}/{video}.mp4_{number}"
            shot = Shot(key, video, number - 1, frames.get(number), masks.get(number), sound, (), where)
            found.splits.setdefault(split, []).append(shot)
    return found


def _avss(root: Path, table: Path, annotations: Path) -> Shots:
    classes = _numbered_classes(annotations)
    found, tree = Shots("avss", root, classes), _Tree(root)
    unknown: dict[str, None] = {}
    for where, row in _rows(table, "uid", "label", "split"):
        uid, part, split = (_part(table, row[name]) for name in ("uid", "label", "split"))
        if part not in COUNTS:
            raise DataError(f"{table}: {where}: label {part!r}; expected one of {', '.join(COUNTS)}")
        objects = [name for name in row.get("a_obj", "").split("_") if name]
        unknown |= dict.fromkeys(name for name in objects if name not in classes)
        folder = root / part / uid
        frames = tree.numbered(folder / "frames", "")
        masks = tree.numbered(folder / "labels_semantic", "") or tree.numbered(folder / "labels_rgb", "")
        sound = tree.file(folder / "audio.wav")
        labels = tuple(name for name in objects if name in classes)
        for number in range(COUNTS[part]):
            shot = Shot(
                f"{part}/{uid}/{number}", row.get("vid") or uid, number, frames.get(number), masks.get(number), sound,
                labels, where,
            )  # fmt: skip
            found.splits.setdefault(split, []).append(shot)
    if unknown:
        logger.warning("%s: %d names of objects are no class and label nothing: %s", table, len(unknown), some(unknown))
    return found


def _numbered_classes(annotations: Path) -> tuple[str, ...]:
    """The 70 classes after the background, in the order of their numbers in label2idx.json, which begin with 1."""
    path = (annotations.parent if annotations.is_file() else annotations) / "label2idx.json"
    numbers: Mapping[str, Any] = json_object(path)
    if sorted(numbers.values(), key=str) != sorted(range(1, AVSS_CLASSES + 2), key=str):
        raise DataError(f"{path}: expected names with the numbers 1 to {AVSS_CLASSES + 1}; found {len(numbers)} names")
    ordered = sorted(numbers, key=numbers.__getitem__)
    if ordered[0] != "background":
        raise DataError(f"{path}: number 1 is {ordered[0]!r}; expected 'background'")
    return tuple(ordered[1:])


def _part(table: Path, name: str) -> str:
    """A name of the csv that becomes part of a path; DataError where it would lead elsewhere."""
    if name in ("", ".", "..") or re.search(r"[/\\\0]", name) or len(name) > 200:
        raise DataError(f"{table}: {name[:60]!r} is no name of a folder")
    return name


class _Tree:
    """Files below the root, by their number within a folder, relative to the root; each folder is looked at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[Path, dict[int, str]] = {}

    def numbered(self, folder: Path, video: str) -> dict[int, str]:
        """Pictures VIDEO_n.png, VIDEO.mp4_n.png, or where `video` is empty n.png."""
        if folder not in self.known:
            self.known[folder] = self._read(folder, video)
        return self.known[folder]

    def _read(self, folder: Path, video: str) -> dict[int, str]:
        found: dict[int, str] = {}
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return found
        for name in names:
            stem, ending = os.path.splitext(name)
            number = stem.rpartition("_")[2] if video and stem.startswith(video) else stem
            if ending.lower() in STILLS and number.isdecimal() and (video == "" or stem != number):
                found.setdefault(int(number), str((folder / name).relative_to(self.root)))
        return found

    def file(self, path: Path) -> str | None:
        return str(path.relative_to(self.root)) if path.is_file() else None
