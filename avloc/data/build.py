"""Writing a store: items are cut into blocks, each block becomes one shard, processes work on blocks in parallel.

A block's content depends on its items and the settings alone, so that a build which was interrupted and taken up
again, or ran with another number of processes, ends in the same store.
"""

import fcntl
import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.data.blocks import SUFFIXES, block_key, read_outcome, shard_path, without_crashes, write_block
from avloc.data.sources.base import Item, Listing, Reader
from avloc.data.workers import processors, run_tasks
from avloc.errors import DataError
from avloc.files import read_json, write_json, write_text

logger = logging.getLogger(__name__)

FORMAT = 1
SHOWN = 20  # failed items named in the log
Progress = Callable[[int, int, str], None]
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """What a build left behind.

    splits: clips in each. ok, failed: lines of the splits. reasons: why lines failed, and how many for each.
    kept: items whose blocks an earlier run had finished. seconds: of this run. coverage: lines of each split that could be
    prepared, and all of its lines.
    """

    store: Path
    splits: Mapping[str, int]
    ok: int
    failed: int
    reasons: Mapping[str, int]
    kept: int
    seconds: float
    coverage: Mapping[str, tuple[int, int]]


def build_store(
    out: Path,
    source: Path,
    listing: Listing,
    reader: Reader,
    settings: Mapping[str, Any],
    block: int = 16,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Prepare all items of `listing` into the store `out`, or finish one that was begun with the same settings.

    settings: JSON; must hold data, classes, rate (Hz), seconds, samples, frames_per_clip, size (px) and frames ("jpeg"
    or "raw"); may hold store ("hdf5" or "lmdb"). block: items a shard. jobs: processes, one for each processor where None.
    """
    began = time.perf_counter()
    settings = json.loads(json.dumps({"format": FORMAT, "store": "hdf5", **settings, "block": block}))  # as read again
    if settings["store"] not in SUFFIXES:
        raise DataError(f"store is {settings['store']!r}; expected {' or '.join(SUFFIXES)}")
    items = list(listing.items.values())
    blocks = [items[start : start + block] for start in range(0, len(items), block)]
    with _locked(out):
        _begin(out, settings, source)
        outcomes, kept = _write_blocks(out, blocks, reader, settings, jobs or processors(), progress or _quiet)
        _sweep(out)
        rows = _manifest(listing, outcomes, block)
        prepared = _summary(out, rows, list(listing.splits), kept, time.perf_counter() - began)
        _finish(out, settings, source, rows, prepared, len(blocks))
    return prepared


def _quiet(done: int, total: int, text: str) -> None: ...


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / ".lock", "w")  # noqa: SIM115, the with statement follows
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}); choose another folder") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{out}: another command is preparing this store; wait until it has ended") from None
        yield


def _begin(out: Path, settings: Mapping[str, Any], source: Path) -> None:
    """Refuse a folder that holds something else; remember the settings before the first shard is written."""
    asked = {**settings, "source": str(source.resolve())}
    known = next((out / name for name in ("building.json", "store.json") if (out / name).exists()), None)
    if known is None:
        strangers = sorted(path.name for path in out.iterdir() if path.name != ".lock")
        if strangers:
            raise DataError(f"{out}: is not empty and no store (it holds {strangers[0]}); choose another folder")
    else:
        there = read_json(known)
        for key, value in asked.items():
            if there.get(key, "hdf5" if key == "store" else None) != value:
                raise DataError(
                    f"{out}: holds a store with {key} {_short(there.get(key))}, asked for was {_short(value)}; "
                    "choose another folder, or remove this one to prepare it anew"
                )
    write_json(out / "building.json", asked)
    _sweep(out)


def _sweep(out: Path) -> None:
    """Remove what killed processes had begun to write."""
    for leftover in (out / "shards").glob(".*"):
        leftover.unlink()


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _write_blocks(
    out: Path,
    blocks: Sequence[Sequence[Item]],
    reader: Reader,
    settings: Mapping[str, Any],
    jobs: int,
    progress: Progress,
) -> tuple[dict[int, list[Outcome]], int]:
    """What became of the items, by block; and how many items were there already."""
    total = sum(len(items) for items in blocks)
    outcomes: dict[int, list[Outcome]] = {}
    tasks = {}
    for shard, items in enumerate(blocks):
        key, path = block_key(settings, items), shard_path(out, shard, settings["store"])
        finished = read_outcome(path, key)
        if finished is None:
            tasks[shard] = (path, key, items, reader, settings)
        else:
            outcomes[shard] = finished
    kept = done = sum(len(items) for items in outcomes.values())
    if kept:
        logger.info("%s: %d of %d items were prepared by an earlier run", out, kept, total)
    if tasks:
        (out / "store.json").unlink(missing_ok=True)  # no reader may take a store for whole that is being changed
    progress(done, total, "prepare")
    for shard, outcome in run_tasks(write_block, tasks, jobs, without_crashes):
        outcomes[shard] = outcome
        done += len(outcome)
        progress(done, total, "prepare")
    return outcomes, kept


def _manifest(listing: Listing, outcomes: Mapping[int, list[Outcome]], block: int) -> list[dict[str, Any]]:
    """One row a line of a split, in the order of the splits."""
    place = {item: n for n, item in enumerate(listing.items)}
    rows = []
    for split, entries in listing.splits.items():
        listed = set()
        for entry in entries:
            item = listing.items[entry.item]
            shard, within = divmod(place[entry.item], block)
            outcome = {**outcomes[shard][within], "shard": shard}
            if entry.item in listed:
                outcome = {"status": "failed", "reason": "listed twice", "detail": "", "clips": []}
            listed.add(entry.item)
            line = {"id": item.id, "split": split, "source": item.path, "where": entry.where}
            rows.append({**item.note, **line, **outcome})
    return rows


def _summary(
    out: Path, rows: Sequence[Mapping[str, Any]], splits: Sequence[str], kept: int, seconds: float
) -> Prepared:
    clips = dict.fromkeys(splits, 0)
    coverage = dict.fromkeys(splits, (0, 0))
    failed = []
    for row in rows:
        clips[row["split"]] += len(row["clips"])
        good, listed = coverage[row["split"]]
        coverage[row["split"]] = good + (row["status"] != "failed"), listed + 1
        if row["status"] == "failed":
            failed.append(row)
    for row in failed[:SHOWN]:
        detail = f" ({row['detail']})" if row["detail"] else ""
        logger.warning("%s: %s: %s%s", row["where"] or row["split"], row["source"], row["reason"], detail)
    if len(failed) > SHOWN:
        logger.warning("%d more failed; %s names them all", len(failed) - SHOWN, out / "manifest.jsonl")
    reasons = Counter(row["reason"] for row in failed)
    ok, why = len(rows) - len(failed), dict(reasons.most_common())
    return Prepared(out, clips, ok, len(failed), why, kept, seconds, coverage)


def _finish(
    out: Path,
    settings: Mapping[str, Any],
    source: Path,
    rows: Sequence[Mapping[str, Any]],
    prepared: Prepared,
    shards: int,
) -> None:
    """The manifest, then the settings: from then on the folder is a store."""
    if not prepared.ok:
        shutil.rmtree(out / "shards", ignore_errors=True)
        (out / "building.json").unlink()
        why = ", ".join(f"{reason}: {count}" for reason, count in prepared.reasons.items()) or "nothing is listed"
        raise DataError(f"{source}: none of {len(rows)} listed items could be prepared ({why})")
    manifest, text = out / "manifest.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if not manifest.exists() or manifest.read_text("utf-8") != text:
        (out / "store.json").unlink(missing_ok=True)  # the two are never of different builds
        write_text(manifest, text)
    counts = {"splits": dict(prepared.splits), "ok": prepared.ok, "failed": prepared.failed}
    write_json(out / "store.json", {**settings, "source": str(source.resolve()), **counts})
    (out / "building.json").unlink()
    for path in (out / "shards").glob(f"*{SUFFIXES[settings['store']]}"):
        if int(path.stem) >= shards:  # the lists have become shorter
            path.unlink()
