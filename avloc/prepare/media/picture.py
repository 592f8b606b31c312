"""Frames of a video by time: the frame that a viewer would see at that moment, whatever the frame rate.

Time zero is that of the file (see `timeline`): the first picture or the first sound, whichever is earlier. Decoding
runs once through the file, in one thread, and only converts the frames that are kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avloc.prepare.media.container import MediaError, in_seconds, open_media, video_stream
from avloc.prepare.media.film import Film, open_film
from avloc.prepare.media.plain import all_frames
from avloc.prepare.media.shown import TOLERANCE, Shown
from avloc.prepare.media.skipping import Unsure, can_skip, wanted_frames
from avloc.prepare.media.square import Square

#: s; a picture that starts later than the sound by no more than this is shown before its start, as players do. Half a second,
#: plus the priming that an encoder adds if a container does not remove it
LATE = 0.6


@dataclass(frozen=True)
class Probe:
    """The header of a video file: seconds, pixels as stored (before rotation), frames per second, Hz.

    frame_rate is None if the file does not state it, sound_rate if there is no sound.
    """

    duration: float
    width: int
    height: int
    frame_rate: float | None
    sound_rate: int | None


def probe(path: str | Path) -> Probe:
    """Duration, size and rates, without decoding; a duration missing from the header is read from the packets."""
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise MediaError(path, "no picture", "the file has no video track")
        duration = in_seconds(stream.duration, stream.time_base) or None
        if duration is None and container.duration:
            duration = container.duration / 1_000_000  # FFmpeg counts in microseconds here
        rate = float(stream.average_rate) if stream.average_rate else None
        # for a Matroska file without a rate, FFmpeg reports one frame per tick
        guessed = rate is not None and not 0.01 < rate < 500
        if duration is None or guessed:
            clock = Film(Path(path), container).clock
            duration = duration or (clock.picture_to or 0.0) - (clock.picture_from or 0.0)
            rate = 1 / clock.period if guessed and clock.period else rate
        sound = container.streams.audio[0] if container.streams.audio else None
        return Probe(
            duration=duration,
            width=stream.width,
            height=stream.height,
            frame_rate=rate,
            sound_rate=sound.rate if sound else None,
        )


def read_frames(path: str | Path, times: Sequence[float], size: int) -> NDArray[np.uint8]:
    """The frames on display at `times` (s, in any order), RGB, resized to size x size: (n, size, size, 3).

    The aspect ratio is not kept. Rotation and mirroring in the metadata are applied. Before the first frame the first
    is used, after the end the last. MediaError if a frame is broken.
    """
    order = np.argsort(np.asarray(times, dtype=float), kind="stable")
    frames = np.empty((len(order), size, size, 3), np.uint8)
    with open_film(path) as film:
        square = Square(size)
        for i, shown in zip(order, on_display(film, (float(times[i]) for i in order)), strict=True):
            if shown.made_up:
                raise MediaError(path, "cannot be decoded", f"the picture at {times[i]:.2f} s is broken")
            frames[i] = square(shown.frame)
    return frames


def on_display(film: Film, times: Iterable[float]) -> Iterator[Shown]:
    """The frame on display at each of the rising `times` (s); before the picture starts the first, after its end the last."""
    film.begin(film.video, "no picture")
    times = list(times)
    done = 0
    if can_skip(film):
        try:
            for shown in wanted_frames(film, times):
                yield shown
                done += 1
        except Unsure:  # then all frames are decoded, which is slower but always correct
            pass
        if done == len(times):
            return
    film.begin(film.video, "no picture")
    yield from all_frames(film, times[done:])


class Seen(NamedTuple):
    """A square frame, (size, size, 3) uint8 RGB; None before the picture starts. made_up: it replaces a broken one."""

    image: NDArray[np.uint8] | None
    made_up: bool = False


def squares_at(film: Film, times: Sequence[float], size: int) -> Iterator[Seen]:
    """The frames on display at the rising `times` (s), until the picture ends.

    A picture that starts at most LATE after the file is shown from the beginning; before a later start there is none.
    """
    square = Square(size)
    for time, shown in zip(times, on_display(film, times), strict=True):
        if not shown.lasts_to(time):
            return
        begun = shown.since <= LATE or time >= shown.since - TOLERANCE
        yield Seen(square(shown.frame), shown.made_up) if begun else Seen(None)
