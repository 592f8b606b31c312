"""The lists of MUSIC's videos, and the labels of their YouTube ids."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from avloc.errors import DataError
from avloc.files import read_json, refused, regular
from avloc.naming import some
from avloc.prepare.parts.items import Entry
from avloc.walking import files_in

logger = logging.getLogger(__name__)

LAYOUT = (
    "expected MUSIC_*_videos.json, lists such as solo_training_1.txt with lines '<stem>.flac <stem>.mp4', "
    "and videos/<stem>.mp4"
)
_LINE = re.compile(r"(\S{11,})\.(?:flac|wav) (\S{11,})\.mp4")


def read_labels(root: Path) -> dict[str, tuple[str, ...]]:
    """YouTube id -> names of its classes, sorted."""
    files = [path for path in files_in(root, "_videos.json") if path.name.startswith("MUSIC_")]
    if not files:
        raise DataError(f"{root}: no MUSIC_*_videos.json; {LAYOUT}")
    labels: dict[str, set[str]] = {}
    for file in files:
        value = read_json(file)
        videos = value.get("videos") if isinstance(value, dict) else None
        listed = videos.values() if isinstance(videos, dict) else [None]
        if not all(isinstance(ids, list) and all(isinstance(one, str) for one in ids) for ids in listed):
            raise DataError(f'{file}: expected {{"videos": {{class: [id, ...]}}}}')
        for names, ids in value["videos"].items():
            for youtube in ids:
                labels.setdefault(youtube, set()).update(names.split())
    return {youtube: tuple(sorted(names)) for youtube, names in labels.items()}


def read_music_lists(root: Path, splits: Sequence[str] | None) -> dict[str, list[Entry]]:
    """Split -> its lines; a text file that does not start like a list (a README) is not a list."""
    lists: dict[str, list[Entry]] = {}
    for file in files_in(root, ".txt"):
        if splits is not None and file.stem not in splits:
            continue
        try:
            text = regular(file).read_text("utf-8-sig", "replace")
        except OSError as error:
            raise DataError(refused(file, error, "remove it, or give another copy of it")) from None
        lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
        lines = [(n, line) for n, line in lines if line]
        if not lines or not _LINE.fullmatch(lines[0][1]):
            logger.info("%s does not start like a list of videos and is ignored", file)
            continue
        lists[file.stem] = []
        for number, line in lines:
            match = _LINE.fullmatch(line)
            if not match or match[1] != match[2]:
                raise DataError(
                    f"{file}:{number}: found {line!r}, expected '<stem>.flac <stem>.mp4', both with the same stem"
                )
            lists[file.stem].append(Entry(match[1], f"{file.name}:{number}"))
    missing = [split for split in splits or () if split not in lists]
    if missing or not lists:
        there = some((file.stem for file in files_in(root, ".txt")), 8) or "none"
        what = f"no list {missing[0]}.txt" if missing else "no list of videos"
        raise DataError(f"{root}: {what} (text files there: {there}); {LAYOUT}")
    # in the order of the request, so that the store keeps it
    return {split: lists[split] for split in dict.fromkeys(splits)} if splits is not None else lists
