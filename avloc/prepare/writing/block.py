"""One shard of a store: the clips of a block of items, written atomically, as HDF5 or LMDB.

It has frames, sounds and the columns of `avloc.data.shard_form`; `sources` are the files that were read, see `sources`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data import masks
from avloc.data.clip import Clip, Mask
from avloc.data.manifest import checked_outcomes
from avloc.data.shard_files import backend
from avloc.errors import AvlocError, DataError
from avloc.files import replacing, system_error, why
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Item, Reader
from avloc.prepare.pool.process import Tell
from avloc.prepare.writing.earlier import Earlier
from avloc.prepare.writing.kept import Kept, Stored, kept_at, kept_beside
from avloc.prepare.writing.reading import Outcome, failed, read_item
from avloc.prepare.writing.sources import SOURCES, files_of

Spared = Mapping[int, tuple[str, str]]


def block_key(settings: Mapping[str, Any], items: Sequence[Item]) -> str:
    """Changes whenever anything changes that the block is made from."""
    content = {name: value for name, value in settings.items() if name != "store"}  # the file name already tells that
    made_from = [content, [[item.id, item.path, dict(item.facts), dict(item.note)] for item in items]]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def read_outcome(path: Path) -> tuple[str, list[Outcome]] | None:
    """The key of a finished shard, and the outcome of each of its items; None if it is missing or damaged.

    DataError if the system cannot read the file: it may be intact, so it must not be rewritten.
    """
    try:
        key, items = backend(path)[1].items(path)
        return key, checked_outcomes(items)
    except FileNotFoundError:
        return None
    except OSError as error:
        if system_error(error) is None:
            return None
        raise DataError(f"{path}: cannot be read ({why(error)}); the file itself may be fine") from None
    except ValueError:
        return None


@dataclass(frozen=True)
class Whole:
    """A shard written by one task."""

    path: Path
    key: str


@dataclass(frozen=True)
class Piece:
    """A file that keeps the clips of a part of a block until its shard is assembled."""

    path: Path


@dataclass(frozen=True)
class Joined:
    """A shard assembled from pieces, byte for byte as if written at once."""

    path: Path
    key: str
    pieces: Sequence[tuple[Path, list[Outcome]]]


def write_items(
    target: Whole | Piece | Joined,
    items: Sequence[Item],
    reader: Reader,
    settings: Mapping[str, Any],
    earlier: Earlier,
    spared: Spared,
    tell: Tell,
) -> list[Outcome]:
    """Read the items and write their clips; an unusable item is recorded with its reason. One task of the pool.

    items: of the whole block, if pieces are joined. earlier: clips to take over. spared: items not to be read, with
    reason and detail. tell: see `avloc.prepare.pool.process`.
    """

    def taken(number: int, kept: Kept) -> Outcome:
        item = items[number]
        if number in spared:  # its process died or hung: another run tries again
            return failed(item, MediaError(item.path, *spared[number], passing=True))
        tell("at", number)
        outcome = earlier.take(number, settings, kept)
        if outcome is None:
            outcome = read_item(reader, item, settings, kept, lambda: tell("at", number))
        tell("at", None)
        return outcome

    def done(outcome: Outcome) -> Outcome:
        tell("done", outcome["status"] == "failed")
        return outcome

    with _in_words(target.path):
        if isinstance(target, Piece):
            target.path.unlink(missing_ok=True)  # left by a process that died while writing it
            with kept_at(target.path, "xb") as kept:
                return [done(taken(number, kept)) for number in range(len(items))]
        if isinstance(target, Joined):
            return _join(target, items, reader, settings)
        with kept_beside(target.path) as kept, _new_shard(target, items, reader, settings) as shard:
            for number in range(len(items)):
                outcome = taken(number, kept)
                kept.file.seek(0)
                shard.take(outcome, kept)
                kept.back_to(0)
                done(outcome)
        return shard.outcomes


def _join(target: Joined, items: Sequence[Item], reader: Reader, settings: Mapping[str, Any]) -> list[Outcome]:
    with _new_shard(target, items, reader, settings) as shard:
        for path, outcomes in target.pieces:
            with kept_at(path, "rb") as kept:
                for outcome in outcomes:
                    shard.take(outcome, kept)
    for path, _ in target.pieces:  # not earlier: if a process dies while joining, the next one needs them
        path.unlink()
    return shard.outcomes


@contextmanager
def _new_shard(
    target: Whole | Joined, items: Sequence[Item], reader: Reader, settings: Mapping[str, Any]
) -> Iterator["ShardWriter"]:
    with replacing(target.path) as temporary, closing(ShardWriter(temporary, settings)) as shard:
        yield shard
        good = [item for item, outcome in zip(items, shard.outcomes, strict=True) if outcome["status"] == "ok"]
        shard.finish(target.key, files_of(reader, good))


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Why writing a store was aborted, in one line."""
    try:
        yield
    except MemoryError:
        raise AvlocError(f"{path}: cannot be written (out of memory); run the command again with fewer jobs") from None
    except ConnectionError:  # nobody is listening any more
        raise
    except OSError as error:
        raise AvlocError(f"{path}: cannot be written ({why(error)}); free space or choose another folder") from None


