"""Eight timbres. Each turns a melody into a waveform and follows the times and accents of its notes.

A source is computed at once: for every sample, a clock has the pitch of the current note, the time since its onset, and so on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from avloc.synthetic.melodies import Melody

SOUND_RATE = 22_050  # Hz
Wave = NDArray[np.floating]


@dataclass(frozen=True)
class Clock:
    """Per sample: time t (s), time since the onset of the note (s), elapsed share of the note, its accent, its pitch (Hz)."""

    t: Wave
    since: Wave
    gone: Wave
    accent: Wave
    pitch: Wave

    def phase(self, factor: float = 1.0, bend: Wave | float = 1.0) -> Wave:
        """Phase (2 pi per cycle) of a tone at `factor` times the pitch, modulated by a ratio per sample."""
        cycles = np.cumsum(self.pitch.astype(np.float64) * bend) * (factor / SOUND_RATE)
        return (2 * np.pi * (cycles % 1)).astype(np.float32)

    def envelope(self, attack: float, decay: float) -> Wave:
        """Rise in `attack` s, decay to 1/e in `decay` s, and release over the last tenth of the note."""
        rise = np.minimum(self.since / np.float32(attack), 1)
        release = np.clip((1 - self.gone) * 10, 0, 1)
        return self.accent * rise * release * np.exp(self.since * np.float32(-1 / decay))


def clock_of(melody: Melody, seconds: float) -> Clock:
    t = np.arange(round(seconds * SOUND_RATE), dtype=np.float32) / np.float32(SOUND_RATE)
    note = np.clip(np.searchsorted(melody.onsets, t, side="right") - 1, 0, None)
    since = np.maximum(t - melody.onsets[note].astype(np.float32), 0)
    gone = since / melody.lengths[note].astype(np.float32)
    return Clock(t, since, gone, melody.accents[note].astype(np.float32), melody.pitches[note].astype(np.float32))


def _partials(phase: Wave, amplitudes: Sequence[Wave | float]) -> Wave:
    """Sum of amplitude k times sin(k phase), k = 1, 2, ..., by powers of one complex tone."""
    turn = np.exp(1j * phase).astype(np.complex64)
    tone, total = turn.copy(), np.zeros_like(phase)
    for amplitude in amplitudes:
        total += amplitude * tone.imag
        tone *= turn
    return total


def _vibrato(clock: Clock, rate: float, depth: float, rng: Generator) -> Wave:
    return 1 + np.float32(depth) * np.sin(np.float32(2 * np.pi * rate) * clock.t + np.float32(rng.uniform(0, 6.28)))


def _hiss(count: int, rng: Generator) -> Wave:
    return rng.standard_normal(count, np.float32)


def guitar(clock: Clock, rng: Generator) -> Wave:
    """Twenty harmonics, all present when plucked; higher ones decay faster."""
    fade = np.exp(clock.since * np.float32(-1.3))
    amplitudes, current = [], clock.envelope(0.003, 0.5)
    for k in range(1, 21):
        amplitudes.append(current * np.float32(k**-0.35))
        current = current * fade
    return _partials(clock.phase(), amplitudes)


def drum(clock: Clock, rng: Generator) -> Wave:
    """A tone that sweeps down, and a burst of noise."""
    deep = rng.uniform(55, 75)
    cycles = deep * clock.since + deep * 1.8 * 0.05 * (1 - np.exp(clock.since / np.float32(-0.05)))
    thump = np.sin(np.float32(2 * np.pi) * cycles) * clock.envelope(0.002, 0.16)
    return 1.2 * thump + 0.7 * _hiss(len(clock.t), rng) * clock.envelope(0.002, 0.05)


def flute(clock: Clock, rng: Generator) -> Wave:
    """Almost a sine, high, with vibrato and breath."""
    phase = clock.phase(4, _vibrato(clock, rng.uniform(4.5, 6), 0.012, rng))
    breath = np.diff(_hiss(len(clock.t), rng), prepend=np.float32(0))
    return (np.sin(phase) + 0.08 * np.sin(2 * phase) + 0.06 * breath) * clock.envelope(0.04, 0.4)


def marimba(clock: Clock, rng: Generator) -> Wave:
    """Three partials of a struck bar, with a fast decay."""
    rest = clock.envelope(0.002, 0.13)
    return (
        np.sin(clock.phase(2)) * rest
        + 0.5 * np.sin(clock.phase(2 * 3.93)) * rest**2
        + 0.25 * np.sin(clock.phase(2 * 9.2)) * rest**4
    )


def horn(clock: Clock, rng: Generator) -> Wave:
    """Seventeen harmonics of a low tone that get brighter at the onset."""
    bright = np.float32(0.4) + np.float32(0.42) * np.minimum(clock.since / np.float32(0.12), 1) * clock.accent
    amplitudes, current = [], clock.envelope(0.03, 0.4)
    for _ in range(17):
        amplitudes.append(current)
        current = current * bright
    return _partials(clock.phase(0.5), amplitudes)


def accordion(clock: Clock, rng: Generator) -> Wave:
    """Two beating reeds with odd harmonics, a third and a fifth, and tremolo."""
    tremolo = 1 + 0.35 * np.sin(np.float32(2 * np.pi * rng.uniform(5.5, 6.5)) * clock.t)
    odd = [k**-0.6 if k % 2 else 0.0 for k in range(1, 14)]
    reeds = [_partials(clock.phase(2 * f), odd) for f in (1.0, 1.007, 1.26, 1.5)]
    return np.sum(reeds, axis=0) * tremolo * clock.envelope(0.02, 0.5)


def harp(clock: Clock, rng: Generator) -> Wave:
    """Harmonics under two formants, with a slow onset and vibrato."""
    bend = _vibrato(clock, rng.uniform(5, 7), 0.008, rng)
    amplitudes = []
    for k in range(1, 19):
        frequency = k * clock.pitch
        formants = np.exp(-(((frequency - 750) / 160) ** 2)) + 0.8 * np.exp(-(((frequency - 2600) / 280) ** 2))
        amplitudes.append((0.03 + formants).astype(np.float32))
    return _partials(clock.phase(1, bend), amplitudes) * clock.envelope(0.06, 0.35)


def gong(clock: Clock, rng: Generator) -> Wave:
    """Frequency modulation at 1 : 1.414, rich at the onset."""
    index = np.float32(5) * np.exp(clock.since * np.float32(-2.5))
    return np.sin(clock.phase(1.0) + index * np.sin(clock.phase(1.414))) * clock.envelope(0.006, 0.7)


TIMBRES = {play.__name__: play for play in (accordion, drum, flute, gong, guitar, harp, horn, marimba)}
