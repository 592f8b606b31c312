"""What an earlier run left of a store: shards that stay, and blocks to be written (again)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.data.shard_files import shard_path
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Item, Reader, was_there
from avloc.prepare.writing.block import Whole, block_key, read_outcome
from avloc.prepare.writing.dealing import Block
from avloc.prepare.writing.earlier import Earlier, tried_again
from avloc.prepare.writing.reading import Outcome, clips_of, failed
from avloc.prepare.writing.source_watch import refuse_lost


@dataclass
class Looked:
    """finished: outcomes of the items of blocks that need no task. kept: number of items that an earlier run prepared.
    blocks: those to be written. known: ids of items that an earlier run could not read. stale: shards of blocks that no
    longer need one.
    """

    finished: dict[int, list[Outcome]] = field(default_factory=dict)
    kept: int = 0
    blocks: list[Block] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    stale: list[Path] = field(default_factory=list)


def look(
    out: Path,
    source: Path,
    blocks: Mapping[int, Sequence[Item]],
    listed: Mapping[str, Item],
    reader: Reader,
    settings: Mapping[str, Any],
) -> Looked:
    """Changes nothing. DataError if most of what an earlier run prepared is gone."""
    looked, there = Looked(), set(_shards(out))
    prepared, lost = 0, []
    for shard, items in blocks.items():
        path = shard_path(out, shard, settings["store"])
        found = read_outcome(path) if path.name in there else None
        if found is not None:
            good = [outcome["id"] for outcome in found[1] if outcome["status"] == "ok"]
            prepared += len(good)
            lost += [name for name in good if name in listed and not was_there(listed[name])]
        key = "" if found is None and not any(map(was_there, items)) else block_key(settings, items)
        if found is not None and (found[0] != key or len(found[1]) != len(items)):
            found = None
        if found is None:
            absent = _without_files(reader, items)
            if absent is not None:
                looked.finished[shard] = absent
                looked.stale += [path] if path.name in there else []
                continue
            looked.blocks.append(Block(shard, Whole(path, key or block_key(settings, items)), items, Earlier(path, {})))
            continue
        outcomes = found[1]
        again = {n for n, item in enumerate(items) if tried_again(item, outcomes[n])}
        if not again:
            looked.finished[shard], looked.kept = outcomes, looked.kept + len(items)
            continue
        looked.known |= {items[n].id for n in again}
        earlier = Earlier(path, {n: outcome for n, outcome in enumerate(outcomes) if n not in again})
        looked.blocks.append(Block(shard, Whole(path, key), items, earlier))
    refuse_lost(source, out, prepared, lost)
    return looked


def _shards(out: Path) -> Iterator[str]:
    if (out / "shards").is_dir():
        yield from os.listdir(out / "shards")


def _without_files(reader: Reader, items: Sequence[Item]) -> list[Outcome] | None:
    """The outcomes of a block without a single file when it was listed; None if it has one, or may have.

    Most files of a long list can be missing: this costs neither a process nor a shard.
    """
    if any(map(was_there, items)):
        return None
    outcomes = []
    for item in items:
        try:
            next(clips_of(reader, item))
        except MediaError as error:
            outcomes.append(failed(item, error))
        else:
            return None
    return outcomes
