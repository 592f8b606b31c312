"""Clips that an earlier run wrote, taken over into the shard that is written anew: only what failed is read again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avloc.data.clip import Box, Clip
from avloc.data.digest import item_digest
from avloc.data.shard_files import backend
from avloc.data.shard_form import COLUMNS, form_of
from avloc.prepare.parts.items import Item, was_there
from avloc.prepare.pool.tasks import CRASHED, LATE
from avloc.prepare.writing.kept import Kept, Stored

_GONE = ("missing file", "may not be read")


class Earlier:
    """A shard of the same items, and what became of those that are not to be read again, by their number among the items."""

    def __init__(self, path: Path, outcomes: Mapping[int, dict[str, Any]]) -> None:
        self.path, self.outcomes = path, outcomes

    def part(self, start: int, stop: int) -> "Earlier":
        """Of the items from `start` on, numbered from there."""
        return Earlier(self.path, {n - start: found for n, found in self.outcomes.items() if start <= n < stop})

    def take(self, number: int, settings: Mapping[str, Any], kept: Kept) -> dict[str, Any] | None:
        """What became of an item, whose clips are then the next in `kept`; None where it must be read (again)."""
        outcome = self.outcomes.get(number)
        if outcome is None or outcome["status"] == "failed":
            return outcome
        mark = kept.mark()
        try:
            digests = []
            for clip in self._clips(outcome["row"], len(outcome["clips"]), settings):
                kept.add(clip)
                digests.append(clip.digest)
            if outcome.get("sha256", item_digest(digests)) == item_digest(digests):
                return outcome
        except (OSError, ValueError):  # damaged since
            pass
        kept.back_to(mark)
        return None

    def _clips(self, row: int, count: int, settings: Mapping[str, Any]) -> Iterator[Stored]:
        form = form_of(settings)
        shard = backend(self.path)[1](self.path, form)
        try:
            columns = {name: shard.column(name, row, row + count) for name in COLUMNS if not name.startswith("boxes/")}
            marked = shard.column("boxes/clip")
            nothing = np.empty(0, np.uint8), np.empty(0, np.int16)
            for n in range(count):
                first, last = np.searchsorted(marked, [row + n, row + n + 1]).tolist()
                boxes = [
                    shard.column(f"boxes/{name}", first, last).tolist()
                    for name in ("xyxy", "frame", "label", "sounding")
                ]
                about = Clip(
                    id=columns["ids"][n].decode(),
                    video=columns["videos"][n].decode(),
                    split="",
                    start=float(columns["starts"][n]),
                    frames=nothing[0],
                    frame_keys=tuple(key.decode() for key in columns["keys"][n]),
                    waveform=nothing[1],
                    labels=tuple(np.flatnonzero(columns["labels"][n]).tolist()),
                    boxes=tuple(Box(tuple(box[0]), *box[1:]) for box in zip(*boxes, strict=True)),
                    annotated=tuple(columns["annotated"][n].tolist()),
                )
                yield Stored([shard.frame(row + n, pick) for pick in range(form.frames)], shard.sound(row + n), about)
        finally:
            shard.close()


def tried_again(item: Item, outcome: Mapping[str, Any]) -> bool:
    """Whether an item that an earlier run left out is tried once more. Early versions did not mark those."""
    unmarked = outcome.get("reason") in (CRASHED, LATE) or (outcome.get("reason") in _GONE and was_there(item))
    return bool(outcome.get("passing", unmarked))
