"""The listing of many tar shards, kept in the user's cache folder: a later command reads it instead of every header.

It is valid while all shards keep their sizes and modification times; otherwise they are listed again.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from avloc.data.clip import BoxTable
from avloc.data.kept_columns import joined_texts, split_texts
from avloc.errors import AvlocError
from avloc.files import replacing, user_cache
from avloc.plain_arrays import plain_arrays
from avloc.plain_json import plain_json
from avloc.prepare.layouts.tar_columns import Columns

log = logging.getLogger("avloc.data")
VERSION = 2  # 1 left out the classes of masks
LARGE = 10_000  # samples; fewer are listed in about a second
ARRAYS = ("split", "shard", "row", "places", "starts", "labels", "annotated")
TEXTS = ("ids", "videos", "keys")


def kept_listing(source: Path, stamps: Sequence[Any]) -> Columns | None:
    """The listing of a source whose shards have these stamps; None if there is none or it is damaged."""
    try:
        found = plain_arrays(_file(source), ["stamps", "about"])
        if str(found["stamps"]) != _digest(stamps):
            return None
        about = plain_json(found["about"].tobytes())
        texts = {name: split_texts(found[name].tobytes(), found[f"{name}_ends"]) for name in TEXTS}
        frames = about["frames"]
        keys = [tuple(texts["keys"][start : start + frames]) for start in range(0, len(texts["keys"]), frames)]
        return Columns(
            Path(about["root"]), tuple(about["shards"]), tuple(about["sizes"]), about["told"], tuple(about["classes"]),
            tuple(about["splits"]), ids=texts["ids"], videos=texts["videos"], keys=keys,
            boxes=BoxTable(**{field.name: found[f"boxes_{field.name}"] for field in fields(BoxTable)}),
            **{name: found[name] for name in ARRAYS},
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_listing(source: Path, stamps: Sequence[Any], columns: Columns) -> None:
    """Write it if it is large enough; if that fails, the shards are listed each time."""
    if len(columns.ids) < LARGE:
        return
    about = {
        "root": str(columns.root), "shards": columns.shards, "sizes": columns.sizes, "told": columns.told,
        "classes": columns.classes, "splits": columns.splits, "frames": len(columns.keys[0]),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: getattr(columns, name) for name in ARRAYS}
    every = {"ids": columns.ids, "videos": columns.videos, "keys": [key for keys in columns.keys for key in keys]}
    for name, texts in every.items():
        arrays[name], arrays[f"{name}_ends"] = joined_texts(texts)
    arrays |= {f"boxes_{field.name}": getattr(columns.boxes, field.name) for field in fields(BoxTable)}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    try:
        with replacing(_file(source)) as temporary, open(temporary, "wb") as file:
            np.savez(file, stamps=np.array(_digest(stamps)), **arrays)
    except AvlocError as error:
        log.info("%s: its listing is not kept: %s", source, error)


def _file(source: Path) -> Path:
    return (
        user_cache("shards")
        / f"{hashlib.sha256(str(source.resolve()).encode(errors='surrogateescape')).hexdigest()[:16]}.npz"
    )


def _digest(stamps: Sequence[Any]) -> str:
    return hashlib.sha256(repr((VERSION, *stamps)).encode(errors="surrogateescape")).hexdigest()
