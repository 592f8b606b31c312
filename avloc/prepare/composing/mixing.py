"""The sound of a scene: a part of each recording, brought to equal loudness, mixed, and scaled to the drawn level."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

QUIET = 0.25  # share of the loudest part's energy that a part needs to be audible
ROUNDS = 40  # bisection steps, for the gain that gives the level

Wave = NDArray[np.float64]


def draw_start(profile: NDArray[np.float64], hop: float, length: float, seconds: float, draw: float) -> float:
    """Where a clip begins in a recording, in seconds, drawn uniformly from the audible parts.

    profile: energy of each `hop` seconds. length: of the recording, in s; if it is shorter than the clip, the start is
    0 or below, so that silence pads both ends. draw: from [0, 1).
    """
    if length <= seconds:
        return -draw * (seconds - length)
    steps = max(1, round(seconds / hop))
    sums = np.concatenate([[0.0], np.cumsum(profile)])
    last = max(1, len(profile) - steps + 1)
    heard = np.array([sums[min(start + steps, len(profile))] - sums[start] for start in range(last)])
    starts = np.flatnonzero(heard >= QUIET * heard.max())
    number = draw * len(starts)
    start = (starts[int(number)] + number % 1) * hop
    return float(min(start, length - seconds))


def cut_out(sound: NDArray[np.int16], start: float, samples: int, rate: int, repeat: bool) -> Wave:
    """(samples,) in [-1, 1] from `start` (s) on; outside the recording there is silence, or the recording repeated."""
    wave = sound.astype(np.float64) / 32767
    if repeat and len(wave) < samples:
        return np.resize(wave, samples)
    first = round(start * rate)
    out = np.zeros(samples)
    here = slice(max(first, 0), max(min(first + samples, len(wave)), 0))
    part = wave[here]
    begin = max(-first, 0)
    out[begin : begin + len(part)] = part[: samples - begin]
    return out


def mixed(waves: Sequence[Wave], gains: Sequence[float], level: float) -> Wave:
    """Sounds brought to equal loudness, weighted by `gains` (dB), added, and brought to `level` (dB of full scale)."""
    total = np.zeros(len(waves[0]))
    for wave, gain in zip(waves, gains, strict=True):
        total += wave / max(rms(wave), 1e-9) * 10 ** (gain / 20)
    return levelled(total, level)


def levelled(wave: Wave, level: float) -> Wave:
    """A sound at `level` in RMS, dB of full scale, within [-1, 1].

    Peaks beyond full scale are compressed smoothly, with a gain that still gives the level: if sounds with high peaks
    were left softer, loudness would reveal the class.
    """
    target = 10 ** (level / 20)
    scaled = wave * (target / max(rms(wave), 1e-12))
    if np.abs(scaled).max(initial=0.0) <= 1:
        return scaled
    low, high = 0.0, 1.0
    while rms(np.tanh(scaled * high)) < target and high < 1e4:
        high *= 2
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        low, high = (middle, high) if rms(np.tanh(scaled * middle)) < target else (low, middle)
    return np.tanh(scaled * high)


def noise(samples: int, tilt: float, random: Generator) -> Wave:
    """White noise for a tilt of 0; its power falls as frequency to the power of -tilt."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequency = np.arange(len(spectrum), dtype=np.float64)
    frequency[0] = 1.0
    spectrum *= frequency ** (-tilt / 2)
    spectrum[0] = 0
    return np.fft.irfft(spectrum, samples)


def rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(np.square(wave)))) if len(wave) else 0.0
