"""Shared by the sound views: levels, excerpts, and variation of a sound in training."""

from typing import Literal

import torch
from torch import Generator, Tensor

from avloc.data.sound_variation import Variation
from avloc.errors import AvlocError

FULL_SCALE = 32767.0  # of the int16 sound in a store


def as_float(waveforms: Tensor) -> Tensor:
    """int16, or float in [-1, 1], to float32 in [-1, 1]."""
    return waveforms.float().div_(FULL_SCALE) if waveforms.dtype == torch.int16 else waveforms.float()


def excerpt(waveforms: Tensor, samples: int, part: Literal["middle", "first"]) -> Tensor:
    """`samples` samples of each clip (B, S); a shorter clip is repeated until it is long enough. AvlocError for none."""
    if samples < 1:
        raise AvlocError(
            "sound.seconds is shorter than a sample, so nothing is heard; set more, or null for the whole clip"
        )
    length = waveforms.shape[1]
    if length < samples:
        waveforms = waveforms.repeat(1, samples // length + 1)
    start = waveforms.shape[1] // 2 - samples // 2 if part == "middle" else 0
    return waveforms[:, start : start + samples]


def random_excerpt(waveforms: Tensor, samples: int, generator: Generator) -> Tensor:
    """`samples` adjacent samples of each clip (B, S), from a random start; shorter clips are repeated first."""
    if waveforms.shape[1] < samples:
        waveforms = waveforms.repeat(1, samples // waveforms.shape[1] + 1)
    starts = torch.randint(max(1, waveforms.shape[1] - samples), (len(waveforms),), generator=generator).tolist()
    return torch.stack([sound[start : start + samples] for sound, start in zip(waveforms, starts, strict=True)])


def varied(
    waveforms: Tensor, rate: int, shift: float, gain: float, generator: Generator, vary: Variation | None = None
) -> Tensor:
    """Each clip rotated in time by up to `shift` seconds either way and made louder or softer by up to `gain` dB, then
    changed by `vary`.
    """
    turned = _turned(waveforms, rate, shift, gain, generator) if shift or gain else waveforms
    return turned if vary is None else vary(as_float(turned), rate, generator)


def _turned(waveforms: Tensor, rate: int, shift: float, gain: float, generator: Generator) -> Tensor:
    count, samples = waveforms.shape
    draws = 2 * torch.rand(2, count, 1, generator=generator) - 1
    shifts = (draws[0] * shift * rate).long() % samples
    if waveforms.device.type == "cpu":  # whole stretches copy ten times as fast as a gather
        turned = torch.empty_like(waveforms)
        for number, by in enumerate(shifts.flatten().tolist()):
            turned[number, : samples - by], turned[number, samples - by :] = (
                waveforms[number, by:],
                waveforms[number, :by],
            )
    else:
        places = torch.arange(samples, device=waveforms.device) + shifts.to(waveforms.device)
        turned = waveforms.gather(1, places % samples)
    return as_float(turned) * 10 ** (draws[1].to(waveforms.device) * gain / 20) if gain else turned


def with_previous(waveforms: Tensor) -> Tensor:
    """Each clip's sound (B, S) mixed with that of the clip before it: both at the same level, then with gains within 3
    dB, drawn by torch's global generator.
    """
    gains = 10 ** (torch.empty(2, len(waveforms), 1, device=waveforms.device).uniform_(-3, 3) / 20)
    levels = waveforms.square().mean(1, keepdim=True).sqrt().clamp(min=1e-4)
    sources = waveforms / levels * 0.05
    return gains[0] * sources + gains[1] * sources.roll(1, 0)
