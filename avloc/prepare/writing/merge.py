"""Merges parts of a store, as `--shard i/n` writes them, into the store that a single run would have written."""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avloc.data.manifest import read_manifest
from avloc.data.shard_files import shard_path
from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from avloc.files import read_json, replacing
from avloc.leftovers import Join
from avloc.prepare.writing.block import read_outcome
from avloc.prepare.writing.store_folder import (
    PART,
    PLACES,
    UNMATCHED,
    Prepared,
    Row,
    begin,
    finish,
    locked,
    summary,
    sweep,
    unmatched_of,
)

OF_A_PART = (*PLACES, "splits", "ok", "failed", "shard", UNMATCHED)  # what differs between parts


@dataclass(frozen=True)
class _Part:
    """number of count. shards, lines: of the whole store. digest: of its lists. rows: those of the part, by their line."""

    path: Path
    number: int
    count: int
    settings: Mapping[str, Any]
    places: Mapping[str, str]
    splits: tuple[str, ...]
    shards: int
    lines: int
    digest: str
    rows: dict[int, Row]
    unmatched: tuple[Join, ...]


def merge_stores(stores: Sequence[Path], out: Path) -> Prepared:
    """Write the whole store to `out`; its shards are hard links to those of the parts if the file system allows it,
    else copies.

    DataError if a part is missing, given twice, or has other settings or lists.
    """
    began = time.perf_counter()
    parts = sorted((_read(Path(store)) for store in stores), key=lambda part: part.number)
    _fit(parts)
    first, kind = parts[0], parts[0].settings["store"]
    rows = {number: row for part in parts for number, row in part.rows.items()}
    if len(rows) != first.lines:
        raise DataError(
            f"{first.path}: its lists have {first.lines} lines, but the parts have {len(rows)}; prepare the parts again"
        )
    with locked(out):
        begin(out, first.settings, first.places, None)
        (out / "store.json").unlink(missing_ok=True)
        filled = {row["shard"] for row in rows.values() if row["status"] == "ok"}
        for shard in range(first.shards):
            _take(
                shard_path(parts[shard % first.count].path, shard, kind), shard_path(out, shard, kind), shard in filled
            )
        sweep(out)
        in_order = [rows[number] for number in sorted(rows)]
        prepared = summary(out, in_order, first.splits, 0, time.perf_counter() - began)
        prepared = replace(prepared, unmatched=first.unmatched)
        finish(out, first.settings, first.places, in_order, prepared, first.shards)
    return prepared


def _read(path: Path) -> _Part:
    settings = Store.open(path).settings
    if settings.get("shard") is None:
        raise DataError(f"{path}: is a complete store; expected parts, prepared with --shard i/n")
    number, count = map(int, settings["shard"].split("/"))
    try:
        part = read_json(path / PART)
        _, lines = read_manifest(path / "manifest.jsonl", settings["splits"])
        rows = dict(zip(part["rows"], map(json.loads, lines.splitlines()), strict=True))
        shards, total, digest = part["shards"], part["lines"], part["digest"]
    except (AvlocError, OSError, ValueError, KeyError, TypeError):
        raise DataError(
            f"{path / PART}: missing, broken or of another store; run the `avloc prepare` command again"
        ) from None
    own = {key: value for key, value in settings.items() if key not in OF_A_PART}
    places = {key: settings[key] for key in PLACES if key in settings}
    unmatched = unmatched_of(settings)
    return _Part(path, number, count, own, places, tuple(settings["splits"]), shards, total, digest, rows, unmatched)


def _fit(parts: Sequence[_Part]) -> None:
    """DataError if the parts do not form one store."""
    if not parts:
        raise DataError("no part given; expected stores written by `avloc prepare ... --shard i/n`")
    first = parts[0]
    for part in parts[1:]:
        for key in sorted({*first.settings, *part.settings} - {"origin"}):  # earlier versions did not record them
            one, other = first.settings.get(key), part.settings.get(key)
            if one != other:
                raise DataError(f"{part.path}: was prepared with {key} {other!r}, {first.path} with {one!r}")
        if part.count != first.count:
            raise DataError(f"{part.path}: is one of {part.count} parts, {first.path} one of {first.count}")
        if (part.digest, part.lines) != (first.digest, first.lines):
            raise DataError(f"{part.path}: its lists differ from those of {first.path}; prepare one of them again")
    numbers: dict[int, Path] = {}
    for part in parts:
        if part.number in numbers:
            raise DataError(f"{part.path}: is part {part.number}/{part.count}, and so is {numbers[part.number]}")
        numbers[part.number] = part.path
    missing = [f"{number}/{first.count}" for number in range(1, first.count + 1) if number not in numbers]
    if missing:
        raise DataError(f"{len(missing)} of {first.count} parts are missing: --shard {', '.join(missing[:5])}")


def _take(there: Path, here: Path, filled: bool) -> None:
    """filled: it must exist; a block without a single file has no shard."""
    if read_outcome(there) is None:
        if filled:
            raise DataError(f"{there}: missing or broken; run the `avloc prepare` command of its store again")
        here.unlink(missing_ok=True)
        return
    with replacing(here) as temporary:
        temporary.unlink()
        try:
            os.link(there, temporary)
        except OSError:  # another file system
            shutil.copyfile(there, temporary)
