"""Log-mel spectrograms as librosa computes them, a batch at a time."""

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from avloc.data.sound_variation import Variation
from avloc.data.spectra import Ear, Part, bank_parts, hear, hidden, listening, log2_, magnitudes, together
from avloc.data.waveforms import FULL_SCALE, as_float, varied
from avloc.ranges import Bands, Decibels, Deviation, Fraction, Frequency, Hertz, Level, Offset, Power, Samples, Shift


@dataclass(frozen=True)
class LogMel:
    """Waveforms (B, S) to log-mel spectrograms (B, 1, T, mels), time downwards; the defaults are DSOL's 201x64.

    As librosa computes it (Slaney scale and area normalisation, periodic Hann, centred frames padded with zeros, or by
    reflection as librosa before 0.9 did): `power` 1 takes magnitudes, `decibels` gives 10 log10 (so a magnitude halves
    the scale, as published), floored at `top_db` below the loudest value of the clip; without `decibels` it is the natural
    logarithm of mel + `offset`. `peak` divides each clip by its largest sample first. `mean` and `std` standardise the
    result; the published input has none.

    `double` transforms in float64, as librosa does, and agrees with it in every band of any sound. Without it the faintest
    bands, 50 dB and more below the loudest of their frame, have fewer digits, in half the time: see docs/stores.md.

    Training can vary the sound, unlike the published code: `shift` rotates each clip in time by up to that many seconds
    either way, `gain` changes its level by up to that many dB, and `hide` replaces one stretch of the times and one of
    the bands, each up to that share of them, by the clip's mean (Park et al., SpecAugment, 2019). `vary` mixes clips
    and adds rooms, equalisers and noise.

    rate: sampling rate in Hz, which must be that of the store.
    n_fft: length of the window in samples.
    hop: samples between two windows.
    mels: number of mel bands.
    fmin: lowest frequency in Hz.
    fmax: highest frequency in Hz; None for half the rate.
    power: exponent of the magnitudes; 1 for magnitudes, 2 for power.
    decibels: take 10 log10; False takes the natural logarithm of mel + `offset`.
    offset: what is added before the natural logarithm.
    top_db: the floor in dB below the loudest value of the clip; None for no floor.
    mean: subtracted from the result.
    std: divided by.
    shift: in training, rotate each clip in time by up to that many seconds.
    gain: in training, change the level by up to that many dB.
    hide: in training, hide up to that share of the times and of the bands.
    vary: in training, mix clips and add rooms, equalisers and noise.
    pad: how the ends are padded: with zeros (``constant``) or by reflection (``reflect``).
    peak: divide each clip by its largest sample first.
    double: compute in float64.
    """

    __pydantic_config__ = {"extra": "forbid"}

    rate: Hertz = 16_000
    n_fft: Samples = 160
    hop: Samples = 80
    mels: Bands = 64
    fmin: Frequency = 0.0
    fmax: Frequency | None = None
    power: Power = 1.0
    decibels: bool = True
    offset: Offset = 1e-10
    top_db: Decibels | None = 80.0
    mean: Level = 0.0
    std: Deviation = 1.0
    shift: Shift = 0.0
    gain: Decibels = 0.0
    hide: Fraction = 0.0
    vary: Variation | None = None
    pad: Literal["constant", "reflect"] = "constant"
    peak: bool = False
    double: bool = False

    def __post_init__(self) -> None:
        highest = self.rate / 2 if self.fmax is None else self.fmax
        if self.fmin >= highest:
            raise ValueError(f"fmin is {self.fmin:g} and the highest frequency {highest:g} Hz; expected fmin below it")

    def __call__(self, waveforms: Tensor, generator: Generator | None = None) -> Tensor:
        """Waveforms are int16, or float in [-1, 1]; with a generator, the training view; with None, the test view."""
        if self.peak:
            waveforms = as_float(waveforms)
            waveforms = waveforms / (waveforms.abs().amax(dim=1, keepdim=True) + torch.finfo(torch.float64).eps)
        if generator is not None:
            waveforms = varied(waveforms, self.rate, self.shift, self.gain, generator, self.vary)
        with torch.autocast(waveforms.device.type, enabled=False):  # bf16 is coarser than a tenth of a decibel
            log = self._levels(waveforms)
        if generator is not None:
            log = hidden(log, self.hide, (2, 1), generator)
        return log.unsqueeze(1)

    def _levels(self, waveforms: Tensor) -> Tensor:
        """(B, T, mels), computed for a few clips at a time."""
        count, samples = waveforms.shape
        levels = torch.empty(count, self._times(samples), self.mels, device=waveforms.device)
        few = together(waveforms, self._times(samples) * self.n_fft)
        window, bank = self._window_and_bank(waveforms)
        room = self._room(few, waveforms, bank)
        for sounds, filled in zip(waveforms.split(few), levels.split(few), strict=True):
            if len(sounds) < few:
                room = self._room(len(sounds), waveforms, bank)
            self._pad(sounds, room.padded)
            torch.mul(room.cut, window, out=room.frames)
            magnitudes(torch.fft.rfft(room.frames), out=room.loudness)
            if self.power != 1:
                room.loudness.square_() if self.power == 2 else room.loudness.pow_(self.power)
            mel = torch.empty_like(filled, dtype=self._kind) if self.double else filled
            hear(room.ears, out=mel)
            self._take_logarithms(filled.copy_(mel) if self.double else filled)
        return levels

    @property
    def _kind(self) -> torch.dtype:
        return torch.float64 if self.double else torch.float32

    def _window_and_bank(self, waveforms: Tensor) -> tuple[Tensor, list[Part]]:
        """The window also scales integers."""
        bank = self.rate, self.n_fft, self.mels, self.fmin, self.fmax
        return _mel_tensors(*bank, FULL_SCALE if waveforms.dtype == torch.int16 else 1.0, self._kind, waveforms.device)

    def _times(self, samples: int) -> int:
        return 1 + (samples + self.n_fft // 2 * 2 - self.n_fft) // self.hop

    def _room(self, count: int, waveforms: Tensor, bank: list[Part]) -> "_Room":
        kind, device = self._kind, waveforms.device
        padded = torch.zeros(count, waveforms.shape[1] + self.n_fft // 2 * 2, dtype=kind, device=device)
        cut = padded.unfold(1, self.n_fft, self.hop)
        loudness = torch.empty(*cut.shape[:2], self.n_fft // 2 + 1, dtype=kind, device=device)
        frames = torch.empty(cut.shape, dtype=kind, device=device)
        return _Room(padded, cut, frames, loudness, listening(loudness, bank))

    def _pad(self, waveforms: Tensor, padded: Tensor) -> None:
        """Fill the middle of `padded`, and its ends unless they are zeros."""
        half = self.n_fft // 2
        middle = padded[:, half : half + waveforms.shape[1]].copy_(waveforms)
        if self.pad == "reflect":
            padded[:, :half], padded[:, -half:] = middle[:, 1 : half + 1].flip(1), middle[:, -half - 1 : -1].flip(1)

    def _take_logarithms(self, mel: Tensor) -> None:
        """Levels in place, standardised."""
        if self.decibels:
            floor: Tensor | float = self.offset
            if self.top_db is not None:
                floor = mel.amax(dim=(1, 2), keepdim=True).mul_(10 ** (-self.top_db / 10)).clamp_(min=self.offset)
            mel.clamp_(min=floor)  # type: ignore[arg-type]
        else:
            mel.add_(self.offset)
        scale = 10 * math.log10(2) if self.decibels else math.log(2)
        torch.add(mel.new_tensor(-self.mean / self.std), log2_(mel), alpha=scale / self.std, out=mel)


class _Room(NamedTuple):
    """Memory for some clips that is reused, because new memory is slow.

    padded: (B, S'). cut: (B, T, n_fft), its overlapping windows. frames: the same, weighted. loudness: (B, T, bins).
    ears: its bins, for the parts of the bank.
    """

    padded: Tensor
    cut: Tensor
    frames: Tensor
    loudness: Tensor
    ears: list[Ear]


@lru_cache(maxsize=16)
def _mel_tensors(
    rate: int,
    n_fft: int,
    mels: int,
    fmin: float,
    fmax: float | None,
    scale: float,
    kind: torch.dtype,
    device: torch.device,
) -> tuple[Tensor, list[Part]]:
    """The window, divided by `scale`, and the bank in parts. torch's own float32 window is wrong in the seventh digit."""
    from librosa.filters import mel

    with warnings.catch_warnings():
        # DSOL's own bank has two empty filters; do not warn about them at every start
        warnings.filterwarnings("ignore", "Empty filters detected")
        bank = torch.from_numpy(mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=fmin, fmax=fmax).T.copy())
    window = torch.hann_window(n_fft, periodic=True, dtype=torch.float64) / scale
    return window.to(device, kind), bank_parts(bank.to(kind), device)
