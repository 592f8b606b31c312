"""One clip of each recording: a frame, and the stretch of sound around it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film
from avloc.prepare.media.sound import WHOLE, Heard
from avloc.prepare.parts.account import UNHEARD, Account
from avloc.prepare.parts.items import Clips, Item
from avloc.prepare.parts.moments import Moments
from avloc.prepare.parts.recordings import check_there, see
from avloc.prepare.parts.watching import heard_of, shared_by, watched


@dataclass(frozen=True)
class OneMoment:
    """One clip of each recording: a frame, and the stretch of sound that `moments` selects.

    at: time of the frame, s; None: the middle of the sound. number: of the picture in a folder; None: the middle one.
    facts["sounds"]: recordings whose mixed sounds replace its own.
    """

    root: Path
    moments: Moments
    at: float | None = None
    number: int | None = None

    def read(self, item: Item) -> Clips:
        check_there(item)
        facts, moments = item.facts, self.moments
        with watched(self.root, facts["path"]) as film:
            # the sound must include the moment of the frame, unless it is that of other recordings
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
        """The used stretch of one recording: the middle of the part that has a picture, and always its own moment `at`."""
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
        """The first sample of a clip that is not in the middle, because the middle has no picture or lacks the moment `at`."""
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
    """The used stretch of one recording: `sound`, from `start` on (s, negative if it is repeated), with `length` s of
    its own.

    own: it is the recording of the frame.
    """

    heard: Heard
    own: bool
    start: float
    sound: NDArray[np.int16]
    length: float


def _together(sounds: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    """Their sum, clipped if it is too loud, as in the released loader of mixed clips."""
    return np.clip(np.sum(sounds, axis=0, dtype=np.int32), -32768, 32767).astype(np.int16)