def sparing(arguments: tuple[Any, ...], number: int, reason: str, detail: str) -> tuple[Any, ...]:
    """The arguments of `write_items`, changed to leave an item out."""
    *others, spared = arguments
    return *others, {**spared, number: (reason, detail)}


class ShardWriter:
    """Passes complete items to a writer: frames and sounds at once, the small columns at the end."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.writer = backend(path)[0](path, settings)
        self.classes = len(settings["classes"])
        self.per_clip = settings["frames_per_clip"]
        self.masked = settings.get("masks", False)
        self.masks: list[tuple[int, Mask, bytes]] = []  # row of the clip, and its packed pixels
        self.clips: list[Clip] = []  # without frames and sound
        self.outcomes: list[Outcome] = []

    def take(self, outcome: Outcome, kept: Kept) -> None:
        """An item, whose clips are the next in `kept`."""
        if outcome["status"] == "ok":
            outcome = {**outcome, "row": len(self.clips)}
            for clip in kept.clips(len(outcome["clips"])):
                self._add(clip)
        self.outcomes.append(outcome)

    def _add(self, clip: Stored) -> None:
        self.writer.add(clip.frames, clip.sound)
        self.masks += [(len(self.clips), mask, bits) for mask, bits in clip.masks]
        self.clips.append(clip.about)

    def finish(self, key: str, sources: NDArray[np.bytes_]) -> None:
        columns = {**self._columns(), SOURCES: sources}
        self.writer.finish(columns, [json.dumps(outcome) for outcome in self.outcomes], key)

    def close(self) -> None:
        self.writer.close()

    def _columns(self) -> dict[str, NDArray[Any]]:
        clips = self.clips
        labels = np.zeros((len(clips), self.classes), bool)
        for row, clip in enumerate(clips):
            labels[row, list(clip.labels)] = True
        annotated = np.array([clip.annotated or [False] * self.per_clip for clip in clips], bool)
        boxes = [(row, box) for row, clip in enumerate(clips) for box in clip.boxes]
        return {
            "labels": labels,
            "starts": np.array([clip.start for clip in clips], np.float64),
            "annotated": annotated.reshape(-1, self.per_clip),
            "ids": _strings([clip.id for clip in clips]),
            "videos": _strings([clip.video for clip in clips]),
            "keys": _strings([key for clip in clips for key in clip.frame_keys]).reshape(-1, self.per_clip),
            "boxes/clip": np.array([row for row, _ in boxes], np.int64),
            "boxes/frame": np.array([box.frame for _, box in boxes], np.int64),
            "boxes/label": np.array([box.label for _, box in boxes], np.int64),
            "boxes/sounding": np.array([box.sounding for _, box in boxes], bool),
            "boxes/xyxy": np.array([box.xyxy for _, box in boxes], np.float32).reshape(-1, 4),
            **(masks.columns(self.masks) if self.masked else {}),
        }


def _strings(texts: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array(
        [text.encode("utf-8", "backslashreplace") for text in texts] or np.empty(0, "S1"), "S" if any(texts) else "S1"
    )
