"""Clips of recordings: each a video, or a frame (or a folder of frames) and a sound, as found by `Tree`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.endings import STILLS
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film
from avloc.prepare.media.picture import Seen, squares_at
from avloc.prepare.media.sound import WHOLE, Heard
from avloc.prepare.parts.account import UNHEARD, Account
from avloc.prepare.parts.items import Clips, Item
from avloc.prepare.parts.moments import AMBIGUOUS, Moments, read_picture, refuse_ambiguous
from avloc.prepare.parts.watching import heard_of, watched
from avloc.walking import listed


def see(
    film: Film | None, root: Path, facts: Mapping[str, Any], times: list[float], numbers: list[int | None], size: int
) -> list[Seen]:
    """Frames (h, w, 3) RGB: those on display at `times` (s) of a film, else the pictures with these numbers.

    There are fewer if the picture ends before. A number that is None is the middle one of a folder; a picture with the
    recording's own name replaces them all.
    """
    if film is not None:
        return list(squares_at(film, times, size))
    if facts["picture"] is not None:
        return [Seen(read_picture(root, facts["picture"]))] * len(numbers)
    if facts["folder"] is None:
        raise MediaError(facts["sound"] or "", "missing frame")
    there = [name for name in listed(root / facts["folder"]) if name.lower().endswith(STILLS)]
    numbered: dict[int, list[str]] = {}
    for name in there:
        if (stem := os.path.splitext(name)[0]).isdecimal():
            numbered.setdefault(int(stem), []).append(name)
    for pictures in (numbered.get(number, []) for number in numbers if number is not None):
        if len(pictures) > 1:
            raise MediaError(facts["folder"], AMBIGUOUS, f"{pictures[0]} and {pictures[1]} have the same number")
    names = [
        there[len(there) // 2] if number is None else numbered.get(number, [None])[0]  # type: ignore[list-item]
        for number in numbers
    ]
    kept = names[: names.index(None)] if None in names else names
    return [Seen(read_picture(root, os.path.join(facts["folder"], name))) for name in kept if name is not None]


def check_there(item: Item) -> None:
    """MediaError for an item without files, or whose name matches several files."""
    facts = item.facts
    refuse_ambiguous(item.path, facts)
    if not any(facts[part] for part in ("path", "sound", "picture", "folder")):
        raise MediaError(item.path, "missing file")


@dataclass(frozen=True)
class EachSecond:
    """Consecutive clips of whole seconds from each recording, at most `count`, each with `fps` frames per second.

    at: where in its part of the second a frame is taken, 0 to 1. pad: an incomplete last clip is padded with silence
    instead of left out. first_number: of the pictures in a folder, which has one for each second.

    facts: spans [label, from, to] in seconds, boxes and silent {second: rows}, keys {second: name}.
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

    def read(self, item: Item) -> Clips:
        check_there(item)
        facts, samples = item.facts, self.moments.samples
        with watched(self.root, facts["path"]) as film:
            heard = heard_of(film, self.root, facts, self.moments.rate, self.moments.decoding.channels)
            if not len(heard.waveform):
                raise MediaError(item.path, "no sound", "it has no samples")
            if film is None and self.fps > 1:
                raise MediaError(
                    item.path, "one frame a second", f"its pictures are not a video; --fps asks for {self.fps}"
                )
            whole, rest = heard.clips(samples), len(heard.waveform) % samples
            count = min(self.count, len(heard.waveform) // samples + bool(rest)) if self.pad else min(self.count, whole)
            places = range(count * self.frames)
            times = [place // self.fps + (place % self.fps + self.at) / self.fps for place in places]
            numbers: list[int | None] = [self.first_number + place for place in places]
            seen = see(film, self.root, facts, times, numbers, self.moments.size)
            account = Account([heard], film, self.moments.decoding)
            made = 0
            for n in range(min(count, len(seen) // self.frames)):
                frames = seen[n * self.frames : (n + 1) * self.frames]
                account.reached((n + 1) * samples, self.moments.rate)
                if self._is_kept(item, n, heard, account, frames, times[n * self.frames]):
                    made += 1
                    yield self._clip(item, n, frames, heard.cut(n * samples, samples))
            if not made:
                few = f"no clip of {self.seconds} s has both sound and picture"
                raise account.refusal(item.path, MediaError(item.path, "too short", few))
            return account.notes(whole=count < self.count)

    def _is_kept(self, item: Item, n: int, heard: Heard, account: Account, frames: list[Seen], first: float) -> bool:
        """first: time of the clip's first frame, s. A clip whose sound ended before that is left out."""
        name, start, seconds = self._name(item, n), float(n * self.seconds), self.moments.seconds
        if account.film is not None and first > heard.seconds + WHOLE:
            ends = f"it ends at {heard.seconds:.2f} s, before the frame of {first:.2f} s"
            account.leave_out(name, start, UNHEARD, ends)
            return False
        if not account.keep(name, start, seconds, frames):
            return False
        lacking = start + seconds - heard.seconds
        if lacking > WHOLE:
            account.pad(lacking)
        return True

    def _name(self, item: Item, n: int) -> str:
        return item.id if self.count == 1 else f"{item.id}/{n}"

    def _clip(self, item: Item, n: int, frames: list[Seen], sound: NDArray[np.int16]) -> Clip:
        """Boxes of a second belong to its middle frame."""
        facts, start = item.facts, n * self.seconds
        heard = {
            label for label, begins, ends in facts.get("spans", ()) if begins < start + self.seconds and ends > start
        }
        keys, boxes, annotated = [""] * self.frames, [], [False] * self.frames
        for second in range(self.seconds):
            frame, known = second * self.fps + self.fps // 2, str(start + second)
            keys[frame] = facts.get("keys", {}).get(known, f"{item.id}/{known}")
            annotated[frame] = known in facts.get("boxes", {})
            for what, sounds in (("boxes", True), ("silent", False)):
                rows = facts.get(what, {}).get(known, ())
                boxes += [Box((x1, y1, x2, y2), frame, label, sounds) for x1, y1, x2, y2, label in rows]
        return Clip(
            id=self._name(item, n),
            video=facts["video"],
            split="",
            start=float(start),
            frames=np.stack([self.moments.square(frame.image) for frame in frames if frame.image is not None]),
            frame_keys=tuple(keys),
            waveform=sound,
            labels=tuple(sorted({*facts.get("labels", ()), *heard, *(box.label for box in boxes if box.sounding)})),
            boxes=tuple(boxes),
            annotated=tuple(annotated),
        )
