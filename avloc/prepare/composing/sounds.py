"""Sounds by class: class folders, ESC-50, FSD50K, UrbanSound8K or VGGSound, with groups that stay in one split."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from avloc.annotations.files import csv_rows, json_object
from avloc.endings import SOUNDS, VIDEOS
from avloc.errors import DataError
from avloc.naming import brief, whole
from avloc.prepare.composing.by_name import ByName, left_out
from avloc.prepare.composing.columns import named_rows
from avloc.prepare.composing.sources import SEVERAL, Found, Source, class_of, files_with

SoundLayout = Literal["auto", "folders", "esc50", "fsd50k", "urbansound8k", "vggsound"]
EXPECTED = f"a folder for each class with sounds ({', '.join(SOUNDS)}), ESC-50, FSD50K, UrbanSound8K or VGGSound"
# FOLD-RECORDING-TAKE, with or without a prefix and a class: takes cut from one recording of Freesound
_ESC = re.compile(r"(?:^|_)[1-5]-(\d+)-[A-Z](?:-\d+)?$")
_FSD50K = ("dev", "eval")


def list_sounds(path: Path, layout: SoundLayout = "auto", role: str = "sounds") -> tuple[Path, Found]:
    """The root that file names are relative to, and its sounds by class."""
    kind = layout if layout != "auto" else recognised(path)
    readers: dict[str, Callable[[Path, str, Found], None]] = {
        "esc50": _esc50,
        "fsd50k": _fsd50k,
        "urbansound8k": _urbansound8k,
        "vggsound": _vggsound,
    }
    found = Found()
    readers.get(kind, _class_folders)(path, role, found)
    found.report(path)
    return path, found


def recognised(path: Path) -> SoundLayout:
    """The layout that was found."""
    if (path / "meta" / "esc50.csv").is_file():
        return "esc50"
    if (path / "FSD50K.ground_truth").is_dir():
        return "fsd50k"
    if (path / "metadata" / "UrbanSound8K.csv").is_file():
        return "urbansound8k"
    if (path / "vggsound.csv").is_file():
        return "vggsound"
    return "folders"


def _class_folders(path: Path, role: str, found: Found) -> None:
    for file in files_with(path, SOUNDS, EXPECTED):
        found.add(Source(f"{role}:{file}", class_of(file), _recording(role, file)))


def _recording(role: str, file: str) -> str:
    """The recording that a file named as in ESC-50 was cut from; otherwise the file itself."""
    esc = _ESC.search(file.rpartition("/")[2].rpartition(".")[0])
    return f"freesound:{esc[1]}" if esc else f"{role}:{file}"


def _esc50(path: Path, role: str, found: Found) -> None:
    """filename, category and src_file, the recording of Freesound."""
    table = path / "meta" / "esc50.csv"
    there = ByName(path, files_with(path, SOUNDS, EXPECTED))
    for line, row in named_rows(table, "filename", "category", "src_file"):
        name = row["filename"]
        files = there.find(name, f"audio/{name}")
        _take(found, role, files, name, row["category"], f"freesound:{row['src_file']}", f"{table}:{line}")


def _urbansound8k(path: Path, role: str, found: Found) -> None:
    """slice_file_name, class and fsID, the recording of Freesound."""
    table = path / "metadata" / "UrbanSound8K.csv"
    there = ByName(path, files_with(path, SOUNDS, EXPECTED))
    for line, row in named_rows(table, "slice_file_name", "class", "fsID"):
        name = row["slice_file_name"]
        files = there.find(name, f"audio/fold{row.get('fold', '')}/{name}")
        _take(found, role, files, name, row["class"], f"freesound:{row['fsID']}", f"{table}:{line}")


def _fsd50k(path: Path, role: str, found: Found) -> None:
    """fname and labels; the sounds of an uploader stay in one split if the metadata names the uploaders."""
    there = ByName(path, files_with(path, SOUNDS, EXPECTED))
    tables = [path / "FSD50K.ground_truth" / f"{part}.csv" for part in _FSD50K]
    if not any(table.is_file() for table in tables):
        raise DataError(f"{tables[0].parent}: neither dev.csv nor eval.csv in it; expected FSD50K's ground truth")
    for part, table in zip(_FSD50K, tables, strict=True):
        if not table.is_file():
            continue
        info = path / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
        about: dict[str, Any] = json_object(info) if info.is_file() else {}
        for line, row in named_rows(table, "fname", "labels"):
            name = row["fname"]
            known = about.get(name)
            uploader = known.get("uploader") if isinstance(known, dict) else None
            group = f"uploader:{uploader}" if uploader else f"freesound:{name}"
            # labels of different depth are listed together: which one counts is decided when classes are joined
            labels = row["labels"].replace(",", SEVERAL)
            files = there.find(f"{name}.wav", f"FSD50K.{part}_audio/{name}.wav")
            _take(found, role, files, f"{name}.wav", labels, group, f"{table}:{line}")


def _vggsound(path: Path, role: str, found: Found) -> None:
    """id, second, label, split; a clip is called ID_000030, and can be a sound or a video."""
    table = path / "vggsound.csv"
    there = ByName(path, files_with(path, (*SOUNDS, *VIDEOS), EXPECTED), ending=False)
    for line, row in enumerate(csv_rows(table, 3), 1):
        if (second := whole(row[1])) is None:
            if line == 1:
                continue
            raise DataError(f"{table}:{line}: second {brief(repr(row[1]))}; expected id,second,label,split")
        name = f"{row[0]}_{second:06d}"
        _take(found, role, there.find(name), name, row[2], f"youtube:{row[0]}", f"{table}:{line}")


def _take(found: Found, role: str, files: Sequence[str], name: str, label: str, group: str, where: str) -> None:
    """files: that the name can mean. where: the line of the table."""
    if not label.strip():
        raise DataError(f"{where}: {name} has no class")
    if not left_out(found, "sounds", files):
        found.add(Source(f"{role}:{files[0]}", label.strip(), group))
