"""Melodies: what every object plays, or moves to. All kinds share one distribution, so rhythm reveals nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

MAJOR = np.array([0, 2, 4, 5, 7, 9, 11])
FADE = 0.25  # s in which a note's swelling decays to 1/e


@dataclass(frozen=True)
class Melody:
    """A sequence of notes. onsets, lengths: s; pitches: Hz; accents in [0, 1], 0 for a rest."""

    onsets: NDArray[np.float64]
    lengths: NDArray[np.float64]
    pitches: NDArray[np.float64]
    accents: NDArray[np.float64]


def random_melody(seconds: float, rng: Generator) -> Melody:
    """A random walk on a major scale over a root of 130 to 330 Hz, 2 to 4 notes per second, some of them rests."""
    beat = 1 / rng.uniform(2.0, 4.0)
    count = int(np.ceil(seconds / beat * 2)) + 2
    lengths = beat * rng.choice([0.5, 1.0, 1.0, 1.5], count)
    onsets = np.concatenate([[0], np.cumsum(lengths)[:-1]]) - rng.uniform(0, beat)
    steps = np.clip(np.cumsum(rng.integers(-2, 3, count)), -4, 7)
    pitches = rng.uniform(130, 330) * 2.0 ** ((MAJOR[steps % 7] + 12 * (steps // 7)) / 12)
    accents = rng.uniform(0.55, 1.0, count) * (rng.random(count) > 0.1)
    accents[:2] = np.maximum(accents[:2], 0.55)
    kept = onsets < seconds
    return Melody(onsets[kept], lengths[kept], pitches[kept], accents[kept])


def pulse(melody: Melody, times: NDArray) -> NDArray[np.float64]:
    """How much an object swells at each time (s), in [0, 1]: up with each note, then decaying."""
    since = times[:, None] + 0.05 - melody.onsets
    rise = np.where(since >= 0, melody.accents * np.exp(-np.maximum(since, 0) / FADE), 0)
    return rise.max(1)
