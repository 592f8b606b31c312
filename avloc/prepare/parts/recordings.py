"""Clips of recordings, each a video, or a frame (or a folder of frames) and a sound, as a `Tree` finds them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.endings import STILLS
from avloc.errors import DataError
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film
from avloc.prepare.media.picture import Seen, squares_at
from avloc.prepare.media.sound import WHOLE, Heard
from avloc.prepare.parts.account import UNHEARD, Account
from avloc.prepare.parts.items import Clips, Item
from avloc.prepare.parts.moments import AMBIGUOUS, Moments, read_picture, refuse_ambiguous
from avloc.prepare.parts.watching import heard_of, shared_by, watched
from avloc.walking import listed


def see(
    film: Film | None, root: Path, facts: Mapping[str, Any], times: list[float], numbers: list[int | None], size: int
) -> list[Seen]:
    """Frames (h, w, 3) RGB: those on display at `times` (s) where there is a film, else the pictures of these numbers.

    Fewer, where the picture ends before. A number that is None is the middle one of a folder; a picture of the recording's own
    name stands for them all.
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
            raise MediaError(facts["folder"], AMBIGUOUS, f"{pictures[0]} and {pictures[1]} have one number")
    names = [
        there[len(there) // 2] if number is None else numbered.get(number, [None])[0]  # type: ignore[list-item]
        for number in numbers
    ]
    kept = names[: names.index(None)] if None in names else names
    return [Seen(read_picture(root, os.path.join(facts["folder"], name))) for name in kept if name is not None]


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

    def read(self, item: Item) -> Clips:
        check_there(item)
        facts, moments = item.facts, self.moments
        with watched(self.root, facts["path"]) as film:
            # the moment that is seen has to be heard; where other recordings sound, theirs is another time
            at = self.at if film is not None else None
            others = facts.get("sounds", (facts,))
            parts = [self._part(item.path, facts, film, other, at) for other in others]
            first = parts[0]
            sound = first.sound if len(parts) == 1 else _together([part.sound for part in parts])
            time = self.at if self.at is not None else max(first.start, 0.0) + first.length / 2
            seen = see(film, self.root, facts, [time], [self.number], moments.size)
            if not seen:
                late = f"it ends before {time:.2f} s" if facts["path"] else f"no picture {self.number}"
                raise MediaError(item.path, "picture too short" if facts["path"] else "missing frame", late)
            for part in parts:
                if part.own and at is not None and at > part.heard.seconds + WHOLE:
                    ends = f"it ends at {part.heard.seconds:.2f} s, before the frame of {at:.2f} s"
                    raise MediaError(item.path, UNHEARD, ends)
            account = Account([part.heard for part in parts], film, moments.decoding)
            start = max(first.start, 0.0)
            image = seen[0].image
            starts = [max(part.start, 0.0) for part in parts]
            if not account.keep(item.id, start, first.length, seen, starts) or image is None:
                raise account.refusal(item.path, MediaError(item.path, "no picture"))
            yield replace(moments.clip(item.id, item.path, facts, image, sound), start=start)
            return account.notes()

    def _part(
        self, path: str, seen: Mapping[str, Any], film: Film | None, facts: Mapping[str, Any], at: float | None
    ) -> "_Part":
        """What is heard of one recording: the middle of what has a picture, and in any case the moment `at` of its own."""
        moments, own = self.moments, facts.get("name") == seen.get("name")
        if own:
            heard = heard_of(film, self.root, facts, moments.rate, moments.decoding.channels)
        else:
            with watched(self.root, facts["path"]) as other:
                heard = heard_of(other, self.root, facts, moments.rate, moments.decoding.channels)
        length = min(len(heard.waveform), moments.samples)
        if own and film is not None and not moments.first and len(heard.waveform) > moments.samples:
            start = self._around(film, heard, at)
            if start is not None:
                return _Part(heard, own, start / moments.rate, heard.cut(start, moments.samples), moments.seconds)
        middle = 0.0 if moments.first else (len(heard.waveform) - moments.samples) / 2 / moments.rate
        return _Part(heard, own, middle, moments.middle(path, heard.waveform), length / moments.rate)

    def _around(self, film: Film, heard: Heard, at: float | None) -> int | None:
        """The first sample of a clip that is not the middle of the sound: that has no picture, or not the moment `at`."""
        moments = self.moments
        first, last = shared_by(film, heard) if at is None else (0.0, heard.seconds)
        middle = (len(heard.waveform) - moments.samples) / 2 / moments.rate
        if at is None:
            if (first, last) == (0.0, heard.seconds) or last - first < moments.seconds:
                return None
            return round((first + last - moments.seconds) / 2 * moments.rate)
        if middle <= at <= middle + moments.seconds or at > last + WHOLE:
            return None
        return round(min(max(at - moments.seconds / 2, 0.0), last - moments.seconds) * moments.rate)


class _Part(NamedTuple):
    """What is heard of one recording: `sound`, from `start` on (s, less than 0 where it is repeated), `length` s of its own.

    own: it is the recording that is seen.
    """

    heard: Heard
    own: bool
    start: float
    sound: NDArray[np.int16]
    length: float


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

    def read(self, item: Item) -> Clips:
        check_there(item)
        facts, samples = item.facts, self.moments.samples
        with watched(self.root, facts["path"]) as film:
            heard = heard_of(film, self.root, facts, self.moments.rate, self.moments.decoding.channels)
            if not len(heard.waveform):
                raise MediaError(item.path, "no sound", "it has no samples")
            if film is None and self.fps > 1:
                raise MediaError(
                    item.path, "one frame a second", f"its pictures are no video, and {self.fps} were asked for"
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
                few = f"not one clip of {self.seconds} s has both sound and picture"
                raise account.refusal(item.path, MediaError(item.path, "too short", few))
            return account.notes(whole=count < self.count)

    def _is_kept(self, item: Item, n: int, heard: Heard, account: Account, frames: list[Seen], first: float) -> bool:
        """first: when the first frame of the clip is taken, s. A clip whose sound ended before is left out."""
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
            boxes += [
                Box((x1, y1, x2, y2), frame, c, True) for x1, y1, x2, y2, c in facts.get("boxes", {}).get(known, ())
            ]
        return Clip(
            id=self._name(item, n),
            video=facts["video"],
            split="",
            start=float(start),
            frames=np.stack([self.moments.square(frame.image) for frame in frames if frame.image is not None]),
            frame_keys=tuple(keys),
            waveform=sound,
            labels=tuple(sorted({*facts.get("labels", ()), *heard, *(box.label for box in boxes)})),
            boxes=tuple(boxes),
            annotated=tuple(annotated),
        )
