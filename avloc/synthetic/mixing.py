"""From melodies to the recorded sound: room, noise, and a level that reveals neither class nor number of sources."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from avloc.synthetic.melodies import Melody
from avloc.synthetic.sounds import SOUND_RATE, TIMBRES, Wave, clock_of


def record(sources: Sequence[tuple[str, Melody]], seconds: float, rng: Generator) -> Wave:
    """The mixture of the sources (class, melody), in [-1, 1], (seconds * SOUND_RATE,); its RMS is -32 to -16 dBFS."""
    count = round(seconds * SOUND_RATE)
    mixture = np.zeros(count, np.float32)
    for name, melody in sources:
        dry = _softened(_levelled(TIMBRES[name](clock_of(melody, seconds), rng)))
        mixture += _levelled(dry) * np.float32(10 ** (rng.uniform(-3, 3) / 20))
    mixture = _levelled(_reverberated(_levelled(mixture), rng))
    mixture += _noise(count, rng) * np.float32(10 ** (-rng.uniform(8, 30) / 20))
    return _at_level(mixture, 10 ** (rng.uniform(-32, -16) / 20))


def rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def _levelled(wave: Wave) -> Wave:
    return wave / np.float32(rms(wave) + 1e-9)


def _softened(wave: Wave) -> Wave:
    """Peaks compressed below about 3.5 times the RMS, so that a drum can be as loud as an accordion without clipping."""
    return np.tanh(wave / np.float32(3.5)) * np.float32(3.5)


def _at_level(wave: Wave, level: float) -> Wave:
    for _ in range(3):
        wave = np.tanh(wave * np.float32(level / rms(wave)))
    return np.clip(wave * np.float32(level / rms(wave)), -1, 1)


def _reverberated(wave: Wave, rng: Generator) -> Wave:
    """A tail of decaying noise, 0.1 to 0.35 s to 1/1000, mixed in at random strength."""
    decay = rng.uniform(0.1, 0.35)
    tail = np.arange(round(decay * SOUND_RATE), dtype=np.float32) / np.float32(SOUND_RATE)
    room = rng.standard_normal(len(tail), np.float32) * np.exp(tail * np.float32(-6.9 / decay))
    room *= np.float32(rng.uniform(0.1, 0.6)) / np.float32(np.sqrt(np.sum(room**2)))
    room[0] += 1
    size = next_fast_len(len(wave) + len(room), real=True)
    return irfft(rfft(wave, size) * rfft(room, size), size)[: len(wave)].astype(np.float32)


def _noise(count: int, rng: Generator) -> Wave:
    """Coloured noise of RMS 1, in 30 % of cases with mains hum."""
    size = next_fast_len(count, real=True)
    frequency = np.maximum(rfftfreq(size, 1 / SOUND_RATE), 20).astype(np.float32)
    spectrum = rfft(rng.standard_normal(size, np.float32)) * frequency ** np.float32(-rng.uniform(0, 1))
    noise = _levelled(irfft(spectrum, size)[:count].astype(np.float32))
    if rng.random() < 0.3:
        t = np.arange(count, dtype=np.float32) / np.float32(SOUND_RATE)
        mains = rng.choice([50.0, 60.0])
        noise = noise + sum(np.float32(0.5 / k) * np.sin(np.float32(2 * np.pi * mains * k) * t) for k in (1, 2, 3))
    return _levelled(noise)
