"""Reads one item: its clips are kept, or the reason why it is unusable. The outcome is part of its manifest line."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from avloc.data.clip import Clip
from avloc.data.digest import item_digest
from avloc.files import system_error
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import REFUSED, Clips, Item, Reader, was_there
from avloc.prepare.writing.kept import Kept, stored

Outcome = dict[str, Any]

NO_MEMORY = "out of memory"
_REASONS = {FileNotFoundError: "missing file", PermissionError: "may not be read"}


def read_item(
    reader: Reader, item: Item, settings: Mapping[str, Any], kept: Kept, heard: Callable[[], None]
) -> Outcome:
    """The outcome of an item, whose clips are then the next in `kept`; one that fails adds none.

    heard: called after each clip.
    """
    mark, abouts, digests = kept.mark(), [], []
    try:
        reading = clips_of(reader, item)
        while True:
            try:
                clip = next(reading)
            except StopIteration as end:
                notes = end.value
                break
            one = stored(clip, settings)
            kept.add(one)
            abouts.append(one.about)
            digests.append(one.digest)
            heard()
    except MediaError as error:
        kept.back_to(mark)
        return failed(item, error)
    return {**made(item, abouts, digests, settings["seconds"]), **(notes or {})}


def made(item: Item, clips: Sequence[Clip], digests: Sequence[bytes], seconds: float) -> Outcome:
    """The ids of the clips, their start and end in the source (s), the digest of all; the shard sets the row."""
    times = [[round(clip.start, 6), round(clip.start + seconds, 6)] for clip in clips]
    ids = [clip.id for clip in clips]
    return {"id": item.id, "status": "ok", "row": 0, "clips": ids, "times": times, "sha256": item_digest(digests)}


def failed(item: Item, error: MediaError) -> Outcome:
    """passing: the same command tries it again.

    This excludes a file that was already missing when it was listed: once it exists, it is a different item.
    """
    outcome = {"id": item.id, "status": "failed", "reason": error.reason, "detail": error.detail, "clips": []}
    return {**outcome, "passing": True} if error.passing and was_there(item) else outcome


def clips_of(reader: Reader, item: Item) -> Clips:
    """If the system cannot provide a file or memory, that is a reason like any other."""
    if REFUSED in item.facts:
        raise MediaError(item.path, item.facts[REFUSED])
    try:
        notes: Mapping[str, Any] | None = yield from reader.read(item)  # type: ignore[func-returns-value]
        return notes
    except MemoryError:
        raise MediaError(item.path, NO_MEMORY, passing=True) from None
    except OSError as error:
        what = error.strerror or str(error) or type(error).__name__
        reason = _REASONS.get(type(error), "cannot be read")
        raise MediaError(item.path, reason, what, system_error(error) is not None) from None
