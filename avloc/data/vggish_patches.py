"""Log-mel examples as VGGish needs them, a batch at a time."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator, Tensor

from avloc.data.sound_variation import Variation
from avloc.data.spectra import Part, bank_parts, hear, listening, log2_, magnitudes, together
from avloc.data.waveforms import as_float, excerpt, varied
from avloc.errors import AvlocError
from avloc.ranges import Decibels, Seconds, Shift

_RATE, _WINDOW, _HOP, _FFT, _BANDS, _LOWEST, _HIGHEST = 16_000, 400, 160, 512, 64, 125.0, 7500.0
_FRAMES = 96  # of an example
_OFFSET = 0.01


@dataclass(frozen=True)
class VggishPatches:
    """Waveforms (B, S) at 16 kHz to VGGish's examples (B, P, 1, 96, 64) of 0.96 seconds each, time downwards.

    Windows of 25 ms every 10 ms, magnitudes, 64 mel bands from 125 to 7500 Hz, log(mel + 0.01); frames that do not fill
    an example are dropped (Hershey et al., ICASSP 2017). As in SSPL (Song et al., CVPR 2022), the middle `seconds` of
    each clip are used, repeated first if it is shorter; None uses all of it; with `stretch`, each clip's lowest sample
    becomes -1 and its highest nearly 1. It computes in float64 like the released code, because stretched silence is
    loud.

    Training can vary the sound, unlike the published code.

    rate: sampling rate in Hz; VGGish takes 16,000 only.
    seconds: how much of each clip is used; None for all of it.
    stretch: scale each clip so that its lowest sample is -1 and its highest nearly 1.
    shift, gain, vary: see LogMel.
    """

    __pydantic_config__ = {"extra": "forbid"}

    rate: int = _RATE
    seconds: Seconds | None = 3.0
    stretch: bool = True
    shift: Shift = 0.0
    gain: Decibels = 0.0
    vary: Variation | None = None

    def __post_init__(self) -> None:
        if self.rate != _RATE:
            raise ValueError(f"rate is {self.rate} Hz; VGGish needs {_RATE} Hz")

    def __call__(self, waveforms: Tensor, generator: Generator | None = None) -> Tensor:
        """Waveforms are int16, or float in [-1, 1]; with a generator, the training view; with None, the test view."""
        waveforms = as_float(waveforms)
        if generator is not None:
            waveforms = varied(waveforms, self.rate, self.shift, self.gain, generator, self.vary)
        if self.seconds is not None:
            waveforms = excerpt(waveforms, int(self.seconds * self.rate / 2) * 2, "middle")
        if self.stretch:
            waveforms = waveforms - waveforms.amin(dim=1, keepdim=True)
            waveforms = (waveforms / (waveforms.amax(dim=1, keepdim=True) + 0.001) - 0.5) * 2
        if waveforms.shape[1] < _WINDOW + (_FRAMES - 1) * _HOP:
            raise AvlocError(
                f"sound: {waveforms.shape[1] / _RATE:.2f} s are heard, an example of VGGish takes 0.98 s; raise sound.seconds, "
                "or prepare longer clips"
            )
        return self._levels(waveforms)

    def _levels(self, waveforms: Tensor) -> Tensor:
        """(B, P, 1, 96, 64), computed for a few clips at a time in the same memory."""
        window, parts = _tensors(waveforms.device)
        (count, samples), device = waveforms.shape, waveforms.device
        patches = (samples - _WINDOW + _HOP) // _HOP // _FRAMES
        times = patches * _FRAMES
        few = together(waveforms, times * _FFT)
        frames = torch.zeros(few, times, _FFT, dtype=torch.float64, device=device)  # zeros behind each window
        loudness = torch.empty(few, times, _FFT // 2 + 1, dtype=torch.float64, device=device)
        mel = torch.empty(few, times, _BANDS, dtype=torch.float64, device=device)
        levels = torch.empty(count, times, _BANDS, device=device)
        for sounds, filled in zip(waveforms.split(few), levels.split(few), strict=True):
            rows = slice(len(sounds))
            cut = sounds.double().unfold(1, _WINDOW, _HOP)[:, :times]
            torch.mul(cut, window, out=frames[rows, :, :_WINDOW])
            magnitudes(torch.fft.rfft(frames[rows]), out=loudness[rows])
            hear(listening(loudness[rows], parts), out=mel[rows])
            log2_(filled.copy_(mel[rows].add_(_OFFSET))).mul_(math.log(2))
        return levels.unflatten(1, (patches, 1, _FRAMES))


@lru_cache(maxsize=4)
def _tensors(device: torch.device) -> tuple[Tensor, list[Part]]:
    """The periodic Hann window and the mel bank in parts: triangles in mel, not normalised; none uses bin 0."""
    bins = _mel(torch.linspace(0, _RATE / 2, _FFT // 2 + 1, dtype=torch.float64)).unsqueeze(1)
    lowest, highest = _mel(torch.tensor([_LOWEST, _HIGHEST], dtype=torch.float64)).tolist()
    edges = torch.linspace(lowest, highest, _BANDS + 2, dtype=torch.float64)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = torch.minimum(rising, falling).clamp_(min=0)
    bank[0] = 0
    return torch.hann_window(_WINDOW, periodic=True, dtype=torch.float64, device=device), bank_parts(bank, device)


def _mel(hertz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hertz / 700)
