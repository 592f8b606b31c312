"""Seconds of a video as MUSIC's annotations count them: frames on a grid of 30 per second, whatever the rate of the video."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film
from avloc.prepare.media.picture import Seen, squares_at
from avloc.prepare.media.sound import WHOLE, Heard
from avloc.prepare.parts.account import PADDED, REST, Account
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Clips, Item
from avloc.prepare.parts.moments import refuse_ambiguous
from avloc.prepare.parts.watching import ends_of, heard_of, watched

GRID = 30  # keys per second


@dataclass(frozen=True)
class MusicReader:
    """Whole seconds with both sound and picture; `fps` frames of each (the first has offset 0), size x size."""

    root: Path
    fps: int
    size: int
    rate: int
    decoding: Decoding = field(default_factory=Decoding)

    def offsets(self) -> list[int]:
        """Offsets of the frames in a second, at 30 per second; DSOL's 0, 7, 14, 21 for four."""
        return [GRID // self.fps * i for i in range(self.fps)]

    def read(self, item: Item) -> Clips:
        """Frames are decoded as the clips are requested."""
        facts = item.facts
        refuse_ambiguous(item.path, facts)
        if facts["video"] is None:
            raise MediaError(item.path, "missing file")
        if not facts["labels"]:
            raise MediaError(item.path, "no labels", f"{item.id[:11]} is not in any MUSIC_*_videos.json")
        with watched(self.root, facts["video"]) as film:
            assert film is not None
            heard = heard_of(film, self.root, facts, self.rate, self.decoding.channels)
            account, made = Account([heard], film, self.decoding), 0
            for second, seen in enumerate(self._seconds(film, heard)):
                account.reached((second + 1) * self.rate, self.rate)
                if not account.keep(f"{item.id}/{second:03d}", float(second), 1.0, seen):
                    continue
                lacking = second + 1 - ends_of(film, heard)
                if self.decoding.tail == "pad" and lacking > PADDED:
                    account.pad(lacking)
                made += 1
                frames = np.stack([frame.image for frame in seen if frame.image is not None])
                yield self._clip(item, second, frames, heard.cut(second * self.rate, self.rate))
            if not made:
                few = MediaError(item.path, "too short", "no whole second has both sound and picture")
                raise account.refusal(item.path, few)
            return account.notes(whole=True)

    def _seconds(self, film: Film, heard: Heard) -> Iterator[list[Seen]]:
        """The frames of each second until sound or picture end; a padded one has those while both last."""
        seconds, rest = heard.clips(self.rate), 0.0
        ends = ends_of(film, heard)
        if self.decoding.tail == "pad":
            # the last second may be truncated by the sound or the picture
            seconds = min(seconds, int(ends + WHOLE))
            rest = ends - seconds if ends - seconds >= REST else 0.0
        # the end of each second is requested too: a video that ends before it does not have that second
        offsets = [*self.offsets(), GRID]
        times = [second + offset / GRID for second in range(seconds) for offset in offsets]
        if rest:
            times += [min(seconds + offset / GRID, ends) for offset in offsets]
        shown = squares_at(film, times, self.size)
        while len(seen := list(islice(shown, len(offsets)))) == len(offsets):
            yield seen[:-1]

    def _clip(self, item: Item, second: int, frames: NDArray[np.uint8], waveform: NDArray[np.int16]) -> Clip:
        known = item.facts["boxes"]
        keys = tuple(f"{item.id}/frame_{second:03d}/{GRID * second + offset:05d}.jpg" for offset in self.offsets())
        boxes = tuple(
            Box((x1, y1, x2, y2), frame, label, sounding)
            for frame, key in enumerate(keys)
            for x1, y1, x2, y2, label, sounding in known.get(key, ())
        )
        return Clip(
            id=f"{item.id}/{second:03d}",
            video=item.id,
            split="",
            start=float(second),
            frames=frames,
            frame_keys=keys,
            waveform=waveform,
            labels=tuple(item.facts["labels"]),
            boxes=boxes,
            annotated=tuple(key in known for key in keys),
        )
