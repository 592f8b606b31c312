"""The videos, sounds and pictures under a folder, and the number of other files."""

import os
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avloc.endings import SOUNDS, STILLS, VIDEOS
from avloc.naming import brief, printable, utf8_name
from avloc.walking import listed, walk

KINDS = 5  # suffixes that are listed


@dataclass
class MediaFiles:
    """Paths in the folder, as the system spells them, folder by folder. passed: other files, by suffix."""

    videos: list[str] = field(default_factory=list)
    sounds: list[str] = field(default_factory=list)
    stills: list[str] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)


def find_media(root: Path, skip: Container[str] = ()) -> MediaFiles:
    """All files that `walk` finds; skip: names of folders that are not entered. Suffixes are case-insensitive."""
    found = MediaFiles()
    lists = {
        ending: known
        for endings, known in ((VIDEOS, found.videos), (SOUNDS, found.sounds), (STILLS, found.stills))
        for ending in endings
    }
    for folder, names in walk(root, skip):
        for name in names:
            ending = os.path.splitext(name)[1].lower()
            if ending in lists:
                lists[ending].append(os.path.join(folder, name))
            else:
                found.passed[ending] += 1
    return found


def count_endings(names: Iterable[str]) -> Counter[str]:
    return Counter(os.path.splitext(name)[1].lower() for name in names)


def passed_over(passed: Mapping[str, int]) -> str:
    """ "17 files skipped: 12 .txt, 5 .srt"; "" if there are none."""
    if not passed:
        return ""
    ranked = sorted(passed.items(), key=lambda one: (-one[1], not one[0], one[0]))
    named = [f"{count} {brief(printable(ending), 12) or 'without ending'}" for ending, count in ranked[:KINDS]]
    rest = sum(count for _, count in ranked[KINDS:])
    total = sum(passed.values())
    files = "file" if total == 1 else "files"
    return f"{total} {files} skipped: {', '.join(named)}{f', {rest} others' if rest else ''}"


def find_alone(root: Path, file: str) -> MediaFiles:
    """One video or picture of a folder, and the sounds and pictures of the same name; nothing for any other file."""
    found = MediaFiles()
    own, ending = os.path.splitext(file)
    if ending.lower() not in (*VIDEOS, *STILLS):
        return found
    if ending.lower() in VIDEOS:
        found.videos.append(file)
    for name in listed(root):
        stem, ending = os.path.splitext(name)
        if stem == own and ending.lower() in SOUNDS:
            found.sounds.append(name)
        elif stem == own and ending.lower() in STILLS and (name == file or found.videos):
            found.stills.append(name)
    return found


def by_stem(paths: Sequence[str]) -> dict[str, list[str]]:
    """Path without suffix -> the files of that name."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(os.path.splitext(path)[0], []).append(path)
    return found


def names_of(paths: Sequence[str]) -> list[str]:
    """The ids of files: their paths without suffix, or with it if two files differ in nothing else."""
    same = by_stem(paths)
    stems = [os.path.splitext(path)[0] for path in paths]
    return [utf8_name(path if len(same[stem]) > 1 else stem) for path, stem in zip(paths, stems, strict=True)]
