"""Clips of whole videos: the middle of each, or all of it, clip by clip."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Clip
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film
from avloc.prepare.media.picture import Seen, squares_at
from avloc.prepare.media.sound import Heard
from avloc.prepare.parts.account import PADDED, REST, Account
from avloc.prepare.parts.items import Clips, Item
from avloc.prepare.parts.moments import Moments, read_picture, refuse_ambiguous
from avloc.prepare.parts.watching import ends_of, heard_of, middle_start, watched


@dataclass(frozen=True)
class VideoReader:
    """frames: frames per clip, at the middles of equal parts. every: all clips of a video, not just its middle."""

    root: Path
    moments: Moments
    frames: int
    every: bool

    def read(self, item: Item) -> Clips:
        facts, moments = item.facts, self.moments
        refuse_ambiguous(item.path, facts)
        if facts["path"] is None and "still" not in facts:
            raise MediaError(item.path, "missing file")
        with watched(self.root, facts["path"]) as film:
            heard = heard_of(film, self.root, facts, moments.rate, moments.decoding.channels)
            starts = self._starts(item, film, heard)
            times, made = self._times(film, heard, starts), 0
            account = Account([heard], film, moments.decoding)
            shown = self._shown(film, facts, times)
            for number, start in enumerate(starts):
                seen = list(islice(shown, self.frames))
                if len(seen) < self.frames:
                    break
                account.reached(start + moments.samples, moments.rate)
                name = f"{item.id}/{number:03d}" if self.every else item.id
                if not account.keep(name, start / moments.rate, moments.seconds, seen):
                    continue
                made += 1
                self._pad(film, heard, start, account)
                yield self._clip(item, name, start, self._sound(heard, start), seen)
            if not made:
                late = f"it ends before {times[self.frames - 1]:.2f} s"
                raise account.refusal(item.path, MediaError(item.path, "picture too short", late))
            return account.notes(whole=self.every)

    def _starts(self, item: Item, film: Film | None, heard: Heard) -> list[int]:
        """The first sample of each clip."""
        moments, length = self.moments, len(heard.waveform)
        if heard.clips(moments.samples) == 0 and not moments.repeats:
            moments.middle(item.path, heard.waveform)  # raises an error with the length, unless it may be padded
        if self.every and length:
            whole = heard.clips(moments.samples)
            if moments.decoding.tail == "pad":
                # the picture may end first; then it ends in the last clip
                clock = None if film is None else film.clock
                if clock is not None and clock.picture_to is not None:
                    whole = min(whole, int((clock.picture_to + clock.period / 2) / moments.seconds))
                whole += ends_of(film, heard) - whole * moments.seconds >= REST
            return [number * moments.samples for number in range(max(whole, 1))]
        return [middle_start(item.path, film, heard, moments.samples)]

    def _times(self, film: Film | None, heard: Heard, starts: list[int]) -> list[float]:
        """Times of the frames of the clips, s; in a padded clip, only where it has both picture and sound."""
        rate, needed = self.moments.rate, self.moments.samples
        length = needed if len(heard.waveform) >= needed else len(heard.waveform)
        times = [start / rate + length / rate * (n + 0.5) / self.frames for start in starts for n in range(self.frames)]
        if self.moments.decoding.tail != "pad":
            return times
        last = max(ends_of(film, heard), starts[-1] / rate)
        return [min(time, last) for time in times]

    def _sound(self, heard: Heard, start: int) -> NDArray[np.int16]:
        """The sound of a clip; if it will be repeated, the part that exists."""
        needed = self.moments.samples
        if self.moments.repeats and len(heard.waveform) < needed:
            return heard.waveform
        return heard.cut(start, needed)

    def _pad(self, film: Film | None, heard: Heard, start: int, account: Account) -> None:
        """Count how much picture or sound a clip lacks, unless it is repeated."""
        needed, rate = self.moments.samples, self.moments.rate
        lacking = (start + needed) / rate - ends_of(film, heard)
        if (
            self.moments.decoding.tail == "pad"
            and lacking > PADDED
            and not (self.moments.repeats and len(heard.waveform) < needed)
        ):
            account.pad(lacking)

    def _clip(self, item: Item, name: str, start: int, sound: NDArray[np.int16], seen: Sequence[Seen]) -> Clip:
        """With all its frames; boxes belong to the middle frame of a video's only clip."""
        middle, alone = self.frames // 2, not self.every
        pictures = [frame.image for frame in seen if frame.image is not None]
        clip = self.moments.clip(item.id, item.path, item.facts, pictures[0], sound)
        annotated = alone and clip.annotated[0]
        return replace(
            clip,
            id=name,
            start=start / self.moments.rate,
            frames=np.stack(pictures),
            frame_keys=tuple(name if n == middle else "" for n in range(self.frames)),
            labels=tuple(sorted({*clip.labels, *item.facts["labels"]})),
            boxes=tuple(replace(box, frame=middle) for box in clip.boxes) if alone else (),
            annotated=tuple(annotated and n == middle for n in range(self.frames)),
        )

    def _shown(self, film: Film | None, facts: Mapping[str, Any], times: list[float]) -> Iterator[Seen]:
        """Frames of the video; for a file without a video track, of the picture next to it, at all times."""
        if film is not None and not ("still" in facts and film.video is None):
            return squares_at(film, times, self.moments.size)
        still = Seen(self.moments.square(read_picture(self.root, facts["still"])))
        return iter([still] * len(times))
