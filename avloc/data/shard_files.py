"""The files of a store's shards: their names, and the classes that write and read them."""

from importlib import import_module
from pathlib import Path
from typing import Any

SUFFIXES = {"hdf5": ".h5", "lmdb": ".lmdb"}


def shard_path(store: Path, shard: int, kind: str = "hdf5") -> Path:
    return store / "shards" / f"{shard:05d}{SUFFIXES[kind]}"


def backend(path: Path) -> tuple[Any, Any]:
    """The classes that write and read a shard with this file name."""
    if path.suffix == ".lmdb":
        module = import_module("avloc.data.lmdb_shard")
        return module.LmdbWriter, module.LmdbShard
    module = import_module("avloc.data.hdf5_shard")
    return module.Hdf5Writer, module.Hdf5Shard
