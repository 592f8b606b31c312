"""Frames of a video by time: the frame that a viewer would see at that moment, whatever the frame rate.

Time zero is the first frame of the picture. Decoding runs once through the file, in one thread, and converts only the
frames kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from avloc.prepare.media.container import MediaError, in_one_thread, in_seconds, open_media, video_stream

TOLERANCE = 0.001  # s: containers round time stamps, WebM to whole milliseconds

# A triangle filter as wide as the reduction, so antialiased, as PIL's BILINEAR; without the further flags swscale
# takes every second chroma sample and rounds down.
FILTER = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)


@dataclass(frozen=True)
class Probe:
    """What a video file says of itself: seconds, pixels as stored (before rotation), frames a second, Hz.

    frame_rate is None where the file does not say, sound_rate where there is no sound.
    """

    duration: float
    width: int
    height: int
    frame_rate: float | None
    sound_rate: int | None


class Shown(NamedTuple):
    """A decoded frame, on display from `start` to `end`, in seconds from the first frame."""

    frame: VideoFrame
    start: float
    end: float

    def lasts_to(self, time: float) -> bool:
        return time <= self.end + TOLERANCE


def probe(path: str | Path) -> Probe:
    """Duration, size and rates, without decoding; a duration missing from the header is read from the packets."""
    with open_media(path) as container:
        stream = _picture(path, container)
        duration = in_seconds(stream.duration, stream.time_base) or None
        if duration is None and container.duration:
            duration = container.duration / 1_000_000  # FFmpeg counts in microseconds here
        if duration is None:
            duration = _last_packet_end(container, stream)
        sound = container.streams.audio[0] if container.streams.audio else None
        rate = stream.average_rate
        return Probe(
            duration=duration,
            width=stream.width,
            height=stream.height,
            frame_rate=float(rate) if rate else None,
            sound_rate=sound.rate if sound else None,
        )


def _last_packet_end(container: InputContainer, stream: VideoStream) -> float:
    start, end, last = stream.start_time or 0, 0, 0
    for packet in container.demux(stream):
        if packet.pts is not None:
            last = packet.duration or max(packet.pts - end, last)
            end = max(end, packet.pts)
    return in_seconds(end + last - start, stream.time_base) or 0.0


def read_frames(path: str | Path, times: Sequence[float], size: int) -> NDArray[np.uint8]:
    """The frames on display at `times` (s, in any order), RGB, resized to size x size: (n, size, size, 3).

    The aspect is not kept. Rotation metadata is honoured. Before the first frame stands the first, after the end the
    last.
    """
    order = np.argsort(np.asarray(times, dtype=float), kind="stable")
    frames = np.empty((len(order), size, size, 3), np.uint8)
    with open_media(path) as container:
        square = Square(size)
        for i, shown in zip(order, on_display(path, container, (float(times[i]) for i in order)), strict=True):
            frames[i] = square(shown.frame)
    return frames


def on_display(path: str | Path, container: InputContainer, times: Iterable[float]) -> Iterator[Shown]:
    """For each of the rising `times` (s) the frame on display; after the end of the video the last."""
    stream = _picture(path, container)
    in_one_thread(path, stream)
    frames = _timed(container, stream)
    shown = next(frames, None)
    if shown is None:
        raise MediaError(path, "no picture", "not one frame could be decoded")
    following = next(frames, None)
    for time in times:
        while following is not None and following.start <= time + TOLERANCE:
            shown, following = following, next(frames, None)
        yield shown


def squares_at(path: str | Path, times: Sequence[float], size: int) -> Iterator[NDArray[np.uint8]]:
    """The frames on display at the rising `times` (s), RGB (size, size, 3), as far as the picture lasts."""
    square = Square(size)
    with open_media(path) as container:
        for time, shown in zip(times, on_display(path, container, times), strict=True):
            if not shown.lasts_to(time):
                return
            yield square(shown.frame)


def _timed(container: InputContainer, stream: VideoStream) -> Iterator[Shown]:
    """The frames by rising start; one that comes too late is passed over."""
    rate = stream.average_rate or stream.guessed_rate
    step = 1 / float(rate) if rate else 1 / 30
    zero, start = None, -step
    for frame in container.decode(stream):
        stamp = in_seconds(frame.pts, frame.time_base)
        if zero is None:
            zero = stamp or 0.0
        time = start + step if stamp is None else stamp - zero
        if time > start:
            start = time
            yield Shown(frame, start, start + (in_seconds(frame.duration, frame.time_base) or step))


def _picture(path: str | Path, container: InputContainer) -> VideoStream:
    stream = video_stream(container)
    if stream is None:
        raise MediaError(path, "no picture", "the file has no video track")
    return stream


class Square:
    """Turns decoded frames into upright RGB squares; a frame shown twice in a row is converted once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._reformatter = VideoReformatter()
        self._last: tuple[VideoFrame, NDArray[np.uint8]] | None = None

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(size, size, 3) uint8."""
        if self._last is not None and self._last[0] is frame:
            return self._last[1]
        resized = self._reformatter.reformat(
            frame, width=self.size, height=self.size, format="rgb24", interpolation=FILTER, threads=1
        )
        # in a square, turning after the resize is the same as before it, and cheaper
        image = np.rot90(resized.to_ndarray(), round(frame.rotation / 90)).astype(np.uint8, copy=False)
        self._last = (frame, image)
        return image
