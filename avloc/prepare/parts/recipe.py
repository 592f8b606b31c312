"""Shared by the published data sets: their lists, the checks of their options, boxes in a store's classes."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from avloc.annotations.files import Files, id_list
from avloc.annotations.truth import Truth
from avloc.data.store_settings import FRAMES, refuse_other
from avloc.errors import DataError
from avloc.joins import match
from avloc.leftovers import Join, joined
from avloc.naming import brief
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.id_lists import entries, read_lists
from avloc.prepare.parts.items import Entry, Listing, Reader
from avloc.prepare.parts.marks import Rows, marked
from avloc.prepare.parts.moments import Moments
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import build_store
from avloc.prepare.writing.store_folder import Prepared

logger = logging.getLogger(__name__)

Lists = dict[str, tuple[Path, list[str]]]


def moments_of(
    size: int,
    rate: int,
    seconds: float,
    short: str = "fail",
    part: str = "middle",
    decoding: Decoding | None = None,
) -> Moments:
    """DataError for values out of range."""
    if size < 8 or rate < 1000 or not 1 <= seconds * rate < 1e8:
        raise DataError(
            f"size is {size}, rate {rate}, seconds {seconds}; expected at least 8 pixels, 1000 Hz and more than 0 s"
        )
    return Moments(size, rate, round(seconds * rate), short, part == "first", decoding or Decoding())


def find_lists(
    files: Files, published: Mapping[str, Sequence[str]], given: Sequence[str], splits: Sequence[str] | None
) -> Lists:
    """The ids of each requested split: from `given`, SPLIT=FILE, else from the first published file that exists.

    A requested split without a list is left out; the caller makes or refuses it.
    """
    found: Lists = {}
    for split, names in published.items():
        path = files.maybe(*names)
        if path is not None and (splits is None or split in splits):
            found[split] = path, id_list(path)
    found |= read_lists(given)
    return found if splits is None else {split: found[split] for split in dict.fromkeys(splits) if split in found}


def refuse_missing(
    where: Path, splits: Sequence[str] | None, found: Iterable[str], published: Mapping[str, Sequence[str]]
) -> None:
    """DataError for a split without a list, or if there is none at all, naming the files that were looked for."""
    there = list(found)
    for split in splits or ():
        if split not in there:
            names = " or ".join(published.get(split, ())) or "your own list, --lists SPLIT=FILE"
            raise DataError(f"{where}: no list for the split {split!r}; expected {names}")
    if not there:
        names = ", ".join(name for names in published.values() for name in names[:1])
        raise DataError(f"{where}: no list of ids in it or its subfolders; expected {names}, or --lists SPLIT=FILE")


def drawn(names: Iterable[str], number: int, split: str, seed: int) -> list[str]:
    """`count` of the names, always the same for the same names; all of them, with a warning, if there are fewer."""
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    logger.warning(
        "%s: no list, so %d of the %d available recordings were drawn by seed %d; they are not the authors'",
        split,
        min(number, len(ranked)),
        len(ranked),
        seed,
    )
    if not ranked:
        raise DataError(f"{split}: no recording to draw it from; both its list and its media are missing")
    return sorted(ranked[:number])


def boxes_in(truth: Truth, classes: Sequence[str]) -> dict[str, Rows]:
    """Boxes (left, top, right, bottom, label) by id, clipped to the frame, labels by the store's classes."""
    number = {name: place for place, name in enumerate(classes)}
    other = [name for name in truth.classes if name not in number]
    if other:
        raise DataError(f"{truth.name}: class {brief(other[0])!r}; expected one of {', '.join(classes)}")
    renamed = [number[name] for name in truth.classes]
    found: dict[str, Rows] = {}
    for name, rows in marked(truth).items():
        found[name] = []
        for *corners, label in rows:
            left, top, right, bottom = corners
            found[name].append((left, top, right, bottom, renamed[max(label, 0)] if renamed else 0))
    return found


def unmarked(split: str, names: Sequence[str], boxes: Mapping[str, Any]) -> Join:
    """Log test clips without annotation: they cannot be scored."""
    return joined(split, match(names, boxes), "clips are not annotated and cannot be scored")


def entries_of(lists: Lists) -> dict[str, list[Entry]]:
    """The entries of lists that may name recordings by their path."""
    return {split: entries(file, [Path(name).name for name in names]) for split, (file, names) in lists.items()}


def report_shared(splits: Mapping[str, Sequence[Entry]]) -> None:
    """Log recordings that are in two published splits: then one does not test what was learnt on the other."""
    ids = {split: {entry.item for entry in own} for split, own in splits.items()}
    for one in (split for split in ids if "train" in split):
        for other in (split for split in ids if "train" not in split):
            if both := ids[one] & ids[other]:
                logger.warning("%s and %s share %d recordings, such as %s", one, other, len(both), min(both))


@dataclass(frozen=True)
class Recipe:
    """A data set that was listed and is ready to be prepared.

    facts: further settings of the store, which a second run must repeat. block: recordings per shard. beside: a second
    folder of the source, if it has one.
    """

    data: str
    source: Path
    classes: Sequence[str]
    listing: Listing
    reader: Reader
    moments: Moments
    facts: Mapping[str, Any]
    frames_per_clip: int = 1
    block: int = 16
    beside: Path | None = None

    def prepare(self, out: Path, frames: str, store: str, **work: Unpack[Scale]) -> Prepared:
        moments = self.moments
        settings = {
            "data": self.data,
            "classes": list(self.classes),
            "rate": moments.rate,
            "seconds": moments.samples / moments.rate,
            "samples": moments.samples,
            "frames_per_clip": self.frames_per_clip,
            "size": moments.size,
            "frames": frames,
            "store": store,
            **self.facts,
            **moments.decoding.settings(),
        }
        refuse_other("frames", frames, FRAMES)
        report_shared(self.listing.splits)
        return build_store(
            out, self.source, self.listing, self.reader, settings, block=self.block, beside=self.beside, **work
        )
