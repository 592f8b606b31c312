"""Sounds that nothing in any picture makes: silence, and noise of all colours and levels."""

import torch
from torch import Generator, Tensor

from avloc.data.sound_variation import noises

SILENT = 4  # every n-th of them is silence
LEVELS = (-50.0, -10.0)  # dB of full scale, RMS


def nothing(count: int, samples: int, generator: Generator) -> Tensor:
    """(count, samples) float in [-1, 1]: every fourth is digital silence, the others noise between white and brown, at levels
    drawn between -50 and -10 dB of full scale."""
    low, high = LEVELS
    decibels = low + (high - low) * torch.rand(count, 1, generator=generator)
    made = noises(count, samples, generator) * 10 ** (decibels / 20)
    made[::SILENT] = 0
    return made.clamp_(-1, 1)
