"""The three trees of AVSBench (S4, MS3, AVSS) as a list of frames with their mask, sound and labels.

This is how OpenNLPLab/AVSBench@f7414af reads them. The data is available on request; we did not have it, so this
follows the loaders of the release, and a tree that differs is an error.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from avloc.annotations.avss import COUNTS, FOLDERS, NUMBERS, numbered_classes
from avloc.errors import DataError
from avloc.naming import counted, some
from avloc.prepare.layouts.avsbench_files import (
    Found,
    Wanted,
    folders_in,
    folders_of_pictures,
    numbered,
    sounds_in,
)
from avloc.prepare.layouts.avsbench_shots import Row, Shots
from avloc.tables import read_table

logger = logging.getLogger(__name__)

SUBSETS = ("s4", "ms3", "avss")
#: the csv file of each subset, and the folder with its frames; AVSS has its folders beside the csv
TABLES = {
    "s4": ("s4_meta_data.csv", "s4_data"),
    "ms3": ("ms3_meta_data.csv", "ms3_data"),
    "avss": ("metadata.csv", "v2"),
}
#: frames of a video of S4 and MS3: the n-th shows second n - 1, since AVSBench takes it 15/16 s into the second
FRAMES = 5


def find_tree(source: Path, subset: str | None) -> tuple[str, Path]:
    """Which subset this is, and its folder: `source` or a folder in it. DataError for none or several."""
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; expected the folders of AVSBench (S4, MS3 or AVSS)")
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
        raise DataError(f"{source}: not AVSBench; expected {wanted} in it or in a subfolder; found {there}")
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
        raise DataError(
            f"{path}: no such file; expected AVSBench's metadata {name}; give its folder with --annotations"
        )
    return path


def _rows(table: Path, *columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(where, row by column name); DataError if the header lacks a column or a row lacks a value."""
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
    rows = []
    for where, row in _rows(table, "name", "category", "split"):
        video, category, split = (_part(table, row[name]) for name in ("name", "category", "split"))
        place = f"{split}/{category}/{video}"
        rows.append(Row(where, split, video, place, place, place, f"{category}/{video}/{video}_", (category,)))
    classes = tuple(sorted({row.labels[0] for row in rows}))
    return _five_frames(Shots("s4", root, classes), _data(root, TABLES["s4"][1]), table, rows)


def _ms3(root: Path, table: Path) -> Shots:
    """The video is the first column, whatever its name; MS3 has no class names."""
    rows = []
    for where, row in _rows(table, "split"):
        video, split = _part(table, next(iter(row.values()))), _part(table, row["split"])
        place = f"{split}/{video}"
        # published frames include the suffix of their video in their name, and so do the ids of the benchmark
        rows.append(Row(where, split, video, video, place, place, f"{video}/{video}.mp4_"))
    return _five_frames(Shots("ms3", root, ()), _data(root, TABLES["ms3"][1]), table, rows)


def _five_frames(found: Shots, data: Path, table: Path, rows: Sequence[Row]) -> Shots:
    """S4 and MS3: a folder of frames, a folder of masks, and a sound for each video."""
    shown, marked, heard = Wanted(), Wanted(), Wanted()
    for row in rows:
        shown.add(row.frames, row.split)
        marked.add(row.masks, row.split)
        heard.add(row.sound, row.split)
    root, what = found.root, table.name
    places = folders_of_pictures(root, data / "visual_frames")
    frames = Found(what, places, shown, "videos have no frames", "frame folders are not in any row")
    places = folders_of_pictures(root, data / "gt_masks")
    masks = Found(what, places, marked, "", "mask folders are not in any row")
    places = sounds_in(root, data / "audio_wav")
    sounds = Found(what, places, heard, "videos have no sound", "sounds are not in any row")
    found.found += [frames, masks, sounds]
    for row in rows:
        numbers = range(1, FRAMES + 1)
        pictures = numbered(root, frames.get(row.frames), row.video, numbers)
        marks = numbered(root, masks.get(row.masks), row.video, numbers)
        unclear = [*frames.several(row.frames), *masks.several(row.masks), *sounds.several(row.sound)]
        found.add(row.split, row, pictures, marks, sounds.get(row.sound), numbers, unclear)
    return found


def _avss(root: Path, table: Path, annotations: Path) -> Shots:
    classes = numbered_classes((annotations.parent if annotations.is_file() else annotations) / NUMBERS)
    found = Shots("avss", root, classes)
    unknown: dict[str, None] = {}
    wanted, rows = Wanted(), []
    for where, row in _rows(table, "uid", "label", "split"):
        uid, part, split = (_part(table, row[name]) for name in ("uid", "label", "split"))
        if part not in COUNTS:
            raise DataError(f"{table}: {where}: label {part!r}; expected one of {', '.join(COUNTS)}")
        objects = [name for name in row.get("a_obj", "").split("_") if name]
        unknown |= dict.fromkeys(name for name in objects if name not in classes)
        place = f"{part}/{uid}"
        labels = tuple(name for name in objects if name in classes)
        rows.append(Row(where, split, row.get("vid") or uid, place, place, place, f"{place}/", labels))
        wanted.add(place, split)
    folders = Found(
        table.name, folders_in(root, list(COUNTS)), wanted, "videos have no folder", "folders are not in any row"
    )
    found.found.append(folders)
    for video in rows:
        folder = folders.get(video.frames)
        within = [None if folder is None else os.path.join(folder, name) for name in ("frames", *FOLDERS)]
        numbers = range(COUNTS[video.frames.partition("/")[0]])
        pictures, semantic, coloured = (numbered(root, name, "", numbers) for name in within)
        sound = None if folder is None else os.path.join(folder, "audio.wav")
        sound = sound if sound is not None and (root / sound).is_file() else None
        marks = semantic if semantic.pictures else coloured
        found.add(video.split, video, pictures, marks, sound, numbers, folders.several(video.frames))
    if unknown:
        strange = counted(
            len(unknown), "object name is not a class and labels", "object names are not classes and label"
        )
        logger.warning("%s: %s nothing: %s", table, strange, some(unknown))
    return found


def _part(table: Path, name: str) -> str:
    """A name from the csv that becomes part of a path; DataError if it would lead elsewhere."""
    if name in ("", ".", "..") or re.search(r"[/\\\0]", name) or len(name) > 200:
        raise DataError(f"{table}: {name[:60]!r} is not a folder name")
    return name
