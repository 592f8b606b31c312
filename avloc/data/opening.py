"""What is read when a store is opened: its settings, and the contents of its manifest, from `columns.npz` if it exists."""

import hashlib
import json
from pathlib import Path
from typing import Any

from avloc.data.items import Items, digests, items_of, read_items
from avloc.data.manifest import read_manifest
from avloc.data.store_settings import read_settings
from avloc.errors import DataError


class NoStore(DataError):
    """There is no store at a path, perhaps because it was not made yet."""


#: paths and unmatched names, which are not part of the contents
_PLACE = ("source", "beside", "store", "unmatched", "origin")


def read_store(path: Path) -> tuple[Path, dict[str, Any], Items, str, str]:
    """The path, the settings, the items, the fingerprint, and the SHA-256 of the manifest; DataError if incomplete."""
    if not (path / "store.json").is_file():
        if (path / "building.json").is_file():
            raise DataError(f"{path}: this store was not finished; run the `avloc prepare` command that began it again")
        raise NoStore(
            f"{path}: no store here (no store.json); `avloc prepare --help` lists what writes one, "
            "`avloc prepare folder` for videos of your own"
        )
    settings = read_settings(path / "store.json")
    manifest = path / "manifest.jsonl"
    canonical = json.dumps({key: value for key, value in settings.items() if key not in _PLACE}, sort_keys=True)
    digest, fingerprint = digests(manifest, canonical.encode())
    items = read_items(path, digest, settings["splits"])
    if items is None:
        rows, text = read_manifest(manifest, settings["splits"])
        items = items_of(rows, text)
        fingerprint = hashlib.sha256(canonical.encode() + text).hexdigest()
    return path, settings, items, fingerprint[:16], digest
