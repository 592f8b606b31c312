"""The files that clips were made of, recorded with each block so that a moved source is recognised by its contents."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.shard_files import backend
from avloc.errors import DataError
from avloc.prepare.parts.items import Item, Reader
from avloc.walking import walk

SOURCES = "sources"  # the column of a shard
ENDS = 1 << 16  # bytes at both ends of a file that are compared; reading all of it would take as long as preparing
FEW = 8  # folders with at most this many files also have the ends of their files compared
FOLDERS = ("folder", "levels")  # facts that may name a folder; any other text could match one by chance
LONGEST = 4096  # characters of a path

Known = tuple[int, str]  # bytes and digest; of a folder, the number of files and the digest of their names and sizes


def files_of(reader: Reader, items: Iterable[Item]) -> NDArray[np.bytes_]:
    """The files that the items were read from: a JSON line [path, bytes, digest] for each file or folder below the
    reader's roots.

    These are the item's path, the files that its facts name, including folders of frames or spectrograms, and those of
    `reader.files(item)` if the reader has that. Empty for a reader without a root.
    """
    roots = roots_of(reader)
    found: dict[str, Known] = {}
    for item in items if roots else ():
        for path, folder in named_by(reader, item).items():
            if path not in found:
                known = look_in(roots, path, folder)
                if known is not None:
                    found[path] = known
    lines = [json.dumps([path, *known]).encode() for path, known in sorted(found.items())]
    return np.array(lines or np.empty(0, "S1"), "S")


def named_by(reader: Reader, item: Item) -> dict[str, bool]:
    """Texts of an item that may be paths below the roots, and whether each may be a folder."""
    named = getattr(reader, "files", lambda item: ())
    folders = {item.path, *(item.facts.get(key) for key in FOLDERS), *named(item)} - {None}
    return {path: path in folders for path in sorted({*_texts(item.facts), *folders}) if _within(path)}


def roots_of(reader: Reader) -> tuple[Path, ...]:
    """The folders that names in items' facts are relative to: the reader's root, or its `source_roots` if it has several."""
    root: Path | None = getattr(reader, "root", None)
    return tuple(dict.fromkeys(getattr(reader, "source_roots", () if root is None else (root,))))


def kept_files(shard: Path) -> dict[str, Known] | None:
    """The record in a finished shard; None if it is from an earlier version, which had none."""
    try:
        lines = [json.loads(line) for line in backend(shard)[1].sources(shard)]
        return {path: (size, digest) for path, size, digest in lines if _within(path)}
    except (OSError, TypeError, ValueError, RecursionError):
        return None


def _texts(value: Any) -> Iterator[str]:
    """All texts in an item's facts; those that are not paths match no file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _within(path: str) -> bool:
    if not 0 < len(path) < LONGEST or "\0" in path or os.path.isabs(path):
        return False
    return Path(path) != Path() and ".." not in Path(path).parts


def look_in(roots: Iterable[Path], path: str, folders: bool = True) -> Known | None:
    """The file or folder of that path under the first root that has it."""
    return next((known for root in roots if (known := look(root / path, folders)) is not None), None)


def look(path: Path, folders: bool = True) -> Known | None:
    """Bytes and digest of a file or folder; None if it does not exist or is unreadable."""
    try:
        if folders and path.is_dir():
            return _look_into(path)
        if not path.is_file():
            return None
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return size, _ends(file, size)
    except (OSError, ValueError, DataError):
        return None


def _look_into(folder: Path) -> Known:
    names = sorted(os.path.join(place, name) for place, files in walk(folder) for name in files)
    digest = hashlib.sha256()
    for name in names:
        path = folder / name
        known = look(path) if len(names) <= FEW else None
        size = os.stat(path).st_size if known is None else known
        digest.update(json.dumps([name, size]).encode())
    return len(names), digest.hexdigest()[:16]


def _ends(file: Any, size: int) -> str:
    digest = hashlib.sha256(file.read(ENDS))
    if size > ENDS:
        file.seek(max(size - ENDS, ENDS))
        digest.update(file.read(ENDS))
    return digest.hexdigest()[:16]
