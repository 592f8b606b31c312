"""What scenes are made of: a file or one object in a picture, with its class and the group that keeps it in one split."""

import logging
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from avloc.errors import DataError
from avloc.naming import counted, printable, some
from avloc.walking import walk

logger = logging.getLogger(__name__)

SEVERAL = "|"  # between the labels of a sound with several


@dataclass(frozen=True)
class Source:
    """A picture, an object in a picture, a sound or a background.

    file: "ROLE:path in its folder", where ROLE is pictures, silent, backgrounds, sounds or noise. name: its class, as
    named in the data set. group: sources that must be in the same split. crop: left, top, right, bottom in pixels of
    the picture, None: all of it. size: width and height of the picture in which the crop was marked. mask: COCO's
    segmentation, which cuts out the object.
    """

    file: str
    name: str
    group: str
    crop: tuple[float, float, float, float] | None = None
    size: tuple[int, int] | None = None
    mask: Any = field(default=None, compare=False, hash=False)


@dataclass
class Found:
    """The sources of one data set by the name of their class, and how many were left out for each reason, with examples.

    small: objects too small to be cut out, but visible in their pictures. unclear: pictures with objects that are not
    marked individually.
    """

    by_name: dict[str, list[Source]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    small: list[Source] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)

    def add(self, source: Source) -> None:
        self.by_name.setdefault(source.name, []).append(source)

    def leave_out(self, reason: str, example: str = "") -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        if example:
            self.examples.setdefault(reason, example)

    def report(self, where: Path) -> None:
        """Log what was left out, in one line."""
        if self.left_out:
            such = {reason: f", such as {example}" for reason, example in self.examples.items()}
            counts = (f"{reason} ({count}{such.get(reason, '')})" for reason, count in sorted(self.left_out.items()))
            logger.warning("%s: left out: %s", where, printable(", ".join(counts)))


def natural(path: str) -> list[Any]:
    """A sort key for natural order: 9 comes before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path)]


def files_with(root: Path, endings: Sequence[str], expected: str) -> list[str]:
    """Files with these endings under a folder, "a/b.jpg", in natural order; hidden and system files are skipped.

    DataError if the folder does not exist. Names that are not UTF-8 are skipped and counted in the log.
    """
    if not root.is_dir():
        what = "a file" if root.exists() else "no such folder"
        raise DataError(f"{root}: {what}; expected {expected}")
    found: list[str] = []
    odd: list[str] = []
    for folder, files in walk(root):
        for file in files:
            if os.path.splitext(file)[1].lower() in endings:
                path = PurePosixPath(folder, file).as_posix()
                (found if _is_text(path) else odd).append(path)
    if odd:
        strange = counted(len(odd), "name is", "names are")
        logger.warning("%s: %s not UTF-8; rename such files: %s", root, strange, some(map(printable, odd)))
    return sorted(found, key=natural)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def class_of(path: str) -> str:
    """The class of a file in class folders: its folder, or for a file outside any, its name without a number at the end."""
    inside = PurePosixPath(path)
    if inside.parent.name:
        return inside.parent.name
    return re.sub(r"[-_ ]*\d+$", "", inside.stem) or inside.stem


def plain(name: str) -> str:
    """A name for comparison: lower case, anything but letters and digits (of any script) as one underscore."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", name).casefold()).strip("_") or name


def flat(found: Mapping[str, Sequence[Source]]) -> Iterator[Source]:
    for own in found.values():
        yield from own


def names_of(found: Iterable[str], most: int = 5) -> str:
    listed = sorted(found)
    return f"{some(listed, most)} ({len(listed)})" if len(listed) > most else some(listed, most) or "none"
