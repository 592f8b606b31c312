"""One shard of a store: an HDF5 file with the clips of a block of items, written whole or not at all.

frames (n, F, H, W, 3) uint8, or (n, F) JPEG bytes; sounds (n, S) int16; starts (n,) s; labels (n, C) bool;
annotated (n, F) bool; ids, videos (n,) and keys (n, F) strings; boxes/{clip, frame, label, sounding, xyxy}, where clip
is the row; items: JSON, one an item.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Clip
from avloc.data.media import MediaError
from avloc.data.sources.base import Item, Reader
from avloc.files import replacing

JPEG_QUALITY = 95


def shard_path(store: Path, shard: int) -> Path:
    return store / "shards" / f"{shard:05d}.h5"


def block_key(settings: Mapping[str, Any], items: Sequence[Item]) -> str:
    """Changes when anything does that the block is made from."""
    made_from = [settings, [[item.id, item.path, dict(item.facts), dict(item.note)] for item in items]]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def read_outcome(path: Path, key: str | None = None) -> list[dict[str, Any]] | None:
    """What became of each item of a finished shard; None where it is missing, broken, or made from something else."""
    try:
        with h5py.File(path, "r") as file:
            if key is not None and file.attrs["key"] != key:
                return None
            return [json.loads(line) for line in file["items"].asstr()[:]]
    except (OSError, KeyError, ValueError):
        return None


def write_block(
    path: Path, key: str, items: Sequence[Item], reader: Reader, settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Read the items and write their clips; an item that cannot be used is recorded with its reason."""
    outcomes: list[dict[str, Any]] = []
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        shard = _Shard(file, settings)
        for item in items:
            row = len(shard.clips)
            try:
                for clip in reader.read(item):
                    shard.add(clip)
            except MediaError as error:
                shard.cut(row)
                why = {"status": "failed", "reason": error.reason, "detail": error.detail, "clips": []}
                outcomes.append({"id": item.id, **why})
            else:
                ids = [clip.id for clip in shard.clips[row:]]
                outcomes.append({"id": item.id, "status": "ok", "row": row, "clips": ids})
        shard.finish()
        file["items"] = [json.dumps(outcome) for outcome in outcomes]
        file.attrs["key"] = key
    return outcomes


class _Shard:
    """Appends clips to an open HDF5 file; frames and sounds at once, the small columns at the end."""

    def __init__(self, file: h5py.File, settings: Mapping[str, Any]) -> None:
        self.file = file
        self.jpeg = settings["frames"] == "jpeg"
        self.classes = len(settings["classes"])
        self.per_clip = settings["frames_per_clip"]
        self.clips: list[Clip] = []  # without frames and waveform
        size = settings["size"]
        frame, kind = ((), h5py.vlen_dtype(np.uint8)) if self.jpeg else ((size, size, 3), np.uint8)
        self.frames = self._appendable("frames", (self.per_clip, *frame), kind)
        self.sounds = self._appendable("sounds", (settings["samples"],), np.int16)

    def _appendable(self, name: str, shape: tuple[int, ...], kind: Any) -> h5py.Dataset:
        return self.file.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=(1, *shape))

    def add(self, clip: Clip) -> None:
        row = len(self.clips)
        self.frames.resize(row + 1, axis=0)
        self.sounds.resize(row + 1, axis=0)
        if self.jpeg:
            for n, frame in enumerate(clip.frames):
                self.frames[row, n] = encode_jpeg(frame)
        else:
            self.frames[row] = clip.frames
        self.sounds[row] = clip.waveform
        self.clips.append(replace(clip, frames=np.empty(0, np.uint8), waveform=np.empty(0, np.int16)))

    def cut(self, row: int) -> None:
        """Take back the clips from `row` on."""
        self.frames.resize(row, axis=0)
        self.sounds.resize(row, axis=0)
        del self.clips[row:]

    def finish(self) -> None:
        clips, file = self.clips, self.file
        labels = np.zeros((len(clips), self.classes), bool)
        for row, clip in enumerate(clips):
            labels[row, list(clip.labels)] = True
        file["labels"] = labels
        file["starts"] = np.array([clip.start for clip in clips], np.float64)
        file["annotated"] = np.array([clip.annotated or [False] * self.per_clip for clip in clips], bool).reshape(
            -1, self.per_clip
        )
        file["ids"] = _strings([clip.id for clip in clips])
        file["videos"] = _strings([clip.video for clip in clips])
        file["keys"] = _strings([key for clip in clips for key in clip.frame_keys]).reshape(-1, self.per_clip)
        boxes = [(row, box) for row, clip in enumerate(clips) for box in clip.boxes]
        file["boxes/clip"] = np.array([row for row, _ in boxes], np.int64)
        file["boxes/frame"] = np.array([box.frame for _, box in boxes], np.int64)
        file["boxes/label"] = np.array([box.label for _, box in boxes], np.int64)
        file["boxes/sounding"] = np.array([box.sounding for _, box in boxes], bool)
        file["boxes/xyxy"] = np.array([box.xyxy for _, box in boxes], np.float32).reshape(-1, 4)


def _strings(texts: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array([text.encode() for text in texts] or np.empty(0, "S1"), "S" if any(texts) else "S1")


def encode_jpeg(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB to JPEG bytes."""
    turned = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    done, buffer = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.shape} could not be written as JPEG")
    return buffer.ravel().astype(np.uint8, copy=False)


def decode_jpeg(buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """JPEG bytes to (H, W, 3) RGB."""
    frame = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    if frame is None:
        raise ValueError("a frame that is no JPEG")
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
