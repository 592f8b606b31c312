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

TORN = 0.1  # share of the part after a change of the rate that may be silent
WHOLE = 0.01  # s by which a clip's sound may be too short; it is filled with silence


@dataclass(frozen=True)
class Heard:
    """A mono waveform whose sample 0 is at time 0 of its file.

    gaps: start and end (s) of silence where the file has no sound, including broken packets. broken: start and end of
    the silence that replaces broken packets. packets: how many were broken. cancels: the channels are opposed, so that
    almost nothing is left of them.
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
        """`samples` samples from `start` on; silence after the end of the sound."""
        piece = self.waveform[start : start + samples]
        return np.pad(piece, (0, samples - len(piece))) if len(piece) < samples else piece

    def clips(self, samples: int) -> int:
        """Consecutive clips of this length that are complete, except for WHOLE of the last one."""
        return (len(self.waveform) + round(WHOLE * self.rate)) // samples

    def within(self, start: float, stop: float) -> "Heard":
        """The sound between two moments (s), as if it were all. packets: of the whole sound, if the part has any."""
        first, last = round(start * self.rate), round(stop * self.rate)
        broken = clipped(self.broken, start, stop)
        packets = self.packets if broken else 0
        return Heard(
            self.waveform[first:last], self.rate, clipped(self.gaps, start, stop), broken, packets, self.cancels
        )

    def silence(self, start: float, stop: float) -> float:
        """Seconds of silence, between two moments, that fill a gap."""
        return overlap(self.gaps, start, stop)

    def made_up(self, start: float, stop: float) -> float:
        """Seconds of silence, between two moments, that replace broken packets."""
        return overlap(self.broken, start, stop)


def read_sound(path: str | Path, rate: int, channels: str = "mean") -> NDArray[np.int16]:
    """The sound of a file, see `hear`: (S,) at `rate` Hz."""
    return hear_file(path, rate, channels).waveform


def hear_file(path: str | Path, rate: int, channels: str = "mean") -> Heard:
    """The sound of a file that is not open, see `hear`."""
    with open_film(path) as film:
        return hear(film, rate, channels)


def hear(film: Film, rate: int, channels: str = "mean") -> Heard:
    """The first sound track, mixed to one channel, resampled to `rate` Hz with soxr's HQ setting.

    It follows the time stamps of its packets: sound before time 0 is dropped, gaps become silence, overlaps are
    dropped. A file with sound only starts with its first sample, whatever its time stamp: FFmpeg's for Vorbis are half
    a block late. S is round(samples * rate / rate of the file), samples counted from time 0.
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
        # time stamps that a demuxer derived from the first rate do not tell when the rest is heard
        start, what = heard.changed
        if overlap(placer.gaps, start, placer.heard) > TORN * (placer.heard - start):
            raise MediaError(film.path, "cannot be decoded", what)
    return Heard(waveform, rate, placer.gaps, placer.broken, heard.failed, heard.mixer.cancels)


def sound_pieces(film: Film, rate: int, channels: str = "mean") -> Iterator[NDArray[np.int16]]:
    """The waveform of `hear` piece by piece, for sound too long for the memory: pieces of about a second, (n,).

    Decisions of `hear` that need the whole sound are not made here: a rate that changes against the time stamps is
    followed, and a rest that is mostly broken stays as silence.
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
    """Decodes the sound track of a film into a Placer, one packet per iteration.

    failed: packets that could not be decoded. changed: when the rate of the file changed (s), and a description.
    """

    def __init__(self, film: Film, rate: int, channels: str) -> None:
        self.film, self.placer, self.mixer = film, Placer(rate), Mixer(channels)
        self.failed = 0
        self.changed: tuple[float, str] | None = None
        self._stream = film.begin(film.audio, "no sound track")

    def __iter__(self) -> Iterator[None]:
        film, placer, track = self.film, self.placer, self.film.sound
        assert track is not None
        alone: float | None = None  # s of the first sample, if there is no picture
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
        """MediaError for a track without any sound."""
        if self.failed:
            raise MediaError(self.film.path, "cannot be decoded", f"none of {self.failed} packets of its sound")
        raise MediaError(self.film.path, "no sound track", "the track is empty")
