"""Frames by time from a video that is decoded from its first packet to its last, including broken ones."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from av.video.frame import PictureType, VideoFrame

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Broken, Film
from avloc.prepare.media.packets import NONE
from avloc.prepare.media.shown import TOLERANCE, Shown

AROUND = 16  # packets after a broken one whose pictures may be shown before it and depend on it


@dataclass
class Frames:
    """The frames of a film by rising start; one that comes too late is skipped.

    broken: the times of pictures that could not be decoded. spoiled: since when the pictures depend on a broken one,
    until one that depends on none.
    """

    film: Film
    broken: list[float] = field(default_factory=list)
    spoiled: list[float] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[VideoFrame, float, bool]]:
        """(frame, s when it is first shown, whether it depends on a broken one)."""
        film = self.film
        stream = film.begin(film.video, "no picture")
        track, step, begins = film.picture, film.clock.period, film.clock.picture_from or 0.0
        assert track is not None
        start: float | None = None
        lost = set(track.lost)
        for place, frames in film.decoded(stream):
            if place in lost:
                self._lose(place)
            if isinstance(frames, Broken):
                self._miss(place, frames)
                continue
            for frame in frames:
                time = film.time_of(frame, track)
                if time is None:
                    time = begins if start is None else start + step
                if time < begins - TOLERANCE:  # some decoders still output a picture whose reference is missing
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
        self.film.broken.add(place)
        near = self._near(place)
        at = float(track.seconds(track.pts[place])) - zero
        at = near if math.isnan(at) else at
        self.broken.append(at)
        if broken.built_on:
            self.spoiled.append(near)

    def _lose(self, place: int) -> None:
        """A picture is missing before this packet: the one before it is shown in its place after its own end."""
        track, zero = self.film.picture, self.film.clock.zero
        assert track is not None
        self.film.broken.add(place)
        near = self._near(place)
        before = track.seconds(track.pts[:place]) - zero
        before = before[before < near]
        if len(before):
            last = float(before.max())
            self.broken.append(last + min(self.film.clock.period, (near - last) / 2))
        self.spoiled.append(near)

    def _near(self, place: int) -> float:
        """When the first of the pictures from a packet on is shown, s; in decoding order this may be another packet's."""
        track = self.film.picture
        assert track is not None
        stamps = track.pts[place : place + AROUND]
        stamps = stamps[stamps != NONE]
        return float(stamps.min()) * track.tick - self.film.clock.zero if len(stamps) else -math.inf

    def _is_built_on(self, frame: VideoFrame) -> bool:
        """Whether other pictures refer to this broken frame; its packet is counted."""
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
                self.spoiled.append(start)
            return True
        if frame.key_frame or frame.pict_type == PictureType.I:
            # frames come in display order: a packet that broke meanwhile may be shown after this one
            self.spoiled = [since for since in self.spoiled if since > start]
        return any(since <= start for since in self.spoiled)


def all_frames(film: Film, times: Iterable[float]) -> Iterator[Shown]:
    """The frame on display at each of the rising `times` (s), see `picture.on_display`."""
    made = Frames(film)
    frames = iter(made)
    current = next(frames, None)
    if current is None:
        raise MediaError(film.path, "no picture", "no frame could be decoded")
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
        # packets that gave neither a frame nor an error
        if following is None and start + 2 * period < min(time, lasts):
            made_up = True
        yield Shown(frame, start, end, period / 2, made_up, since)
