"""Clips of an earlier run that are taken over when a shard is rewritten: only failed items are read again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avloc.data.digest import item_digest
from avloc.data.shard_files import backend
from avloc.data.shard_form import form_of
from avloc.prepare.parts.items import Item, was_there
from avloc.prepare.pool.tasks import CRASHED, LATE
from avloc.prepare.writing.kept import Kept
from avloc.prepare.writing.stored_clips import stored_clips

_GONE = ("missing file", "may not be read")


class Earlier:
    """A shard of the same items, and the outcomes of those that need not be read again, by their number among the items."""

    def __init__(self, path: Path, outcomes: Mapping[int, dict[str, Any]]) -> None:
        self.path, self.outcomes = path, outcomes

    def part(self, start: int, stop: int) -> "Earlier":
        """The items from `start` on, renumbered."""
        return Earlier(self.path, {n - start: found for n, found in self.outcomes.items() if start <= n < stop})

    def take(self, number: int, settings: Mapping[str, Any], kept: Kept) -> dict[str, Any] | None:
        """The outcome of an item, whose clips are then the next in `kept`; None if it must be read (again)."""
        outcome = self.outcomes.get(number)
        if outcome is None or outcome["status"] == "failed":
            return outcome
        mark = kept.mark()
        try:
            digests = self._keep(outcome["row"], len(outcome["clips"]), settings, kept)
            if outcome.get("sha256", item_digest(digests)) == item_digest(digests):
                return outcome
        except (OSError, ValueError):  # damaged since
            pass
        kept.back_to(mark)
        return None

    def _keep(self, row: int, count: int, settings: Mapping[str, Any], kept: Kept) -> list[bytes]:
        """Add the clips to `kept` and return their digests."""
        digests, form = [], form_of(settings)
        shard = backend(self.path)[1](self.path, form)
        try:
            for clip in stored_clips(shard, form, row, count, settings):
                kept.add(clip)
                digests.append(clip.digest)
        finally:
            shard.close()
        return digests


def tried_again(item: Item, outcome: Mapping[str, Any]) -> bool:
    """Whether an item that an earlier run left out is tried again. Early versions did not mark those."""
    unmarked = outcome.get("reason") in (CRASHED, LATE) or (outcome.get("reason") in _GONE and was_there(item))
    return bool(outcome.get("passing", unmarked))
