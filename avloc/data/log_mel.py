"""Log-mel spectrograms as librosa computes them, a batch at a time."""

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from avloc.data.spectra import hidden, log_, magnitudes, pieces
from avloc.data.waveforms import as_float, varied

_DECIBELS = 10 / math.log(10)  # of a natural logarithm
_TOGETHER = 16  # bands of a small matrix product


@dataclass(frozen=True)
class LogMel:
    """Waveforms (B, S) to log-mel spectrograms (B, 1, T, mels), time downwards; the defaults are DSOL's 201x64.

    As librosa computes it (Slaney scale and area normalisation, periodic Hann, centred frames padded with zeros, or by
    reflection as librosa before 0.9 did): `power` 1 takes magnitudes, `decibels` gives 10 log10 (so a magnitude halves
    the scale, as published), floored `top_db` under the loudest value of the clip; without `decibels` it is the natural
    logarithm of mel + `offset`. `peak` divides each clip by its largest sample first. `mean` and `std` standardise the
    result; the published input has none.

    Training may vary the sound, which the published code does not: `shift` turns each clip around by up to that many
    seconds either way, `gain` changes its level by up to that many dB, and `hide` covers one stretch of the times and one
    of the bands, each up to that share of them, with the clip's mean (Park et al., SpecAugment, 2019).
    """

    __pydantic_config__ = {"extra": "forbid"}

    rate: int = 16_000
    n_fft: int = 160
    hop: int = 80
    mels: int = 64
    fmin: float = 0.0
    fmax: float | None = None
    power: float = 1.0
    decibels: bool = True
    offset: float = 1e-10
    top_db: float | None = 80.0
    mean: float = 0.0
    std: float = 1.0
    shift: float = 0.0
    gain: float = 0.0
    hide: float = 0.0
    pad: Literal["constant", "reflect"] = "constant"
    peak: bool = False

    def __call__(self, waveforms: Tensor, generator: Generator | None = None) -> Tensor:
        """Waveforms are int16, or float in [-1, 1]; a generator asks for the training view, None for the test view."""
        if self.peak:
            waveforms = as_float(waveforms)
            waveforms = waveforms / (waveforms.abs().amax(dim=1, keepdim=True) + torch.finfo(torch.float64).eps)
        if generator is not None:
            waveforms = varied(waveforms, self.rate, self.shift, self.gain, generator)
        count, samples = waveforms.shape
        times = 1 + (samples + self.n_fft // 2 * 2 - self.n_fft) // self.hop
        log = torch.empty(count, times, self.mels, device=waveforms.device)
        with torch.autocast(waveforms.device.type, enabled=False):  # a tenth of a decibel is finer than bf16 holds
            for sounds, spectra in pieces(waveforms, log, times * self.n_fft):
                self._fill(spectra, sounds)
        if generator is not None:
            log = hidden(log, self.hide, (2, 1), generator)
        return log.unsqueeze(1)

    def _fill(self, spectra: Tensor, waveforms: Tensor) -> None:
        """Write the levels (B, T, mels)."""
        window, banks = _mel_tensors(self.rate, self.n_fft, self.mels, self.fmin, self.fmax, waveforms.device)
        padded = F.pad(as_float(waveforms), (self.n_fft // 2, self.n_fft // 2), self.pad)
        loudness = magnitudes(torch.fft.rfft(padded.unfold(1, self.n_fft, self.hop) * window))
        if self.power != 1:
            loudness = loudness.square_() if self.power == 2 else loudness.pow_(self.power)
        for bins, bands, bank in banks:
            torch.mm(loudness.flatten(0, 1)[:, bins], bank, out=spectra.flatten(0, 1)[:, bands])
        if self.decibels:
            log_(spectra.clamp_(min=self.offset))
            if self.top_db is not None:
                floor = spectra.amax(dim=(1, 2), keepdim=True).sub_(self.top_db / _DECIBELS)
                torch.maximum(spectra, floor, out=spectra)
            spectra.mul_(_DECIBELS)
        else:
            log_(spectra.add_(self.offset))
        if self.mean or self.std != 1:
            spectra.sub_(self.mean).div_(self.std)


@lru_cache(maxsize=16)
def _mel_tensors(
    rate: int, n_fft: int, mels: int, fmin: float, fmax: float | None, device: torch.device
) -> tuple[Tensor, list[tuple[slice, slice, Tensor]]]:
    """The window, and the mel bank in parts: bins, bands, weights (bins, bands).

    A band hears few bins: on the processor, bands are taken some at a time and the bins beyond them left out.
    """
    from librosa.filters import mel

    with warnings.catch_warnings():
        # DSOL's own bank has two filters without a bin: no news at every start
        warnings.filterwarnings("ignore", "Empty filters detected")
        bank = torch.from_numpy(mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=fmin, fmax=fmax).T.copy())
    parts = []
    for bands in torch.arange(mels).split(_TOGETHER if device.type == "cpu" else mels):
        heard = bank[:, bands].any(dim=1).nonzero().flatten().tolist() or [0]
        bins, columns = slice(heard[0], heard[-1] + 1), slice(int(bands[0]), int(bands[-1]) + 1)
        parts.append((bins, columns, bank[bins, columns].contiguous().to(device)))
    return torch.hann_window(n_fft, periodic=True, device=device), parts
