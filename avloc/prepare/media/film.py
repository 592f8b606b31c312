"""An open file: its packets, read once and placed on one time line, and the frames decoded from them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from avloc.prepare.media.container import MediaError, in_one_thread, in_seconds, open_media, video_stream
from avloc.prepare.media.packets import NONE, Track, demuxed, read_tracks
from avloc.prepare.media.timeline import Clock, Jump, read_clock, settle

LATEST_START = 600.0  # s between the starts of picture and sound; a larger difference means a broken time stamp
LEAST_RATE = 100  # Hz of a sound; less holds nothing that can be heard
CUT_OFF = 1.0  # s by which the packets may fall short of the header's duration


@dataclass(frozen=True)
class Broken:
    """Takes the place of the frames of a packet that cannot be decoded. built_on: other pictures may refer to it."""

    built_on: bool


class Film:
    """The first video stream that is not a cover image, and the first sound, of a file.

    picture, sound: their packets, None if there is no such stream. clock: when they start and end. track: the sound
    track, counted from 1; MediaError if the file has fewer.
    """

    def __init__(self, path: Path, container: InputContainer, track: int | None = None) -> None:
        self.path, self.container = path, container
        self.broken: set[int] = set()  # packets of the picture that could not be decoded
        self.video = video_stream(container)
        self.audio = _sound_track(path, container, track)
        streams: list[Stream] = [stream for stream in (self.video, self.audio) if stream is not None]
        tracks, self._packets = read_tracks(container, streams)
        by_index = dict(zip((stream.index for stream in streams), tracks, strict=True))
        self.picture = None if self.video is None else by_index[self.video.index]
        self.sound = None if self.audio is None else by_index[self.audio.index]
        if self.sound is not None and container.format.name == "avi":
            self.sound.only_count()
        try:
            settle(self.picture, self.sound)
        except Jump as jump:
            raise MediaError(path, "time stamps jump", str(jump)) from None
        self.clock = self._clock()
        apart = (self.clock.sound_from or 0.0) - (self.clock.picture_from or 0.0)
        if self.video is not None and self.audio is not None and abs(apart) > LATEST_START:
            raise MediaError(path, "cannot be decoded", f"its sound starts {apart:.0f} s after the picture")

    def _clock(self) -> Clock:
        rate = self.audio.codec_context.sample_rate if self.audio is not None and self.audio.codec_context else 0
        usual = None
        if self.video is not None and (often := self.video.average_rate or self.video.guessed_rate):
            usual = 1 / float(often) if 0.01 < often < 500 else None
        return read_clock(self.picture, self.sound, rate, self._stated_to(), self._is_whole(), usual)

    def _stated_to(self) -> float | None:
        """The end of the picture by the header, in the file's seconds."""
        if self.video is None:
            return None
        start = in_seconds(self.video.start_time, self.video.time_base) or 0.0
        length = in_seconds(self.video.duration, self.video.time_base)
        return None if length is None else start + length

    def _is_whole(self) -> bool:
        """Whether the packets reach as far as the header states, so that nothing is truncated."""
        reached = 0.0
        for track in (self.picture, self.sound):
            if track is not None and (track.pts != NONE).any():
                reached = max(
                    reached, float((track.pts[track.pts != NONE].max() + int(track.duration[-1])) * track.base)
                )
        start = (self.container.start_time or 0) / av.time_base
        stated = None if self.container.duration is None else start + self.container.duration / av.time_base
        return stated is None or reached >= stated - CUT_OFF

    def begin(self, stream: Stream | None, missing: str) -> Stream:
        """A stream, ready to be decoded from its first packet. MediaError with the reason `missing` if it is None."""
        if stream is None:
            what = "the file has no video track" if missing == "no picture" else ""
            raise MediaError(self.path, missing, what)
        if stream.codec_context is not None and stream.codec_context.is_open:
            stream.codec_context.flush_buffers()
        else:
            in_one_thread(self.path, stream)
        return stream

    def last_picture(self) -> float:
        """When the last picture is shown, by its packet, s."""
        if self.picture is None:
            return 0.0
        known = ~self.picture.discard & (self.picture.pts != NONE)
        known[self.picture.repeats] = False
        if not known.any():
            return 0.0
        return float(self.picture.pts[known].max()) * self.picture.tick - self.clock.zero

    @contextmanager
    def packets(self, stream: Stream) -> Iterator[tuple[Stream, Iterator[tuple[int, Packet]]]]:
        """The stream to decode with, and its packets with their positions; time stamps are those of the track."""
        if self._packets is not None:
            own = (packet for packet in self._packets if packet.stream_index == stream.index)
            yield stream, self._stamped(stream, own)
            return
        with open_media(self.path) as container:
            again = container.streams[stream.index]
            in_one_thread(self.path, again)
            streams = [container.streams[one.index] for one in (self.video, self.audio) if one is not None]
            own = (packet for packet in demuxed(container, streams) if packet.stream_index == stream.index)
            yield again, self._stamped(again, own)

    def _stamped(self, stream: Stream, packets: Iterator[Packet]) -> Iterator[tuple[int, Packet]]:
        track = self.picture if stream.type == "video" else self.sound
        assert track is not None
        for place, packet in zip(range(len(track)), packets, strict=False):
            if track.changed:
                pts, dts = int(track.pts[place]), int(track.dts[place])
                packet.pts, packet.dts = (None if pts == NONE else pts), (None if dts == NONE else dts)
            yield place, packet

    def decoded(self, stream: Stream) -> Iterator[tuple[int, Sequence[Any] | Broken]]:
        """The frames of each packet in turn, with its position; at the end, the frames that the decoder still holds."""
        with self.packets(stream) as (own, packets):
            place = -1
            for place, packet in packets:
                if not packet.size:  # a decoder would take it for the end
                    yield place, ()
                    continue
                try:
                    yield place, packet.decode()
                except av.error.FFmpegError:
                    heads = self.picture.heads if self.picture is not None and own.type == "video" else ()
                    yield place, Broken(heads[place].is_built_on if heads else True)
            try:
                context: Any = own.codec_context
                yield place + 1, context.decode(None)
            except av.error.FFmpegError:
                return

    def time_of(self, frame: VideoFrame | AudioFrame, track: Track) -> float | None:
        """The start of a decoded frame, in seconds from `clock.zero`; None if it is unknown."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        return None if stamp is None else stamp * track.tick - self.clock.zero


def _sound_track(path: Path, container: InputContainer, track: int | None) -> Any:
    tracks = container.streams.audio
    if track is None and not tracks:
        return None
    number = 1 if track is None else track
    if not 1 <= number <= len(tracks):
        found = f"it has {len(tracks)}" if tracks else "it has none"
        raise MediaError(path, f"no sound track {track}", found)
    chosen = tracks[number - 1]
    rate = 0 if chosen.codec_context is None else chosen.codec_context.sample_rate
    if 0 < rate < LEAST_RATE:
        raise MediaError(
            path, "cannot be decoded", f"its sound has a rate of {rate} Hz; expected at least {LEAST_RATE}"
        )
    return chosen


@contextmanager
def open_film(path: str | Path, track: int | None = None) -> Iterator[Film]:
    """An open file. MediaError if it cannot be read, or if its time stamps do not tell which sound belongs to which picture.

    track: the sound track, counted from 1; None takes the first.
    """
    with open_media(path) as container:
        yield Film(Path(path), container, track)
