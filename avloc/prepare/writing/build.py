"""Writes a store: items are grouped into blocks, each block becomes one shard, and processes work on blocks, or parts
of them, in parallel.

A block depends only on its items and the settings, so that a resumed build, or one with another number of processes,
gives the same store.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from avloc.data.shard_files import SUFFIXES, shard_path
from avloc.data.store_settings import FORMAT
from avloc.errors import DataError
from avloc.leftovers import told
from avloc.prepare.parts.items import Item, Listing, Reader
from avloc.prepare.pool.dask import run_on_dask
from avloc.prepare.pool.scale import Scale, Work
from avloc.prepare.pool.tasks import run_tasks
from avloc.prepare.writing.block import sparing, write_items
from avloc.prepare.writing.dealing import WHOLE, deal
from avloc.prepare.writing.linked_items import refuse_linked_out
from avloc.prepare.writing.looking import Looked, look
from avloc.prepare.writing.moved_source import refuse_other_source
from avloc.prepare.writing.reading import Outcome
from avloc.prepare.writing.source_watch import SourceWatch
from avloc.prepare.writing.sources import roots_of
from avloc.prepare.writing.store_folder import (
    Prepared,
    begin,
    finish,
    lines_digest,
    locked,
    manifest,
    places_of,
    refuse_to_shrink,
    summary,
    sweep,
)
from avloc.progress import Progress

logger = logging.getLogger(__name__)


def build_store(
    out: Path,
    source: Path,
    listing: Listing,
    reader: Reader,
    settings: Mapping[str, Any],
    block: int = 16,
    beside: Path | None = None,
    **work: Unpack[Scale],
) -> Prepared:
    """Prepare all items of `listing` into the store `out`, or resume one with the same settings.

    settings: JSON; must contain data, classes, rate (Hz), seconds, samples, frames_per_clip, size (px) and frames
    ("jpeg" or "raw"); may contain store ("hdf5" or "lmdb"). block: items per shard. beside: a second folder of the
    source, if it has one. work: see `Work`.
    """
    began, how = time.perf_counter(), Work(**work)
    settings = json.loads(json.dumps({"format": FORMAT, "store": "hdf5", **settings, "block": block}))  # as read
    if settings["store"] not in SUFFIXES:
        raise DataError(f"store is {settings['store']!r}; expected {' or '.join(SUFFIXES)}")
    listing = listing if how.follow_links else refuse_linked_out(source, listing, reader)
    items = list(listing.items.values())
    blocks = [items[start : start + block] for start in range(0, len(items), block)]
    number, parts = how.part()
    left = told(listing.joins, how.strict)
    with locked(out):
        mine = {shard: items for shard, items in enumerate(blocks) if shard % parts == number}
        by_path = {shard_path(out, shard, settings["store"]): items for shard, items in mine.items()}
        roots = roots_of(reader) or (source,)
        moved = partial(refuse_other_source, out, source, roots, blocks=by_path, settings=settings)
        places = places_of(source, beside)
        if how.shard is None:
            refuse_to_shrink(out, listing.splits)
        begin(out, settings, places, how.shard, moved)
        looked = look(out, source, mine, listing.items, reader, settings)
        if looked.stale or looked.blocks:
            (out / "store.json").unlink(missing_ok=True)  # not a complete store while it changes
        for path in looked.stale:
            path.unlink(missing_ok=True)
        outcomes = _write_blocks(out, source, mine, looked, reader, settings, how)
        rows = manifest(listing, outcomes, block)
        seconds, is_part = time.perf_counter() - began, how.shard is not None
        prepared = summary(out, list(rows.values()), list(listing.splits), looked.kept, seconds, is_part)
        prepared = replace(prepared, unmatched=left, passed=dict(listing.passed))
        part = None
        if how.shard is not None:
            lines = sum(map(len, listing.splits.values()))
            part = {"shard": how.shard, "shards": len(blocks), "lines": lines, "digest": lines_digest(listing)}
            part |= {"rows": list(rows)}
            prepared = replace(prepared, shard=how.shard)
        finish(out, settings, places, list(rows.values()), prepared, len(blocks), part)
    return prepared


def _write_blocks(
    out: Path,
    source: Path,
    mine: Mapping[int, Sequence[Item]],
    looked: Looked,
    reader: Reader,
    settings: Mapping[str, Any],
    how: Work,
) -> dict[int, list[Outcome]]:
    """The outcome of the items, by block."""
    outcomes = dict(looked.finished)
    tally = _Tally(how.progress, sum(map(len, mine.values())), outcomes)
    if looked.kept:
        logger.info("%s: %d of %d items were prepared by an earlier run", out, looked.kept, tally.total)
    tally(0, 0)
    (out / "shards").mkdir(exist_ok=True)
    jobs = how.processes() if looked.blocks else 0
    dealt = deal(looked.blocks, reader, settings, jobs)
    watch = SourceWatch(source, [item for items in mine.values() for item in items], looked.known)
    if how.dask is None:
        results = run_tasks(write_items, dealt.tasks, jobs, how.timeout, sparing, tally)
    else:
        results = run_on_dask(write_items, dealt.tasks, how.dask, how.timeout, sparing, tally)
    read: dict[int, int] = {}
    try:
        with closing(results):
            for (shard, number), ended in results:
                dealt.ended((shard, number), ended)
                if number == WHOLE:
                    outcomes[shard] = ended
                    if shard in read:  # piece by piece
                        continue
                read[shard] = read.get(shard, 0) + len(ended)
                tally.add(ended)
                watch.add(ended)
        watch.end()
    finally:
        sweep(out)
    tally(0, 0)
    return outcomes


class _Tally:
    """Reports progress: the results of finished blocks, and the progress of those under way."""

    def __init__(self, progress: Progress | None, total: int, kept: Mapping[int, list[Outcome]]) -> None:
        self.progress, self.total, self.done, self.failed, self.told = progress, total, 0, 0, (-1, -1)
        for outcome in kept.values():
            self.add(outcome)

    def add(self, outcome: list[Outcome]) -> None:
        self.done += len(outcome)
        self.failed += sum(item["status"] == "failed" for item in outcome)

    def __call__(self, done: int, failed: int) -> None:
        now = self.done + done, self.failed + failed
        if self.progress is not None and now != self.told:
            self.told = now
            self.progress(now[0], self.total, f"{now[1]} failed" if now[1] else "")
