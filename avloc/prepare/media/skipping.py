"""Frames by time, decoding only the packets that they need: the same frames, faster.

It is used only if every packet has a distinct time stamp, the file starts with a picture that needs no earlier one, and
the container and the codec are known to store both correctly. Anything unexpected raises Unsure.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from avloc.prepare.media.film import Film
from avloc.prepare.media.packets import NONE, Track
from avloc.prepare.media.shown import TOLERANCE, Shown

CONTAINERS = ("mov", "matroska")
CODECS = ("h264", "hevc", "mpeg4", "vp8", "vp9")


class Unsure(Exception):
    """A frame did not come out as its packets suggest."""


def can_skip(film: Film) -> bool:
    track, stream = film.picture, film.video
    if track is None or stream is None or stream.codec_context is None or not len(track) or track.changed or track.lost:
        return False
    named = film.container.format.name.split(",")[0]
    if named not in CONTAINERS or stream.codec_context.name not in CODECS or not track.anew[0]:
        return False
    in_order = (track.pts != NONE).all() and len(np.unique(track.pts)) == len(track)
    return bool(in_order and track.pts[0] == track.pts.min())


def wanted_frames(film: Film, times: Sequence[float]) -> Iterator[Shown]:
    """The frame on display at each of the rising `times` (s), see `picture.on_display`."""
    track, clock = film.picture, film.clock
    assert track is not None and film.video is not None
    shown = np.flatnonzero(~track.discard)
    if not len(shown):
        raise Unsure
    shown = shown[np.argsort(track.pts[shown], kind="stable")]  # positions of the packets, in display order
    starts = track.seconds(track.pts[shown]) - clock.zero
    asked = np.asarray(times, float)
    picks = np.maximum(np.searchsorted(starts, asked + TOLERANCE, side="right") - 1, 0)
    frames = _Decoding(film, track, shown[np.unique(picks)])
    ends = max(float(starts[-1]) + clock.period, clock.picture_to or 0.0)
    for pick in picks.tolist():
        end = ends if pick + 1 == len(starts) else float(starts[pick + 1])
        frame = frames.of(int(shown[pick]))
        yield Shown(frame, float(starts[pick]), end, clock.period / 2, False, float(starts[0]))


class _Decoding:
    """Decodes forward, packet by packet, as frames are requested in display order.

    wanted: positions of the packets whose frames will be requested.
    """

    def __init__(self, film: Film, track: Track, wanted: NDArray[np.intp]) -> None:
        self.film, self.track = film, track
        self.wanted = set(wanted.tolist())
        self.last = max(self.wanted, default=-1)
        self.by_stamp = {int(track.pts[place]): place for place in self.wanted}
        self.found: dict[int, VideoFrame] = {}
        self._frames = self._decode(np.sort(wanted))

    def of(self, place: int) -> VideoFrame:
        """The frame of a packet; frames of packets shown earlier are forgotten."""
        while place not in self.found:
            try:
                made, frame = next(self._frames)
            except StopIteration:
                raise Unsure from None
            self.found[made] = frame
        stamp = self.track.pts[place]
        self.found = {made: frame for made, frame in self.found.items() if self.track.pts[made] >= stamp}
        return self.found[place]

    def _decode(self, wanted: NDArray[np.intp]) -> Iterator[tuple[int, VideoFrame]]:
        needed = _needed(self.track, wanted)
        assert self.film.video is not None
        with self.film.packets(self.film.video) as (stream, packets):
            context, before, heads = stream.codec_context, -1, self.track.heads
            for place, packet in packets:
                if place > self.last:
                    break
                if not needed[place]:
                    continue
                if place != before + 1:
                    yield from self._drained(context)
                before = place
                # a non-reference picture is not even given to the decoder, which would hide its errors
                if place in self.wanted or not heads or heads[place].is_built_on:
                    yield from self._kept(_decoded(packet))
            yield from self._drained(context)

    def _drained(self, context: Any) -> Iterator[tuple[int, VideoFrame]]:
        """The frames that the decoder still holds; afterwards it starts afresh."""
        try:
            yield from self._kept(context.decode(None))
        except av.error.FFmpegError:
            raise Unsure from None
        context.flush_buffers()

    def _kept(self, frames: Sequence[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
        for frame in frames:
            if frame.is_corrupt:
                raise Unsure
            if frame.pts in self.by_stamp:
                yield self.by_stamp[frame.pts], frame


def _decoded(packet: Packet) -> Sequence[VideoFrame]:
    try:
        return packet.decode()
    except av.error.FFmpegError:
        raise Unsure from None


def _needed(track: Track, wanted: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(N,) which packets to decode: for each wanted one, from the last point before it where decoding can start."""
    # a picture that is decoded after the starting one but shown before it depends on earlier ones
    earliest_after = np.minimum.accumulate(track.pts[::-1])[::-1]
    begins = np.flatnonzero(track.anew & (track.pts == earliest_after))
    needed = np.zeros(len(track), bool)
    for place in wanted.tolist():
        before = np.searchsorted(begins, place, side="right") - 1
        needed[(int(begins[before]) if before >= 0 else 0) : place + 1] = True
    return needed
