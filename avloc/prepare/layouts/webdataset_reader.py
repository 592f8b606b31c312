"""Clips from the samples of tar shards. Nothing is unpacked; a member that a decoder needs is held in memory."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.mask_files import squared
from avloc.data.clip import Box, Clip, Mask
from avloc.errors import DataError
from avloc.prepare.layouts.sample_media import decoded, film_in, middle_of, sound_in
from avloc.prepare.layouts.tar_bytes import shard_bytes
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Clips, Item
from avloc.prepare.parts.moments import Moments
from avloc.run_lengths import pixels_of


class WebdatasetReader:
    """frames: pictures of a clip; those of a video are taken at the middles of equal parts of the clip."""

    def __init__(self, root: Path, moments: Moments, frames: int) -> None:
        self.root, self.moments, self.frames = root, moments, frames

    def __reduce__(self) -> tuple[Any, ...]:
        return WebdatasetReader, (self.root, self.moments, self.frames)

    def read(self, item: Item) -> Clips:
        facts = item.facts
        if "wrong" in facts:
            reason, _, detail = facts["wrong"].partition(": ")
            raise MediaError(item.path, reason, detail)
        notes: dict[str, Any] = {}
        if facts["pictures"]:
            start, jpegs, frames, sound, notes = self._pictures(item)
        elif facts["film"] is not None:
            start, jpegs, frames, sound, notes = self._film(item)
        else:
            raise MediaError(item.path, "missing frame")
        count, size = self.frames, self.moments.size
        wrong = [row[-3] for row in (*facts["boxes"], *facts["masks"]) if row[-3] >= count]
        keys, annotated = facts["keys"], facts["annotated"]
        if wrong or (keys is not None and len(keys) != count) or (annotated and len(annotated) != count):
            told = f"frame {wrong[0]}" if wrong else "frame_keys or annotated of another number of frames"
            raise MediaError(item.path, "broken annotation", f"{told}; clips have {count}")
        masks = tuple(
            Mask(frame, label, sounding, squared(pixels_of(height, width, runs), size))
            for height, width, runs, frame, label, sounding in facts["masks"]
        )
        boxes = tuple(Box(tuple(row[:4]), *row[4:]) for row in facts["boxes"])  # type: ignore[misc]
        # a sample without classes has those of its sounding boxes and masks
        both: tuple[Box | Mask, ...] = (*boxes, *masks)
        marked = {one.label for one in both if one.sounding and one.label >= 0}
        labels = {*facts["labels"], *(() if facts["stated"] else marked)}
        yield Clip(
            id=item.id,
            video=facts["video"],
            split="",
            start=start,
            frames=frames,
            frame_keys=tuple(keys) if keys else (item.id,) if count == 1 else ("",) * count,
            waveform=sound,
            labels=tuple(sorted(labels)),
            boxes=boxes,
            annotated=(False,) * count if annotated is None else tuple(annotated) or (True,) * count,
            masks=masks,
            jpegs=jpegs,
        )
        return notes

    def _pictures(
        self, item: Item
    ) -> tuple[float, tuple[NDArray, ...], NDArray[np.uint8], NDArray[np.int16], dict[str, Any]]:
        facts, moments = item.facts, self.moments
        if len(facts["pictures"]) != self.frames:
            told = f"{len(facts['pictures'])}; clips have {self.frames}"
            raise MediaError(item.path, "another number of frames", told)
        heard = facts["sound"] or facts["film"]
        if heard is None:
            raise MediaError(item.path, "missing sound")
        *jpegs, played = self._parts(item, [*facts["pictures"], heard])
        contents = [np.frombuffer(content, np.uint8) for content in jpegs]
        pictures = [decoded(item.path, content) for content in contents]
        whole = all(picture.shape[:2] == (moments.size, moments.size) for picture in pictures)
        encoded = all(part.rpartition(".")[2] in ("jpg", "jpeg") for part, *_ in facts["pictures"])
        frames = np.stack([moments.square(picture) for picture in pictures])
        sound = sound_in(item.path, played, moments)
        middle, notes = middle_of(item.path, item.id, sound, moments)
        length = len(sound.waveform)
        start = facts["start"] + (moments.begin(length) / moments.rate if length > moments.samples else 0.0)
        return start, tuple(contents) if whole and encoded else (), frames, middle, notes

    def _film(self, item: Item) -> tuple[float, tuple[()], NDArray[np.uint8], NDArray[np.int16], dict[str, Any]]:
        facts = item.facts
        content, *played = self._parts(item, [facts["film"], *([facts["sound"]] if facts["sound"] else [])])
        sound = sound_in(item.path, played[0], self.moments) if played else None
        begin, frames, waveform, notes = film_in(item.path, item.id, content, sound, self.moments, self.frames)
        return facts["start"] + begin, (), frames, waveform, notes

    def _parts(self, item: Item, places: list[list[Any]]) -> list[bytes]:
        path = self.root / item.facts["shard"]
        try:
            return shard_bytes(path).parts([(start, size) for *_, start, size in places])
        except FileNotFoundError:
            raise MediaError(item.path, "missing shard") from None
        except (DataError, OSError) as error:
            raise MediaError(item.path, "broken shard", str(error).removeprefix(f"{path}: ")) from None
