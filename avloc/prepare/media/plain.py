"""Frames by time out of a video that is decoded from its first packet to its last, whatever is broken in it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from av.video.frame import PictureType, VideoFrame

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Broken, Film
from avloc.prepare.media.packets import NONE
from avloc.prepare.media.shown import TOLERANCE, Shown

AROUND = 16  # packets after a broken one whose pictures may be shown before it and build on it


@dataclass
class _Frames:
    """The frames of a film by rising start; one that comes too late is passed over.

    broken: when pictures would be shown that could not be decoded. spoiled_from: since when what is shown builds on a broken
    one; a picture that builds on none ends that.
    """

    film: Film
    broken: list[float] = field(default_factory=list)
    spoiled_from: float = math.inf

    def __iter__(self) -> Iterator[tuple[VideoFrame, float, bool]]:
        """(frame, s when it is shown first, whether it builds on a broken one)."""
        film = self.film
        stream = film.begin(film.video, "no picture")
        track, step, begins = film.picture, film.clock.period, film.clock.picture_from or 0.0
        assert track is not None
        start: float | None = None
        lost = set(track.lost)
        for place, frames in film.decoded(stream):
            if (
                place in lost
            ):  # the packet is not there, and its stamp not known: what is shown since the last is in doubt
                self._miss(place, Broken(True))
            if isinstance(frames, Broken):
                self._miss(place, frames)
                continue
            for frame in frames:
                time = film.time_of(frame, track)
                if time is None:
                    time = begins if start is None else start + step
                if time < begins - TOLERANCE:  # some decoders make a picture of what refers to one that is not there
                    continue
                if start is None or time > start:
                    start = time
                    yield frame, start, self._is_spoiled(frame, start)

    def _miss(self, place: int, broken: Broken) -> None:
        """A packet could not be decoded."""
        track, zero = self.film.picture, self.film.clock.zero
        assert track is not None
        if place >= len(track):
            return
        near = track.pts[place : place + AROUND]
        near = near[near != NONE]
        at = track.pts[place] if track.pts[place] != NONE else (near[0] if len(near) else NONE)
        if at == NONE:
            self.spoiled_from = -math.inf
            return
        self.broken.append(float(at) * track.tick - zero)
        self.film.broken.add(place)
        if broken.built_on:
            self.spoiled_from = min(self.spoiled_from, float(near.min()) * track.tick - zero)

    def _is_built_on(self, frame: VideoFrame) -> bool:
        """Of a decoded frame that is broken; its packet is counted."""
        track = self.film.picture
        assert track is not None
        places = np.flatnonzero(track.pts == (NONE if frame.pts is None else frame.pts)).tolist()
        if frame.pts is None or not places:
            return True
        self.film.broken.add(places[0])
        return not track.heads or track.heads[places[0]].is_built_on

    def _is_spoiled(self, frame: VideoFrame, start: float) -> bool:
        if frame.is_corrupt:
            if self._is_built_on(frame):
                self.spoiled_from = min(self.spoiled_from, start)
            return True
        if start < self.spoiled_from:
            return False
        if frame.key_frame or frame.pict_type == PictureType.I:
            self.spoiled_from = math.inf
            return False
        return True


def all_frames(film: Film, times: Iterable[float]) -> Iterator[Shown]:
    """For each of the rising `times` (s) the frame on display, see `picture.on_display`."""
    made = _Frames(film)
    frames = iter(made)
    current = next(frames, None)
    if current is None:
        raise MediaError(film.path, "no picture", "not one frame could be decoded")
    since = current[1]
    following = next(frames, None)
    period, ends = film.clock.period, film.clock.picture_to or 0.0
    lasts = film.last_picture()
    for time in times:
        while following is not None and following[1] <= time + TOLERANCE:
            current, following = following, next(frames, None)
        frame, start, spoiled = current
        end = max(start + period, ends) if following is None else following[1]
        made_up = spoiled or any(start < at <= time + TOLERANCE for at in made.broken)
        if following is None and start + 2 * period < min(time, lasts):  # packets that gave no frame and no error
            made_up = True
        yield Shown(frame, start, end, period / 2, made_up, since)
