"""A store while it is written: locked by one command, complete once store.json exists."""

import hashlib
import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc import locks
from avloc.data.items import FILE
from avloc.data.origin import origin_at
from avloc.data.shard_files import SUFFIXES
from avloc.errors import DataError
from avloc.files import read_object, write_json, write_text
from avloc.leftovers import Join
from avloc.naming import utf8_name
from avloc.prepare.parts.items import Listing
from avloc.prepare.writing.columns import write_columns
from avloc.prepare.writing.repairs import left_out_of, tallied

logger = logging.getLogger(__name__)

OLD = 3600.0  # s since a file that another command is writing was touched
SHOWN = 20  # failed items named in the log
PART = "part.json"
PLACES = ("source", "beside")  # folders that the clips were made from, in store.json; they may be moved
UNMATCHED = "unmatched"  # unmatched names, in store.json
TEXTS = ("building.json", "store.json", "manifest.jsonl", FILE, PART)
Row = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """The result of a build.

    splits: clips in each. ok, failed: lines of the splits. reasons: why lines failed, and how many for each. kept:
    items whose blocks an earlier run had finished. seconds: of this run. shard: which part it is, "2/8", of a store.
    coverage: lines of each split that could be prepared, and all of its lines. left_out: why clips of usable lines were
    left out, and how many for each reason. repaired: what was repaired or not used in usable lines (see `tallied`).
    passing: failed lines that the same command tries again, because it was not the fault of the file. unmatched: names
    without a match. passed: files of the source that are not media, by suffix.
    """

    store: Path
    splits: Mapping[str, int]
    ok: int
    failed: int
    reasons: Mapping[str, int]
    kept: int
    seconds: float
    shard: str | None = None
    coverage: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    repaired: Mapping[str, float] = field(default_factory=dict)
    passing: int = 0
    unmatched: Sequence[Join] = ()
    passed: Mapping[str, int] = field(default_factory=dict)


def locked(out: Path) -> AbstractContextManager[None]:
    """One command at a time."""
    return locks.locked(out, ".lock", "is preparing this store")


#: defaults of options, which stores do not record
USUAL: dict[str, Any] = {
    "store": "hdf5",
    "channels": "mean",
    "repair": 0.1,
    "tail": "drop",
    "masks": False,
    "area": "0.07:0.33",
    "level": "-28:-14",
}


def begin(
    out: Path,
    settings: Mapping[str, Any],
    places: Mapping[str, str],
    shard: str | None,
    moved: Callable[[str], None] = lambda before: None,
) -> None:
    """Refuse a folder with other contents; write the settings before the first shard.

    places: see `places_of`. moved: called with the earlier place of the source, if it differs; raises if the source is
    a different one.
    """
    sweep(out)
    asked = {**settings, **places, "shard": shard}
    known = next((out / name for name in ("building.json", "store.json") if (out / name).exists()), None)
    if known is None:
        strangers = sorted(path.name for path in out.iterdir() if path.name != ".lock")
        if strangers:
            (out / ".lock").unlink(missing_ok=True)  # the lock is ours, but the folder is not
            raise DataError(f"{out}: is not empty and not a store (it contains {strangers[0]}); choose another folder")
    else:
        there = read_object(known)
        for key in dict.fromkeys([*asked, *USUAL]):
            held, value = (settings_of.get(key, USUAL.get(key)) for settings_of in (there, asked))
            if key not in places and held != value:
                raise DataError(
                    f"{out}: contains a store with {key} {_short(held)}, not {_short(value)}; "
                    "choose another folder, or remove this one to prepare it again"
                )
        before = {key: there.get(key) for key in PLACES}
        if before != {key: asked.get(key) for key in PLACES}:
            moved(" and ".join(str(place) for place in before.values() if place is not None))
    write_json(out / "building.json", asked)


def refuse_to_shrink(out: Path, splits: Collection[str]) -> None:
    """Splits can be added to a store later, but requesting one does not remove the others."""
    if (out / "store.json").is_file():
        there = read_object(out / "store.json").get("splits")
        lost = [split for split in there if split not in splits] if isinstance(there, dict) else []
        if lost:
            raise DataError(f"{out}: already has the split {lost[0]!r}; name it too, or choose another folder")


def places_of(source: Path, beside: Path | None = None) -> dict[str, str]:
    """The absolute paths of a store's source as text that can be stored: of its folder, and of a second one if it has that."""
    places = zip(PLACES, (source, beside), strict=True)
    return {key: utf8_name(str(place.resolve())) for key, place in places if place is not None}


