"""Log-mel spectrograms as librosa computes them, a batch at a time."""

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Generator, Tensor

from avloc.data.spectra import hidden, log2_, magnitudes, together
from avloc.data.waveforms import FULL_SCALE, as_float, varied

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

    rate: PositiveInt = 16_000
    n_fft: PositiveInt = 160
    hop: PositiveInt = 80
    mels: PositiveInt = 64
    fmin: float = 0.0
    fmax: float | None = None
    power: PositiveFloat = 1.0
    decibels: bool = True
    offset: float = 1e-10
    top_db: float | None = 80.0
    mean: float = 0.0
    std: PositiveFloat = 1.0
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
        with torch.autocast(waveforms.device.type, enabled=False):  # a tenth of a decibel is finer than bf16 holds
            log = self._levels(waveforms)
        if generator is not None:
            log = hidden(log, self.hide, (2, 1), generator)
        return log.unsqueeze(1)

    def _levels(self, waveforms: Tensor) -> Tensor:
        """(B, T, mels), a few clips at a time."""
        count, samples = waveforms.shape
        levels = torch.empty(count, self._times(samples), self.mels, device=waveforms.device)
        few = together(waveforms, self._times(samples) * self.n_fft)
        room = self._room(few, samples, waveforms.device)
        # integers are scaled by the window
        window = room.window / FULL_SCALE if waveforms.dtype == torch.int16 else room.window
        for sounds, filled in zip(waveforms.split(few), levels.split(few), strict=True):
            if len(sounds) < few:
                room = self._room(len(sounds), samples, waveforms.device)
            self._pad(sounds, room.padded)
            torch.mul(room.cut, window, out=room.frames)
            magnitudes(torch.fft.rfft(room.frames), out=room.loudness)
            if self.power != 1:
                room.loudness.square_() if self.power == 2 else room.loudness.pow_(self.power)
            rows = filled.flatten(0, 1)
            for heard, bands, bank in room.parts:
                torch.mm(heard, bank, out=rows[:, bands])
            self._take_logarithms(filled)
        return levels

    def _times(self, samples: int) -> int:
        return 1 + (samples + self.n_fft // 2 * 2 - self.n_fft) // self.hop

    def _room(self, count: int, samples: int, device: torch.device) -> "_Room":
        window, bank = _mel_tensors(self.rate, self.n_fft, self.mels, self.fmin, self.fmax, device)
        padded = torch.zeros(count, samples + self.n_fft // 2 * 2, device=device)
        cut = padded.unfold(1, self.n_fft, self.hop)
        loudness = torch.empty(*cut.shape[:2], self.n_fft // 2 + 1, device=device)
        parts = [(loudness.flatten(0, 1)[:, bins], bands, weights) for bins, bands, weights in bank]
        return _Room(padded, cut, window, torch.empty(cut.shape, device=device), loudness, parts)

    def _pad(self, waveforms: Tensor, padded: Tensor) -> None:
        """Fill the middle of `padded`, and its ends if they are not zeros."""
        half = self.n_fft // 2
        middle = padded[:, half : half + waveforms.shape[1]].copy_(waveforms)
        if self.pad == "reflect":
            padded[:, :half], padded[:, -half:] = middle[:, 1 : half + 1].flip(1), middle[:, -half - 1 : -1].flip(1)

    def _take_logarithms(self, mel: Tensor) -> None:
        if self.decibels:
            floor: Tensor | float = self.offset
            if self.top_db is not None:
                floor = mel.amax(dim=(1, 2), keepdim=True).mul_(10 ** (-self.top_db / 10)).clamp_(min=self.offset)
            log2_(mel.clamp_(min=floor)).mul_(10 * math.log10(2) / self.std)  # type: ignore[arg-type]
        else:
            log2_(mel.add_(self.offset)).mul_(math.log(2) / self.std)
        if self.mean:
            mel.sub_(self.mean / self.std)


class _Room(NamedTuple):
    """Memory for some clips, used again and again, because new memory is slow, and what is multiplied with it.

    padded: (B, S'). cut: (B, T, n_fft), its overlapping windows. frames: the same, weighted by `window` (n_fft,).
    loudness: (B, T, bins). parts: columns of `loudness` (B T, some bins), the bands that hear them, their weights.
    """

    padded: Tensor
    cut: Tensor
    window: Tensor
    frames: Tensor
    loudness: Tensor
    parts: list[tuple[Tensor, slice, Tensor]]


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
