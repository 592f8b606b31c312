"""What must be in the same part: files of one recording or one of the user's groups, and files with the same bytes."""

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from avloc.errors import DataError
from avloc.files import file_size, regular
from avloc.naming import some
from avloc.prepare.composing.sources import Source, flat
from avloc.tables import read_table

Pool = Mapping[str, Sequence[Source]]


def read_groups(path: Path) -> list[tuple[int, str, str]]:
    """(line, file, group) of lines file,group; a file may be a pattern such as face/george_*."""
    rows = read_table(path, 2, "file,group", headed=False).rows
    if rows and [cell.strip() for cell in rows[0][1][:2]] == ["file", "group"]:
        del rows[0]
    for number, row in rows:
        if not row[0].strip() or not row[1].strip():
            raise DataError(f"{path}:{number}: found {','.join(row)!r}; expected file,group")
    return [(number, row[0].strip(), row[1].strip()) for number, row in rows]


def grouped(
    pools: Sequence[Pool], roots: Mapping[str, Path], table: Path | None
) -> tuple[list[dict[str, list[Source]]], list[str]]:
    """The pools with final groups, and files that are left out because their bytes are in two classes of a pool.

    Groups of the data set, groups of the user's table and groups of equal files are merged if they share a file. Only
    files of equal size are read.
    """
    files = sorted({source.file for pool in pools for source in flat(pool)})
    same = _equal_files(files, roots)
    twice = set[str]()
    for pool in pools:
        twice |= _in_two_classes(pool, same)
    joined = _Joined()
    for pool in pools:
        for source in flat(pool):
            joined.join(source.group, f"file:{source.file}")
    for file, digest in same.items():
        joined.join(f"file:{file}", f"bytes:{digest}")
    for file, group in _given(files, table):
        joined.join(f"file:{file}", f"given:{group}")
    kept = [
        {
            name: [replace(source, group=joined.of(source.group)) for source in own if source.file not in twice]
            for name, own in pool.items()
        }
        for pool in pools
    ]
    return kept, sorted(twice)


def _given(files: Sequence[str], table: Path | None) -> list[tuple[str, str]]:
    if table is None:
        return []
    inside = {file: file.partition(":")[2] for file in files}
    by_name: dict[str, list[str]] = {}
    for file, name in inside.items():
        by_name.setdefault(name, []).append(file)
    found = []
    for line, pattern, group in read_groups(table):
        named = by_name.get(pattern, [])
        if set(pattern) & set("*?["):
            named = [file for file in files if inside[file] == pattern or fnmatch.fnmatchcase(inside[file], pattern)]
        if not named:
            near = some(inside.values(), 1)
            raise DataError(f"{table}:{line}: no file {pattern!r}; expected a path inside its folder, such as {near}")
        found += [(file, group) for file in named]
    return found


def _in_two_classes(pool: Pool, same: Mapping[str, str]) -> set[str]:
    """Files whose bytes are in two classes. Objects cut out of one picture may be of several classes."""
    names: dict[str, set[str]] = {}
    for name, own in pool.items():
        for source in own:
            if source.file in same and source.crop is None:
                names.setdefault(same[source.file], set()).add(name)
    doubled = {digest for digest, found in names.items() if len(found) > 1}
    return {file for file, digest in same.items() if digest in doubled}


def _equal_files(files: Sequence[str], roots: Mapping[str, Path]) -> dict[str, str]:
    """Digest of each file that has the same bytes as another."""
    by_size: dict[int, list[str]] = {}
    for file in files:
        by_size.setdefault(file_size(located(file, roots)) or 0, []).append(file)
    digests: dict[str, list[str]] = {}
    for size, alike in by_size.items():
        if len(alike) < 2 or not size:
            continue
        for file in alike:
            try:
                digest = hashlib.sha256(regular(located(file, roots)).read_bytes()).hexdigest()
            except OSError:
                continue  # unreadable: it is counted when it is opened
            digests.setdefault(digest, []).append(file)
    return {file: digest for digest, alike in digests.items() if len(alike) > 1 for file in alike}


def located(file: str, roots: Mapping[str, Path]) -> Path:
    """The path of "ROLE:path"."""
    role, _, inside = file.partition(":")
    return roots[role] / inside


class _Joined:
    """Merges sets of keys that belong together; each set is named by its smallest key."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def of(self, key: str) -> str:
        root = key
        while self.parent.get(root, root) != root:
            root = self.parent[root]
        while self.parent.get(key, key) != root:
            self.parent[key], key = root, self.parent[key]
        return root

    def join(self, one: str, other: str) -> None:
        first, second = sorted((self.of(one), self.of(other)))
        self.parent[second] = first
