"""Shared by the sound views: magnitudes and logarithms, a few clips at a time, and stretches hidden in training."""

import numpy as np
import torch
from torch import Generator, Tensor

Part = tuple[slice, slice, Tensor]
Ear = tuple[Tensor, slice, Tensor]
_CACHED = 600_000  # largest number of windowed samples: with their spectra, they fit a processor's cache
_BANDS = 16  # values of a small matrix product


def together(waveforms: Tensor, numbers: int) -> int:
    """How many clips to process at a time if each needs this many intermediate `numbers`; on a GPU, all."""
    count = len(waveforms) or 1
    return min(count, max(1, _CACHED // numbers)) if waveforms.device.type == "cpu" else count


def magnitudes(spectrum: Tensor, out: Tensor) -> Tensor:
    """Absolute values of complex numbers; on the CPU with numpy, which takes a tenth of torch's time."""
    if spectrum.device.type != "cpu":
        return torch.abs(spectrum, out=out)
    np.abs(spectrum.numpy(), out=out.numpy())
    return out


def log2_(values: Tensor) -> Tensor:
    """Logarithms to base 2 in place; on the CPU with numpy, which takes a fifth of the time of torch's natural ones."""
    if values.device.type != "cpu":
        return values.log2_()
    array = values.numpy()
    np.log2(array, out=array)
    return values


def bank_parts(bank: Tensor, device: torch.device) -> list[Part]:
    """A mel bank (bins, bands) in parts: bins, bands, weights (bins, bands).

    A band uses few bins: on the CPU, a few bands are computed at a time, without the bins outside them.
    """
    parts = []
    for bands in torch.arange(bank.shape[1]).split(_BANDS if device.type == "cpu" else bank.shape[1]):
        heard = bank[:, bands].any(dim=1).nonzero().flatten().tolist() or [0]
        bins, columns = slice(heard[0], heard[-1] + 1), slice(int(bands[0]), int(bands[-1]) + 1)
        parts.append((bins, columns, bank[bins, columns].contiguous().to(device)))
    return parts


def listening(loudness: Tensor, parts: list[Part]) -> list[Ear]:
    """The reusable inputs of `hear`: loudness (..., bins), contiguous, sliced by the bins of each part."""
    rows = loudness.flatten(0, -2)
    return [(rows[:, bins], bands, weights) for bins, bands, weights in parts]


def hear(ears: list[Ear], out: Tensor) -> None:
    """Loudness times the bank into `out` (..., bands), contiguous."""
    rows = out.flatten(0, -2)
    for heard, bands, weights in ears:
        torch.mm(heard, weights, out=rows[:, bands])


def hidden(log: Tensor, share: float, axes: tuple[int, int], generator: Generator) -> Tensor:
    """One stretch of the bands and one of the times, `axes` of (B, ..., ...) in this order, replaced by the clip's mean.

    Each is up to that share long. Park et al., SpecAugment, 2019.
    """
    for axis in axes if share else ():
        length = log.shape[axis]
        draws = torch.rand(2, len(log), 1, generator=generator).to(log.device)
        wide = (draws[0] * share * length).long()
        start = (draws[1] * (length - wide + 1)).long()
        place = torch.arange(length, device=log.device)
        covered = ((place >= start) & (place < start + wide)).unsqueeze(3 - axis)
        log = torch.where(covered, log.mean((1, 2), keepdim=True), log)
    return log


def masked(log: Tensor, axis: int, widest: int, starts: int, generator: Generator) -> Tensor:
    """Levels (B, F, T) with one stretch of `axis` set to 0 in each clip: up to `widest` long, starting before `starts`."""
    if not widest:
        return log
    start = torch.randint(starts, (len(log), 1), generator=generator).to(log.device)
    width = torch.randint(widest + 1, (len(log), 1), generator=generator).to(log.device)
    place = torch.arange(log.shape[axis], device=log.device)
    covered = (place >= start) & (place < start + width)
    return log.masked_fill(covered.unsqueeze(3 - axis), 0.0)