def sweep(out: Path) -> None:
    """Remove unfinished files of killed commands.

    Labels and proposals are written by commands without the lock of the store: a recent file may be in use.
    """
    ours = [path for name in TEXTS for path in out.glob(f".{name}.*")] + list((out / "shards").glob(".*"))
    others = [*(out / "labels").glob(".*"), *out.glob(".proposals.*")]
    old = time.time() - OLD
    for leftover in ours + [path for path in others if path.lstat().st_mtime < old]:
        leftover.unlink(missing_ok=True)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def manifest(listing: Listing, outcomes: Mapping[int, list[Row]], block: int) -> dict[int, Row]:
    """A row for each line of the splits whose block was prepared, by its number among all lines, in order."""
    place = {item: n for n, item in enumerate(listing.items)}
    rows = {}
    lines = [(split, n, entry) for split, entries in listing.splits.items() for n, entry in enumerate(entries)]
    first: dict[tuple[str, str], int] = {}
    for number, (split, n, entry) in enumerate(lines):
        item = listing.items[entry.item]
        shard, within = divmod(place[entry.item], block)
        if shard not in outcomes:
            continue
        outcome = {**outcomes[shard][within], "shard": shard}
        if first.setdefault((split, entry.item), n) != n:
            outcome = {"status": "failed", "reason": "listed twice", "detail": "", "clips": []}
        line = {"id": item.id, "split": split, "source": item.path, "where": entry.where}
        rows[number] = {**item.note, **line, **outcome}
    return rows


def unmatched_of(settings: Mapping[str, Any]) -> tuple[Join, ...]:
    """Names without a match when a store was prepared, from its settings."""
    return tuple(map(Join.from_json, settings.get(UNMATCHED, ())))


def summary(
    out: Path, rows: Sequence[Row], splits: Sequence[str], kept: int, seconds: float, whole: bool = False
) -> Prepared:
    """Log the counts and the first failed lines. whole: there will be a manifest even if all failed."""
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
    passing = sum(bool(row.get("passing")) for row in failed)
    if passing:
        logger.warning("%d of the failed items may be fine; run the same command again to retry them", passing)
    reasons = Counter(row["reason"] for row in failed)
    if len(failed) > SHOWN:  # without a single good item there will be no store to list them
        where = f"; {out / 'manifest.jsonl'} lists them all" if whole or len(failed) < len(rows) else ""
        logger.warning("%d more failed%s", len(failed) - SHOWN, where)
    ok, why = len(rows) - len(failed), dict(reasons.most_common())
    left_out, repaired = left_out_of(rows), tallied(rows)
    return Prepared(
        out, clips, ok, len(failed), why, kept, seconds, coverage=coverage, left_out=left_out, repaired=repaired,
        passing=passing,
    )  # fmt: skip


def finish(
    out: Path,
    settings: Mapping[str, Any],
    places: Mapping[str, str],
    rows: Sequence[Row],
    prepared: Prepared,
    shards: int,
    part: Mapping[str, Any] | None = None,
) -> None:
    """Write the manifest, then the settings: from then on the folder is a store. part: its position among the parts
    (see `merge`).
    """
    if not prepared.ok and part is None:
        shutil.rmtree(out / "shards", ignore_errors=True)
        (out / "building.json").unlink()
        why = ", ".join(f"{reason}: {count}" for reason, count in prepared.reasons.items()) or "nothing is listed"
        raise DataError(f"{places['source']}: none of {len(rows)} listed items could be prepared ({why})")
    file, text = out / "manifest.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if not file.exists() or file.read_text("utf-8") != text:
        (out / "store.json").unlink(missing_ok=True)  # the two must come from the same build
        write_text(file, text)
    write_columns(out, settings, rows, prepared.splits)
    counts = {"splits": dict(prepared.splits), "ok": prepared.ok, "failed": prepared.failed}
    which = {} if part is None else {"shard": part["shard"]}
    if part is not None:
        write_json(out / PART, part, indent=None)
    left = {UNMATCHED: [join.to_json() for join in prepared.unmatched]} if prepared.unmatched else {}
    origin = {} if "origin" in settings or settings.get("data") == "composed" else _origin(Path(places["source"]))
    write_json(out / "store.json", {**settings, **places, **origin, **counts, **left, **which})
    (out / "building.json").unlink()
    for path in (out / "shards").glob(f"*{SUFFIXES[settings['store']]}"):
        if path.stem.isdecimal() and int(path.stem) >= shards:  # the lists have become shorter
            path.unlink()


def _origin(source: Path) -> dict[str, str]:
    """Recorded because it may be unknown later: the world that a store was prepared from may be removed."""
    return {"origin": "synthetic"} if origin_at(source) == "synthetic" else {}


def lines_digest(listing: Listing) -> str:
    """Digest of the lines of all splits: it is the same for all parts of a store."""
    lines = {split: [[entry.item, entry.where] for entry in entries] for split, entries in listing.splits.items()}
    return hashlib.sha256(json.dumps([list(listing.items), lines]).encode()).hexdigest()
