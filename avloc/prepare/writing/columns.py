"""Writes `columns.npz`, from which a finished store is opened quickly."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avloc.data.items import FILE, Items, items_of, read_items, write_items
from avloc.data.kept_columns import KeptColumns, kept_columns, read_kept, sizes
from avloc.data.shard_form import form_of
from avloc.data.shards import Shards
from avloc.errors import DataError


def write_columns(
    out: Path, settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], splits: Mapping[str, int]
) -> None:
    """Write the contents of manifest and shards, after the manifest's lines `rows`; does nothing if the file is up to date.

    splits: clips of each.
    """
    content = (out / "manifest.jsonl").read_bytes()
    digest, kind, classes = hashlib.sha256(content).hexdigest(), settings["store"], len(settings["classes"])
    known = read_items(out, digest, splits)
    if known is not None and read_kept(out / FILE, digest, len(known.ends), classes, kind) is not None:
        return
    items = items_of(rows, content)
    write_items(out, items, digest, _of_shards(out, settings, items))


def _of_shards(out: Path, settings: Mapping[str, Any], items: Items) -> KeptColumns | None:
    """None if a shard is unreadable: whoever needs it will get an error."""
    shards = Shards(out, form_of(settings), settings["store"])
    places = items.places(np.arange(len(items)))
    try:
        there = sizes(out, np.unique(items.shard).tolist(), settings["store"])
        return kept_columns(shards.texts("videos", *places), shards.column("labels", *places), there)
    except (DataError, OSError):
        return None
