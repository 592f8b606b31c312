"""The sound of a file as one mono waveform on the file's clock."""

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
    stream = film.begin(film.audio, "no sound track")
    track = film.sound
    assert track is not None
    placer, mixer = Placer(rate), Mixer(channels)
    alone: float | None = None  # s of the first sample, where there is no picture
    failed, native = 0, 0
    changed: tuple[float, str] | None = None  # s of the first sample of another rate
    for place, frames in film.decoded(stream):
        if isinstance(frames, Broken):
            failed += 1
            missed = float(track.seconds(track.pts[place])) - film.clock.zero - (alone or 0.0)
            placer.miss(None if np.isnan(missed) else missed, float(track.duration[place]) * track.tick)
            continue
        for frame in frames:
            at = film.time_of(frame, track)
            native = native or frame.sample_rate
            if frame.sample_rate != native and changed is None:
                changed = placer.heard, f"its sound changes from {native} to {frame.sample_rate} Hz"
            if film.video is None and at is not None:
                alone = at if alone is None else alone
                at -= alone
            placer.add(at, frame.sample_rate, mixer(frame))
            if placer.silence > max(600.0, placer.heard):
                raise MediaError(
                    film.path, "time stamps jump", f"they leave {placer.silence:.0f} s of its sound silent"
                )
    waveform = placer.finish()
    if waveform is None:
        if failed:
            raise MediaError(film.path, "cannot be decoded", f"none of {failed} packets of its sound")
        raise MediaError(film.path, "no sound track", "the track is empty")
    if changed is not None:
        # stamps that a demuxer counted by the first rate do not say when the rest is heard
        start, what = changed
        if overlap(placer.gaps, start, placer.heard) > TORN * (placer.heard - start):
            raise MediaError(film.path, "cannot be decoded", what)
    return Heard(waveform, rate, placer.gaps, placer.broken, failed, mixer.cancels)
