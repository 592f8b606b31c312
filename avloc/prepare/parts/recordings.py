"""Clips of recordings, each a video, or a frame (or a folder of frames) and a sound, as a `Tree` finds them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.endings import STILLS
from avloc.errors import DataError
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.picture import squares_at
from avloc.prepare.parts.items import Item
from avloc.prepare.parts.moments import AMBIGUOUS, Moments, hear, read_picture, refuse_ambiguous
from avloc.walking import listed


def see(
    root: Path, facts: Mapping[str, Any], times: list[float], numbers: list[int | None], size: int
) -> list[NDArray]:
    """Frames (h, w, 3) RGB: those on display at `times` (s) where there is a video, else the pictures of these numbers.

    Fewer, where the picture ends before. A number that is None is the middle one of a folder; a picture of the recording's own
    name stands for them all.
    """
    if facts["path"] is not None:
        return list(squares_at(root / facts["path"], times, size))
    if facts["picture"] is not None:
        return [read_picture(root, facts["picture"])] * len(numbers)
    if facts["folder"] is None:
        raise MediaError(facts["sound"] or "", "missing frame")
    there = [name for name in listed(root / facts["folder"]) if name.lower().endswith(STILLS)]
    numbered: dict[int, list[str]] = {}
    for name in there:
        if (stem := os.path.splitext(name)[0]).isdecimal():
            numbered.setdefault(int(stem), []).append(name)
    for pictures in (numbered.get(number, []) for number in numbers if number is not None):
        if len(pictures) > 1:
            raise MediaError(facts["folder"], AMBIGUOUS, f"{pictures[0]} and {pictures[1]} have one number")
    names = [
        there[len(there) // 2] if number is None else numbered.get(number, [None])[0]  # type: ignore[list-item]
        for number in numbers
    ]
    kept = names[: names.index(None)] if None in names else names
    return [read_picture(root, os.path.join(facts["folder"], name)) for name in kept if name is not None]


def check_there(item: Item) -> None:
    """MediaError for an item of which nothing is there, or whose name is that of several files."""
    facts = item.facts
    refuse_ambiguous(item.path, facts)
    if not any(facts[part] for part in ("path", "sound", "picture", "folder")):
        raise MediaError(item.path, "missing file")


@dataclass(frozen=True)
class OneMoment:
    """One clip of each recording: a frame, and what `moments` hears of the sound.

    at: when the frame is on display, s; None: in the middle of what is heard. number: of the picture to take of a folder;
    None: the middle one. facts["sounds"]: recordings whose sounds are heard together instead of its own.
    """

    root: Path
    moments: Moments
    at: float | None = None
    number: int | None = None

    def read(self, item: Item) -> Iterator[Clip]:
        check_there(item)
        facts, moments = item.facts, self.moments
        heard = [self._sound(item.path, other) for other in facts.get("sounds", (facts,))]
        sound = heard[0][1] if len(heard) == 1 else _together([sound for _, sound, _ in heard])
        start, length = heard[0][0], min(heard[0][2], moments.samples) / moments.rate
        time = self.at if self.at is not None else max(start, 0.0) + length / 2
        seen = see(self.root, facts, [time], [self.number], moments.size)
        if not seen:
            late = f"it ends before {time:.2f} s" if facts["path"] else f"no picture {self.number}"
            raise MediaError(item.path, "picture too short" if facts["path"] else "missing frame", late)
        yield replace(moments.clip(item.id, item.path, facts, seen[0], sound), start=max(start, 0.0))

    def _sound(self, path: str, facts: Mapping[str, Any]) -> tuple[float, NDArray[np.int16], int]:
        """(s where it begins, the samples heard, how many there are in all)."""
        sound, moments = hear(self.root, facts, self.moments.rate), self.moments
        middle = 0.0 if moments.first else (len(sound) - moments.samples) / 2 / moments.rate
        return middle, moments.middle(path, sound), len(sound)


def _together(sounds: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    """Their sum, cut where it is too loud, as the released loader of mixed clips has it."""
    return np.clip(np.sum(sounds, axis=0, dtype=np.int32), -32768, 32767).astype(np.int16)


def check_seconds(fps: int, at: float, seconds: int, most: int) -> None:
    """DataError for values out of range."""
    if not 1 <= fps <= 60 or not 0 <= at <= 1:
        raise DataError(f"fps is {fps} and at is {at}; expected 1 to 60 frames a second, and a place from 0 to 1")
    if not 1 <= seconds <= most:
        raise DataError(f"seconds is {seconds}; expected whole seconds of a clip, 1 to {most}")


@dataclass(frozen=True)
class EachSecond:
    """Consecutive clips of so many whole seconds from each recording, at most `count`, each with `fps` frames a second.

    at: where in its part of the second a frame is taken, 0 to 1. pad: a last clip whose sound is not whole is filled with
    silence, otherwise left out. first_number: of the pictures of a folder, which has one for each second.

    facts: spans [label, from, to] in seconds, boxes {second: rows}, keys {second: name}.
    """

    root: Path
    moments: Moments
    count: int
    seconds: int = 1
    fps: int = 1
    at: float = 0.5
    pad: bool = True
    first_number: int = 0

    @property
    def frames(self) -> int:
        return self.fps * self.seconds

    def read(self, item: Item) -> Iterator[Clip]:
        check_there(item)
        facts, samples = item.facts, self.moments.samples
        sound = hear(self.root, facts, self.moments.rate)
        if not len(sound):
            raise MediaError(item.path, "no sound", "it has no samples")
        if facts["path"] is None and self.fps > 1:
            raise MediaError(
                item.path, "one frame a second", f"its pictures are no video, and {self.fps} were asked for"
            )
        whole, rest = divmod(len(sound), samples)
        count = min(self.count, whole + bool(rest and self.pad))
        sound = np.pad(sound[: count * samples], (0, max(count * samples - len(sound), 0)))
        places = range(count * self.frames)
        times = [place // self.fps + (place % self.fps + self.at) / self.fps for place in places]
        numbers: list[int | None] = [self.first_number + place for place in places]
        seen = see(self.root, facts, times, numbers, self.moments.size)
        count = min(count, len(seen) // self.frames)
        if not count:
            raise MediaError(item.path, "too short", f"not one clip of {self.seconds} s has both sound and picture")
        for n in range(count):
            frames = seen[n * self.frames : (n + 1) * self.frames]
            yield self._clip(item, n, frames, sound[n * samples : (n + 1) * samples])

    def _clip(self, item: Item, n: int, frames: list[NDArray], sound: NDArray[np.int16]) -> Clip:
        """Boxes of a second belong to its middle frame."""
        facts, start = item.facts, n * self.seconds
        name = item.id if self.count == 1 else f"{item.id}/{n}"
        heard = {
            label for label, begins, ends in facts.get("spans", ()) if begins < start + self.seconds and ends > start
        }
        keys, boxes, annotated = [""] * self.frames, [], [False] * self.frames
        for second in range(self.seconds):
            frame, known = second * self.fps + self.fps // 2, str(start + second)
            keys[frame] = facts.get("keys", {}).get(known, f"{item.id}/{known}")
            annotated[frame] = known in facts.get("boxes", {})
            boxes += [
                Box((x1, y1, x2, y2), frame, c, True) for x1, y1, x2, y2, c in facts.get("boxes", {}).get(known, ())
            ]
        return Clip(
            id=name,
            video=facts["video"],
            split="",
            start=float(start),
            frames=np.stack([self.moments.square(frame) for frame in frames]),
            frame_keys=tuple(keys),
            waveform=sound,
            labels=tuple(sorted({*facts.get("labels", ()), *heard, *(box.label for box in boxes)})),
            boxes=tuple(boxes),
            annotated=tuple(annotated),
        )
