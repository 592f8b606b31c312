"""Places pieces of decoded sound by their time stamps and resamples them."""

from collections.abc import Callable, Iterable

import numpy as np
import soxr
from numpy.typing import NDArray

from avloc.prepare.media.timeline import JITTER

Span = tuple[float, float]
Spans = tuple[Span, ...]
LONG = 1.0  # s
HAIR = 0.001  # s; after a broken packet, a step of the time stamps is meant


class Placer:
    """Builds one waveform at `rate` Hz, from time 0 on, from pieces of any rate in order.

    Samples are counted, and time stamps are only followed if they differ by more than JITTER, because containers round
    them. A gap becomes silence, and overlaps are dropped. If the rate changes, the waveform continues at the same time.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.heard, self.silence = 0.0, 0.0  # s of sound in total, and of silence filled in
        self._gaps: list[Span] = []
        self._broken: list[Span] = []
        self._done: list[NDArray[np.int16]] = []  # finished stretches of other rates
        self._stretch: _Stretch | None = None
        self._next = 0.0  # start of the next piece if it has no time stamp
        self._open: list[Span] = []  # broken packets since the last piece

    @property
    def gaps(self) -> Spans:
        return tuple(self._gaps)

    @property
    def broken(self) -> Spans:
        return tuple(self._broken)

    def miss(self, at: float | None, length: float) -> None:
        """A broken packet, with its time (s, None if unknown) and length."""
        start = self._next if at is None else at
        self._open.append((start, start + length))
        self._next = start + length

    def add(self, at: float | None, native: int, samples: NDArray[np.float32]) -> None:
        """A piece, with its time (s; None: right after the one before) and its rate in Hz."""
        at = self._next if at is None else at
        self._next = at + len(samples) / native
        first = self._stretch is None or self._stretch.now == 0
        if self._stretch is None or self._stretch.native != native:
            self._begin(native)
        assert self._stretch is not None
        now = self._stretch.now
        lag = at - now
        allowed = 0.0 if first else HAIR if self._open else JITTER
        if lag > allowed:
            self._stretch.add(np.zeros(round(lag * native), np.float32))
            if not first:
                self._gaps.append((now, at))
                self.silence += lag
        elif lag < -allowed:
            samples = samples[round(-lag * native) :]
        self._broken += [
            (max(start, now), min(stop, at)) for start, stop in self._open if max(start, now) < min(stop, at)
        ]
        self._open = []
        self._stretch.add(samples)
        self.heard = self._stretch.now

    def take(self) -> NDArray[np.int16]:
        """The part of the waveform that is ready and was not taken before; `finish` then returns only the rest."""
        ready = [*self._done, self._stretch.take()] if self._stretch is not None else self._done
        self._done = []
        return np.concatenate(ready) if ready else np.empty(0, np.int16)

    def finish(self) -> NDArray[np.int16] | None:
        """The waveform; None if there was no piece. Broken packets right after the last piece become silence."""
        if self._stretch is None:
            return None
        now = self._stretch.now
        stop = now
        for start, end in self._open:
            if start > stop + JITTER:
                break
            stop = max(stop, end)
        if stop > now:
            self._stretch.add(np.zeros(round((stop - now) * self._stretch.native), np.float32))
            self._broken.append((now, stop))
            self._gaps.append((now, stop))
        self._done.append(self._stretch.finish(self.rate))
        return self._as_far_as_it_goes(np.concatenate(self._done))

    def _as_far_as_it_goes(self, sound: NDArray[np.int16]) -> NDArray[np.int16]:
        """Without the part after a long gap if most of that is broken: such a gap is the end of the sound."""
        whole = len(sound) / self.rate
        for start, stop in self._gaps:
            if stop - start > LONG and overlap(self._broken, stop, whole) > (whole - stop) / 2:
                self._gaps = [gap for gap in self._gaps if gap[0] < start]
                self._broken = [span for span in self._broken if span[0] < start]
                return sound[: round(start * self.rate)]
        return sound

    def _begin(self, native: int) -> None:
        start = 0.0
        if self._stretch is not None:
            start = self._stretch.now
            self._done.append(self._stretch.finish(self.rate))
        self._stretch = _Stretch(start, native, self.rate)


class _Stretch:
    """Samples of one rate. start: time of the first, in s."""

    def __init__(self, start: float, native: int, rate: int) -> None:
        self.start, self.native = start, native
        self.samples = 0
        self._taken = 0  # samples at the requested rate
        self._resample = _resampler(native, rate)
        self._gathered: list[NDArray[np.float32]] = []
        self._waiting = 0
        self._parts: list[NDArray[np.int16]] = []

    @property
    def now(self) -> float:
        return self.start + self.samples / self.native

    def add(self, samples: NDArray[np.float32]) -> None:
        """Pass a second or more at once to the resampler: a decoder returns about a thousand samples at a time."""
        self._gathered.append(samples)
        self._waiting += len(samples)
        self.samples += len(samples)
        if self._waiting >= self.native:
            self._pass()

    def finish(self, rate: int) -> NDArray[np.int16]:
        """From the first to the last sample, at the requested rate."""
        self._pass()
        self._parts.append(to_int16(self._resample(np.empty(0, np.float32), True)))
        length = (
            round(self.now * rate) - round(self.start * rate)
            if self.start
            else round(self.samples * rate / self.native)
        )
        sound = np.concatenate(self._parts)[: max(length - self._taken, 0)]
        return np.pad(sound, (0, max(length - self._taken, 0) - len(sound)))

    def take(self) -> NDArray[np.int16]:
        """The output of the resampler that was not taken before."""
        ready = np.concatenate(self._parts) if self._parts else np.empty(0, np.int16)
        self._parts = []
        self._taken += len(ready)
        return ready

    def _pass(self) -> None:
        if self._gathered:
            self._parts.append(to_int16(self._resample(np.concatenate(self._gathered), False)))
            self._gathered, self._waiting = [], 0


def _resampler(native: int, rate: int) -> Callable[[NDArray[np.float32], bool], NDArray[np.float32]]:
    """A function of (samples, whether they are the last) that resamples a waveform piece by piece."""
    if native == rate:
        return lambda samples, last: samples
    return soxr.ResampleStream(native, rate, 1, dtype="float32", quality="HQ").resample_chunk


def to_int16(waveform: NDArray[np.floating]) -> NDArray[np.int16]:
    """[-1, 1] to round(32767 x), clipped."""
    return np.clip(np.rint(waveform * 32767), -32768, 32767).astype(np.int16)


def overlap(spans: Iterable[Span], start: float, stop: float) -> float:
    """Seconds that spans overlap with an interval."""
    return sum(max(0.0, min(stop, end) - max(start, begin)) for begin, end in spans)


def clipped(spans: Iterable[Span], start: float, stop: float) -> Spans:
    """The parts of spans in an interval, relative to its start."""
    within = ((max(begin, start) - start, min(end, stop) - start) for begin, end in spans)
    return tuple((begin, end) for begin, end in within if end > begin)
