"""The sound of a file as one mono waveform on the file's clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.prepare.media.channels import Mixer
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Broken, Film, open_film
from avloc.prepare.media.placing import Placer, Spans, clipped, overlap
from avloc.prepare.media.placing import to_int16 as to_int16

TORN = 0.1  # share of what follows a change of the rate that may be silent
WHOLE = 0.01  # s that a clip's sound may lack; silence takes their place


@dataclass(frozen=True)
class Heard:
    """A mono waveform, whose sample 0 is heard at the time 0 of its file.

    gaps: from when to when (s) there is silence because the file has nothing there, broken packets among it. broken: from
    when to when it stands for broken packets. packets: how many were broken. cancels: the channels are opposed, so that
    next to nothing is left of them.
    """

    waveform: NDArray[np.int16]
    rate: int
    gaps: Spans = ()
    broken: Spans = ()
    packets: int = 0
    cancels: bool = False

    @property
    def seconds(self) -> float:
        return len(self.waveform) / self.rate

    def cut(self, start: int, samples: int) -> NDArray[np.int16]:
        """So many samples from `start` on; silence where the sound has ended."""
        piece = self.waveform[start : start + samples]
        return np.pad(piece, (0, samples - len(piece))) if len(piece) < samples else piece

    def clips(self, samples: int) -> int:
        """Consecutive clips of this length that are whole, but for WHOLE of the last one."""
        return (len(self.waveform) + round(WHOLE * self.rate)) // samples

    def within(self, start: float, stop: float) -> "Heard":
        """What is heard between two moments (s), as if it were all. packets: those of all of it, if any of them is there."""
        first, last = round(start * self.rate), round(stop * self.rate)
        broken = clipped(self.broken, start, stop)
        packets = self.packets if broken else 0
        return Heard(
            self.waveform[first:last], self.rate, clipped(self.gaps, start, stop), broken, packets, self.cancels
        )

    def silence(self, start: float, stop: float) -> float:
        """Seconds of it, between two moments, that fill a gap."""
        return overlap(self.gaps, start, stop)

    def made_up(self, start: float, stop: float) -> float:
        """Seconds of it, between two moments, that stand for broken packets."""
        return overlap(self.broken, start, stop)


def read_sound(path: str | Path, rate: int, channels: str = "mean") -> NDArray[np.int16]:
    """The sound of a file, see `hear`: (S,) at `rate` Hz."""
    return hear_file(path, rate, channels).waveform


def hear_file(path: str | Path, rate: int, channels: str = "mean") -> Heard:
    """The sound of a file that is not open, see `hear`."""
    with open_film(path) as film:
        return hear(film, rate, channels)


def hear(film: Film, rate: int, channels: str = "mean") -> Heard:
    """The first sound track, its channels made one, resampled to `rate` Hz by soxr's HQ setting.

    By the stamps of its packets: what lies before time 0 is left out, gaps become silence, what overlaps is left out. A
    sound alone starts with its first sample, whatever its stamp: FFmpeg's for Vorbis are half a block late. S is round(samples
    * rate / rate of the file), samples counted from time 0.
    """
    heard = _Listening(film, rate, channels)
    for _ in heard:
        pass
    placer = heard.placer
    waveform = placer.finish()
    if waveform is None:
        heard.refuse()
    assert waveform is not None
    if heard.changed is not None:
        # stamps that a demuxer counted by the first rate do not say when the rest is heard
        start, what = heard.changed
        if overlap(placer.gaps, start, placer.heard) > TORN * (placer.heard - start):
            raise MediaError(film.path, "cannot be decoded", what)
    return Heard(waveform, rate, placer.gaps, placer.broken, heard.failed, heard.mixer.cancels)


def sound_pieces(film: Film, rate: int, channels: str = "mean") -> Iterator[NDArray[np.int16]]:
    """The waveform of `hear` piece by piece, for sound too long to be held: pieces of a second or so, (n,).

    What `hear` judges by the whole sound is not judged here: a rate that changes against the stamps is followed, and a rest
    that is mostly broken stays as silence.
    """
    heard = _Listening(film, rate, channels)
    some = False
    for _ in heard:
        piece = heard.placer.take()
        some |= len(piece) > 0
        if len(piece):
            yield piece
    rest = heard.placer.finish()
    if rest is None and not some:
        heard.refuse()
    if rest is not None and len(rest):
        yield rest


class _Listening:
    """Decodes the sound track of a film into a Placer; iterating goes on packet by packet.

    failed: packets that could not be decoded. changed: when the rate of the file changed (s), and in words how.
    """

    def __init__(self, film: Film, rate: int, channels: str) -> None:
        self.film, self.placer, self.mixer = film, Placer(rate), Mixer(channels)
        self.failed = 0
        self.changed: tuple[float, str] | None = None
        self._stream = film.begin(film.audio, "no sound track")

    def __iter__(self) -> Iterator[None]:
        film, placer, track = self.film, self.placer, self.film.sound
        assert track is not None
        alone: float | None = None  # s of the first sample, where there is no picture
        native = 0
        for place, frames in film.decoded(self._stream):
            if isinstance(frames, Broken):
                self.failed += 1
                missed = float(track.seconds(track.pts[place])) - film.clock.zero - (alone or 0.0)
                placer.miss(None if np.isnan(missed) else missed, float(track.duration[place]) * track.tick)
                continue
            for frame in frames:
                at = film.time_of(frame, track)
                native = native or frame.sample_rate
                if frame.sample_rate != native and self.changed is None:
                    self.changed = placer.heard, f"its sound changes from {native} to {frame.sample_rate} Hz"
                if film.video is None and at is not None:
                    alone = at if alone is None else alone
                    at -= alone
                placer.add(at, frame.sample_rate, self.mixer(frame))
                if placer.silence > max(600.0, placer.heard):
                    raise MediaError(
                        film.path, "time stamps jump", f"they leave {placer.silence:.0f} s of its sound silent"
                    )
            yield

    def refuse(self) -> None:
        """MediaError for a track that held nothing to hear."""
        if self.failed:
            raise MediaError(self.film.path, "cannot be decoded", f"none of {self.failed} packets of its sound")
        raise MediaError(self.film.path, "no sound track", "the track is empty")
