"""One shard of a store: the clips of a block of items, written whole or not at all, as HDF5 or LMDB.

Frames and sounds, and columns: starts (n,) s; labels (n, C) bool; annotated (n, F) bool; ids, videos (n,) and keys
(n, F) strings; boxes/{clip, frame, label, sounding, xyxy}, where clip is the row; in stores of masks those of
`avloc.data.masks`; sources (m,), the files read.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data import masks
from avloc.data.clip import Clip, Mask
from avloc.data.digest import clip_digest, content_digest, item_digest
from avloc.data.pictures import encode_jpeg
from avloc.data.shard_files import backend
from avloc.files import replacing
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Item, Reader
from avloc.prepare.pool.process import Tell
from avloc.prepare.pool.tasks import CRASHED, LATE
from avloc.prepare.writing.sources import SOURCES, files_of


def block_key(settings: Mapping[str, Any], items: Sequence[Item]) -> str:
    """Changes when anything does that the block is made from."""
    content = {name: value for name, value in settings.items() if name != "store"}  # the name of the file says that
    made_from = [content, [[item.id, item.path, dict(item.facts), dict(item.note)] for item in items]]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def read_outcome(path: Path, key: str | None = None) -> list[dict[str, Any]] | None:
    """What became of each item of a finished shard; None where it is missing, broken, or made from something else."""
    try:
        found, items = backend(path)[1].items(path)
        outcomes = [json.loads(line) for line in items]
        # what killed or held a process may have been a want of memory, or a slow disc: another run tries again
        again = key is not None and any(outcome.get("reason") in (CRASHED, LATE) for outcome in outcomes)
        return outcomes if key in (None, found) and not again else None
    except (OSError, KeyError, ValueError):
        return None


def write_block(
    path: Path,
    key: str,
    items: Sequence[Item],
    reader: Reader,
    settings: Mapping[str, Any],
    spared: Mapping[int, tuple[str, str]],
    tell: Tell,
) -> list[dict[str, Any]]:
    """Read the items and write their clips; an item that cannot be used is recorded with its reason.

    spared: items that are not to be read, with reason and detail. tell: see `avloc.prepare.pool.process`.
    """
    outcomes: list[dict[str, Any]] = []
    with replacing(path) as temporary, closing(backend(path)[0](temporary, settings)) as writer:
        shard = _Shard(writer, settings)
        for number, item in enumerate(items):
            row = len(shard.clips)
            try:
                if number in spared:
                    raise MediaError(item.path, *spared[number])
                tell("at", number)
                reading = iter(reader.read(item))
                notes = None
                while True:
                    try:
                        shard.add(next(reading))
                    except StopIteration as end:
                        notes = end.value
                        break
                    tell("at", number)
            except MediaError as error:
                shard.cut(row)
                why = {"status": "failed", "reason": error.reason, "detail": error.detail, "clips": []}
                outcomes.append({"id": item.id, **why})
            else:
                made = {"row": row, **shard.made(row, settings["seconds"])}
                outcomes.append({"id": item.id, "status": "ok", **made, **(notes or {})})
            tell("at", None)
            tell("done", outcomes[-1]["status"] == "failed")
        good = [item for item, outcome in zip(items, outcomes, strict=True) if outcome["status"] == "ok"]
        writer.finish(
            {**shard.columns(), SOURCES: files_of(reader, good)}, [json.dumps(outcome) for outcome in outcomes], key
        )
    return outcomes


def sparing(arguments: tuple[Any, ...], number: int, reason: str, detail: str) -> tuple[Any, ...]:
    """The arguments of `write_block`, so that it leaves an item out."""
    *others, spared = arguments
    return *others, {**spared, number: (reason, detail)}


class _Shard:
    """Hands the clips to a writer; frames and sounds at once, the small columns at the end."""

    def __init__(self, writer: Any, settings: Mapping[str, Any]) -> None:
        self.writer = writer
        self.jpeg = settings["frames"] == "jpeg"
        self.classes = len(settings["classes"])
        self.per_clip = settings["frames_per_clip"]
        self.masked, self.size = settings.get("masks", False), settings["size"]
        self.masks: list[list[tuple[Mask, bytes]]] = []  # of each clip, their pixels packed
        self.clips: list[Clip] = []  # without frames and sound
        self.digests: list[bytes] = []

    def add(self, clip: Clip) -> None:
        frames = (clip.jpegs or [encode_jpeg(frame) for frame in clip.frames]) if self.jpeg else clip.frames
        sound = clip.waveform if clip.spectrogram is None else clip.spectrogram
        self.writer.add(frames, sound)
        self.digests.append(clip_digest(content_digest(frames, sound), clip))
        nothing = np.empty(0, np.uint8), np.empty(0, np.int16)
        bare = np.empty((0, 0), bool)
        self.masks.append([(replace(mask, pixels=bare), self._packed(mask)) for mask in clip.masks])
        self.clips.append(replace(clip, frames=nothing[0], waveform=nothing[1], spectrogram=None, masks=(), jpegs=()))

    def _packed(self, mask: Mask) -> bytes:
        if not self.masked or mask.pixels.shape != (self.size, self.size):
            expected = f"{self.size} x {self.size} pixels" if self.masked else "none: its settings do not say masks"
            raise ValueError(f"a mask of {mask.pixels.shape} for a store of {expected}")
        return masks.packed(mask.pixels)

    def cut(self, row: int) -> None:
        """Take back the clips from `row` on."""
        self.writer.cut(row)
        del self.clips[row:], self.digests[row:], self.masks[row:]

    def made(self, row: int, seconds: float) -> dict[str, Any]:
        """Of the clips from `row` on their ids, from when to when they lie in the source (s), and the digest of all."""
        times = [[round(clip.start, 6), round(clip.start + seconds, 6)] for clip in self.clips[row:]]
        ids = [clip.id for clip in self.clips[row:]]
        return {"clips": ids, "times": times, "sha256": item_digest(self.digests[row:])}

    def columns(self) -> dict[str, NDArray[Any]]:
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
            **self._mask_columns(),
        }

    def _mask_columns(self) -> dict[str, NDArray[Any]]:
        if not self.masked:
            return {}
        return masks.columns([(row, mask, bits) for row, own in enumerate(self.masks) for mask, bits in own])


def _strings(texts: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array(
        [text.encode("utf-8", "backslashreplace") for text in texts] or np.empty(0, "S1"), "S" if any(texts) else "S1"
    )
