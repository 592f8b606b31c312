"""Log-power spectrograms as scipy.signal.spectrogram computes them, a batch at a time."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Generator, Tensor

from avloc.data.sound_variation import Variation
from avloc.data.spectra import hidden, log2_, magnitudes, masked, together
from avloc.data.waveforms import as_float, excerpt, random_excerpt, varied
from avloc.errors import AvlocError
from avloc.ranges import Decibels, Deviation, Fraction, Hertz, Offset, Samples, Seconds, Several, Shift


@dataclass(frozen=True)
class LogStft:
    """Waveforms (B, S) to log-power spectrograms (B, 1, window / 2 + 1, T), frequency downwards.

    log(power + `offset`) / `scale` of ``scipy.signal.spectrogram(waveform, rate, nperseg=window, noverlap=overlap)``:
    Tukey window of 0.25, the mean of each window removed, density, no padding. The defaults are the released
    spectrograms of Chen et al., CVPR 2021 (257x671 for 10 seconds at 16 kHz, the `first` part) and of Zhou et al., WACV
    2023 (257x301 for the `middle` 3 seconds at 24 kHz). Training can vary the sound, unlike the published code.

    rate: sampling rate in Hz, which must be that of the store.
    seconds: how much of each clip is used; a shorter clip is repeated first; None uses all of it.
    window: length of the window in samples.
    overlap: samples that two windows share.
    part: which part of a longer clip is used; ``random`` applies in training only.
    repeated: which part of a repeated clip is used: its `part`, or ``first``, its start, as in EZ-VSL, SLAVC and FNAC.
    offset: added before the logarithm.
    scale: what the logarithm is divided by.
    shift, gain, hide, vary: see LogMel.
    masks: in training, up to this many adjacent frequencies and times of each clip become 0, which is loud on this
    scale; FNAC masks (9, 9). mask_starts: whether a mask's start is drawn from its ``own`` axis, or from the other one
    (``swapped``) as in FNAC's release, where a mask can be partly or wholly beyond the end.
    """

    __pydantic_config__ = {"extra": "forbid"}

    rate: Hertz = 16_000
    seconds: Seconds | None = None
    window: Samples = 512
    overlap: Several = 274
    part: Literal["middle", "first", "random"] = "middle"
    repeated: Literal["part", "first"] = "part"
    offset: Offset = 1e-7
    scale: Deviation = 12.0
    shift: Shift = 0.0
    gain: Decibels = 0.0
    hide: Fraction = 0.0
    vary: Variation | None = None
    masks: tuple[Several, Several] = (0, 0)
    mask_starts: Literal["own", "swapped"] = "own"

    def __call__(self, waveforms: Tensor, generator: Generator | None = None) -> Tensor:
        """Waveforms are int16, or float in [-1, 1]; with a generator, the training view; with None, the test view."""
        if generator is not None:
            waveforms = varied(waveforms, self.rate, self.shift, self.gain, generator, self.vary)
        if self.seconds is not None:
            samples = int(self.seconds * self.rate) if self.part == "first" else int(self.seconds * self.rate / 2) * 2
            from_start = self.repeated == "first" and waveforms.shape[1] < samples
            if from_start:
                waveforms = excerpt(waveforms, samples, "first")
            elif self.part == "random" and generator is not None:
                waveforms = random_excerpt(waveforms, samples, generator)
            else:
                waveforms = excerpt(waveforms, samples, "first" if self.part == "first" else "middle")
        if self.overlap >= self.window or waveforms.shape[1] < self.window:
            raise AvlocError(
                f"sound: window {self.window} and overlap {self.overlap} for {waveforms.shape[1]} samples; expected an overlap "
                "below the window, and sounds that fill one"
            )
        with torch.autocast(waveforms.device.type, enabled=False):
            log = self._levels(waveforms)
        if generator is not None:
            log = hidden(log, self.hide, (1, 2), generator)
            starts = log.shape[1:] if self.mask_starts == "own" else (log.shape[2], log.shape[1])
            for axis, widest, start in zip((1, 2), self.masks, starts, strict=True):
                log = masked(log, axis, widest, start, generator)
        return log.unsqueeze(1)

    def _levels(self, waveforms: Tensor) -> Tensor:
        """(B, window / 2 + 1, T), computed for a few clips at a time in the same memory."""
        window, weights = _tukey(self.rate, self.window, waveforms.device)
        (count, samples), device, hop = waveforms.shape, waveforms.device, self.window - self.overlap
        times, bins = (samples - self.overlap) // hop, self.window // 2 + 1
        few = together(waveforms, times * self.window)
        frames = torch.empty(few, times, self.window, device=device)
        loudness = torch.empty(few, times, bins, device=device)
        levels = torch.empty(count, bins, times, device=device)
        for sounds, filled in zip(waveforms.split(few), levels.split(few), strict=True):
            rows = slice(len(sounds))
            cut = as_float(sounds).clamp(-1, 1).unfold(1, self.window, hop)
            torch.sub(cut, cut.mean(-1, keepdim=True), out=frames[rows]).mul_(window)
            density = magnitudes(torch.fft.rfft(frames[rows]), out=loudness[rows]).square_().mul_(weights)
            filled.copy_(log2_(density.add_(self.offset)).mul_(math.log(2) / self.scale).mT)
        return levels


@lru_cache(maxsize=16)
def _tukey(rate: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The window, and the weight of each frequency's energy in the one-sided density."""
    from scipy.signal import get_window

    window = torch.from_numpy(get_window(("tukey", 0.25), length))
    weights = torch.full((length // 2 + 1,), 2.0, dtype=torch.float64)
    weights[0] = 1.0
    if length % 2 == 0:
        weights[-1] = 1.0
    weights /= rate * window.square().sum()
    return window.float().to(device), weights.float().to(device)
