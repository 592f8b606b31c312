"""Which tar files a source means, the split of each, and the export's description of all."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from avloc.data.origin import WORDS, origin_of
from avloc.errors import AvlocError, DataError
from avloc.files import read_json
from avloc.naming import some
from avloc.prepare.layouts.tar_shards import ENDINGS, is_shard
from avloc.prepare.layouts.webdataset_export import DATASET, FORMAT
from avloc.walking import listed, walk

LAYOUT = "expected tar files with KEY.jpg or KEY.mp4, KEY.wav or .flac, and KEY.json, .cls or .txt"
MOST_SHARDS = 100_000
_BRACES = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")


def find_shards(source: Path) -> tuple[Path, list[str], Mapping[str, Any]]:
    """(root, shards relative to it in order, contents of dataset.json if any) of a folder, of one tar file, or of a
    pattern such as shards-{000..009}.tar, whose missing files stay in the list.
    """
    if source.is_dir():
        told = exported(source)
        if told:
            return source, [name for split in told["splits"].values() for name in split["shards"]], told
        found = [os.path.join(folder, name) for folder, names in walk(source) for name in names if is_shard(name)]
        if not found:
            there = some(listed(source), 5) or "nothing"
            raise DataError(f"{source}: no tar file in it or its subfolders (it contains {there}); {LAYOUT}")
        return source, sorted(found), {}
    names = list(_expanded(source.name))
    if not source.parent.is_dir() or (len(names) == 1 and not source.is_file()):
        raise DataError(f"{source}: no such file or folder; {LAYOUT}")
    if not all(is_shard(name) for name in names):
        raise DataError(f"{source}: not a supported file type; expected {', '.join(ENDINGS)}")
    if not any((source.parent / name).is_file() for name in names):
        raise DataError(f"{source}: none of the {len(names)} files of this pattern exists, such as {names[0]}")
    return source.parent, names, {}


def _expanded(pattern: str) -> Iterator[str]:
    """shards-{000..009}.tar: leading zeros of the first number set the width of all."""
    match = _BRACES.search(pattern)
    if match is None:
        yield pattern
        return
    first, last = int(match[1]), int(match[2])
    if not first <= last < first + MOST_SHARDS:
        raise DataError(
            f"{pattern}: {match[0]} matches no files; expected {{first..last}}, at most {MOST_SHARDS} of them"
        )
    for number in range(first, last + 1):
        yield from _expanded(f"{pattern[: match.start()]}{number:0{len(match[1])}d}{pattern[match.end() :]}")


def exported(source: Path) -> dict[str, Any]:
    """dataset.json of an export, empty if there is none; DataError if it is incomplete."""
    path = source / DATASET
    if not path.is_file():
        return {}
    try:
        told = read_json(path)
    except AvlocError as error:
        raise DataError(str(error)) from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        return {}  # another program's file of that name
    if not _as_written(told):
        raise DataError(f"{path}: not written by `avloc data export`; remove it to read the shards without it")
    return told


def of_clips(told: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the exported store that say what its clips are. told: dataset.json, empty if there is none."""
    origin = origin_of({key: told[key] for key in ("data", "origin") if key in told})  # early exports have no origin
    pairs = told.get("pairs", "stored")
    return {**({} if origin == "recorded" else {"origin": origin}), **({} if pairs == "stored" else {"pairs": pairs})}


def _as_written(told: dict[str, Any]) -> bool:
    splits, classes = told.get("splits"), told.get("classes")
    if not isinstance(splits, dict) or not isinstance(classes, list) or not classes:
        return False
    counts = [told.get(key) for key in ("rate", "size", "frames_per_clip")] + [told.get("votes", 1)]
    numbers = [*counts, told.get("seconds")]
    shards = [split.get("shards") if isinstance(split, dict) else None for split in splits.values()]
    return (
        all(isinstance(name, str) for name in classes)
        and all(isinstance(number, int | float) and not isinstance(number, bool) and number > 0 for number in numbers)
        and all(isinstance(number, int) for number in counts)
        and told.get("frames") in ("jpeg", "raw")
        and told.get("origin", "recorded") in WORDS
        and told.get("pairs", "stored") in ("stored", "anew")
        and all(isinstance(own, list) and all(_plain(name) for name in own) for own in shards)
    )


def _plain(name: Any) -> bool:
    return isinstance(name, str) and is_shard(name) and os.path.basename(name) == name


def stem_of(shard: str) -> str:
    ending = next(end for end in sorted(ENDINGS, key=len, reverse=True) if shard.lower().endswith(end))
    return shard[: -len(ending)]


def split_of(shard: str) -> str:
    folder, _, name = stem_of(shard).replace(os.sep, "/").rpartition("/")
    return re.sub(r"[-_.]?\d+$", "", name) or folder.replace("/", "-") or "all"
