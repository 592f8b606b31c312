"""Sound augmentation that imitates another recording of the same thing: other sounds, another room or microphone, noise.

Each step is a function of waveforms (B, S) in [-1, 1] and of random values for each clip. These come from a generator
on the CPU, so they are the same on every device.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from avloc.ranges import Decibels, Reverb, SignedDecibels

LOWEST_BAND = 62.5  # Hz, the first band of the equaliser; bands are an octave apart
QUIET = 1e-5  # RMS of full scale below which a clip counts as silent and has no level to compare with
DIRECT = 0.005  # seconds after which a room's reverberation starts


@dataclass(frozen=True)
class Variation:
    """Changes to the sound of a clip in training, in this order; everything is off by default.

    mix: another clip of the batch is added; its level is drawn between these two values, in dB below the clip's own.
    reverb: a room is added whose reverberation takes up to this many seconds to decay by 60 dB.
    equalize: every octave is made louder or softer by up to this many dB.
    noise: noise between white and brown is added, at a signal-to-noise ratio drawn between these two values in dB.
    share: the share of clips that each of them applies to, drawn independently.

    A clip that is silent stays silent; a clip whose peak would pass full scale is made softer as a whole.
    """

    __pydantic_config__ = {"extra": "forbid"}

    mix: tuple[SignedDecibels, SignedDecibels] | None = None
    reverb: Reverb = 0.0
    equalize: Decibels = 0.0
    noise: tuple[SignedDecibels, SignedDecibels] | None = None
    share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("mix", "noise"):
            found = getattr(self, name)
            if found is not None and not found[0] <= found[1]:
                raise ValueError(f"{name} is {list(found)}; expected the lower number of dB first")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share is {self.share}; expected a number from 0 to 1")
        if self.reverb < 0 or self.equalize < 0:
            raise ValueError("reverb is in seconds and equalize in dB; expected 0 or more")

    def __call__(self, waveforms: Tensor, rate: int, generator: Generator) -> Tensor:
        """Waveforms (B, S), float in [-1, 1], augmented for training."""
        count = len(waveforms)
        if self.mix is not None and count > 1:
            order = torch.randperm(count, generator=generator)
            others = torch.empty_like(order)
            others[order] = order.roll(1)  # never the clip itself
            below, chosen = self._drawn(count, generator, *self.mix)
            mixed = mixed_with(waveforms, waveforms[others.to(waveforms.device)], below.to(waveforms.device))
            waveforms = _where(chosen, mixed, waveforms)
        if self.reverb:
            seconds, chosen = self._drawn(count, generator, 0.1 * self.reverb, self.reverb)
            rooms = room_responses(seconds, rate, generator).to(waveforms.device)
            waveforms = _where(chosen, reverberated(waveforms, rooms), waveforms)
        if self.equalize:
            bands = octaves(rate)
            gains = self.equalize * (2 * torch.rand(count, bands, generator=generator) - 1)
            chosen = torch.rand(count, generator=generator) < self.share
            waveforms = _where(chosen, equalized(waveforms, rate, gains.to(waveforms.device)), waveforms)
        if self.noise is not None:
            ratio, chosen = self._drawn(count, generator, *self.noise)
            noise = noises(count, waveforms.shape[1], generator).to(waveforms.device)
            waveforms = _where(chosen, mixed_with(waveforms, noise, ratio.to(waveforms.device)), waveforms)
        return waveforms / waveforms.abs().amax(1, keepdim=True).clamp(min=1)

    def _drawn(self, count: int, generator: Generator, low: float, high: float) -> tuple[Tensor, Tensor]:
        """A random value between both for each clip, and a mask of the clips that it applies to."""
        draws = torch.rand(2, count, generator=generator)
        return low + (high - low) * draws[0], draws[1] < self.share


def _where(chosen: Tensor, changed: Tensor, waveforms: Tensor) -> Tensor:
    return torch.where(chosen.to(waveforms.device)[:, None], changed, waveforms)


def level(waveforms: Tensor) -> Tensor:
    """RMS of each clip, (B, 1)."""
    return waveforms.square().mean(1, keepdim=True).sqrt()


def mixed_with(waveforms: Tensor, others: Tensor, below: Tensor) -> Tensor:
    """Each clip (B, S) with another sound added that is `below` (B,) dB softer than it, by RMS.

    A silent clip has no level to compare with and stays unchanged; so does one whose other sound is silent.
    """
    own, other = level(waveforms), level(others)
    factor = own / other.clamp(min=QUIET) * 10 ** (-below[:, None] / 20)
    return waveforms + torch.where((own > QUIET) & (other > QUIET), factor, torch.zeros_like(factor)) * others


def octaves(rate: int) -> int:
    """How many of the equaliser's bands are below half the sampling rate."""
    return max(1, math.floor(math.log2(rate / 2 / LOWEST_BAND)) + 1)


def equalized(waveforms: Tensor, rate: int, gains: Tensor) -> Tensor:
    """Each clip (B, S) through an equaliser: `gains` (B, bands) in dB at 62.5 Hz, 125 Hz ..., interpolated linearly
    over the logarithm of the frequency. The phase stays unchanged.
    """
    count, samples = waveforms.shape
    frequencies = torch.fft.rfftfreq(samples, 1 / rate, device=waveforms.device)
    place = torch.log2(frequencies.clamp(min=LOWEST_BAND) / LOWEST_BAND).clamp(max=gains.shape[1] - 1)
    below = place.floor().long().clamp(max=max(gains.shape[1] - 2, 0))
    above = (below + 1).clamp(max=gains.shape[1] - 1)
    decibels = torch.lerp(gains[:, below], gains[:, above], (place - below).expand(count, -1))
    return torch.fft.irfft(torch.fft.rfft(waveforms) * 10 ** (decibels / 20), samples)


def room_responses(seconds: Tensor, rate: int, generator: Generator) -> Tensor:
    """(B, T) impulse responses: the sound itself, then noise whose energy decays by 60 dB within `seconds` (B,)."""
    length = max(2, round(float(seconds.max()) * rate))
    time = torch.arange(length) / rate
    tail = torch.randn(len(seconds), length, generator=generator) * 10 ** (-3 * time / seconds[:, None])
    tail = tail * (time >= DIRECT)
    tail = tail / tail.square().sum(1, keepdim=True).sqrt().clamp(min=QUIET)  # as much energy as the direct sound
    tail[:, 0] = 1.0
    return tail


def reverberated(waveforms: Tensor, responses: Tensor) -> Tensor:
    """Each clip (B, S) in its room (B, T), at its original level; reverberation after the clip's end is cut."""
    samples = waveforms.shape[1]
    size = samples + responses.shape[1] - 1
    spectrum = torch.fft.rfft(waveforms, size) * torch.fft.rfft(responses, size)
    heard = torch.fft.irfft(spectrum, size)[:, :samples]
    return heard * level(waveforms) / level(heard).clamp(min=QUIET)


def noises(count: int, samples: int, generator: Generator) -> Tensor:
    """(count, samples) noise with an RMS of 1, each between white (equal power at all frequencies) and brown (power
    falls with the square of the frequency).
    """
    tilt = torch.rand(count, 1, generator=generator)
    spectrum = torch.fft.rfft(torch.randn(count, samples, generator=generator))
    bins = torch.arange(spectrum.shape[1]).clamp(min=1)
    made = torch.fft.irfft(spectrum * bins**-tilt, samples)
    made = made - made.mean(1, keepdim=True)
    return made / level(made).clamp(min=QUIET)
