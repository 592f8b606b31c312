"""How a method sees and hears: pure, batched functions of raw tensors that run on the model's device.

The store keeps frames and waveforms; each method turns them into its own input here, so one store serves every method.
Augmentation draws come from an explicit generator on the CPU: the same seed gives the same views on every device.
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
FULL_SCALE = 32767.0  # of the int16 sound in a store
_CACHED = 4  # clips whose spectra stay in a processor's cache together


@dataclass(frozen=True)
class FrameView:
    """Frames (B, H, W, 3) uint8 to (B, 3, size, size) float.

    Training resizes to `resize`, crops `size` at random and, with `augment`, flips, changes brightness, then colour
    (saturation), each by a factor in 1 +- the amount; testing resizes to `size`, aspect not kept. Resizing is bilinear
    with antialias. DSOL changes colours before it resizes, which is the same but for clamping at black and white.
    """

    __pydantic_config__ = {"extra": "forbid"}

    size: int = 224
    resize: int = 256
    crop: bool = True
    augment: bool = True
    flip: float = 0.5
    brightness: float = 0.3
    colour: float = 0.3
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __call__(self, frames: Tensor, generator: Generator | None = None) -> Tensor:
        """A generator asks for the training view, None for the test view."""
        if generator is None or not self.crop:
            frames = _resized(frames, self.size)
        else:
            frames = _random_crop(_resized(frames, max(self.resize, self.size)), self.size, generator)
        images = frames.permute(0, 3, 1, 2).float().div(255)
        if generator is not None and self.augment:
            images = self._augmented(images, generator)
        return images.sub(_channels(self.mean, images)).div(_channels(self.std, images))

    def _augmented(self, images: Tensor, generator: Generator) -> Tensor:
        draws = torch.rand(3, len(images), generator=generator).to(images.device)
        flipped = (draws[0] < self.flip).view(-1, 1, 1, 1)
        images = torch.where(flipped, images.flip(3), images)
        brightness, colour = (
            (1 - amount + 2 * amount * draw).view(-1, 1, 1, 1)
            for amount, draw in zip((self.brightness, self.colour), draws[1:], strict=True)
        )
        images = (images * brightness).clamp_(0, 1)
        # plane by plane and by lerp: broadcasting over channels that lie last is ten times as slow
        grey = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
        return torch.lerp(grey.unsqueeze(1), images, colour).clamp_(0, 1)


def _resized(frames: Tensor, size: int) -> Tensor:
    """Frames (B, H, W, 3) to (B, size, size, 3); those of that size stay the bytes they are."""
    if frames.shape[1:3] == (size, size):
        return frames
    images = frames.permute(0, 3, 1, 2).float()
    resized = F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return resized.permute(0, 2, 3, 1)


def _random_crop(frames: Tensor, size: int, generator: Generator) -> Tensor:
    """A square of each frame (B, H, H, 3); a slice each copies much faster than one gather."""
    offsets = torch.randint(0, frames.shape[1] - size + 1, (2, len(frames)), generator=generator).tolist()
    cropped = frames.new_empty(len(frames), size, size, frames.shape[3])
    for number, (row, column) in enumerate(zip(*offsets, strict=True)):
        cropped[number] = frames[number, row : row + size, column : column + size]
    return cropped


def _channels(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device, dtype=like.dtype).view(1, 3, 1, 1)


@dataclass(frozen=True)
class LogMel:
    """Waveforms (B, S) to log-mel spectrograms (B, 1, T, mels), time downwards; the defaults are DSOL's 201x64.

    As librosa computes it (Slaney scale and area normalisation, periodic Hann, centred frames padded with zeros):
    `power` 1 takes magnitudes, `decibels` gives 10 log10 (so a magnitude halves the scale, as published), floored
    `top_db` under the loudest value of the clip; without `decibels` it is the natural logarithm of mel + `offset`.
    `mean` and `std` standardise the result; the published input has none.

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

    def __call__(self, waveforms: Tensor, generator: Generator | None = None) -> Tensor:
        """Waveforms are int16, or float in [-1, 1]; a generator asks for the training view, None for the test view."""
        waveforms = waveforms.float().div(FULL_SCALE) if waveforms.dtype == torch.int16 else waveforms.float()
        if generator is not None and (self.shift or self.gain):
            waveforms = self._varied(waveforms, generator)
        with torch.autocast(waveforms.device.type, enabled=False):  # a tenth of a decibel is finer than bf16 holds
            pieces = waveforms.split(_CACHED if waveforms.device.type == "cpu" else len(waveforms))
            log = torch.cat([self._levels(piece) for piece in pieces])
        if generator is not None and self.hide:
            log = self._hidden(log, generator)
        if self.mean or self.std != 1:
            log = log.sub_(self.mean).div_(self.std)
        return log.unsqueeze(1)

    def _levels(self, waveforms: Tensor) -> Tensor:
        """(B, T, mels)."""
        window, bank = _mel_tensors(self.rate, self.n_fft, self.mels, self.fmin, self.fmax, waveforms.device)
        frames = F.pad(waveforms, (self.n_fft // 2, self.n_fft // 2)).unfold(1, self.n_fft, self.hop)
        spectrum = torch.fft.rfft(frames * window)
        energy = spectrum.real.square().add_(spectrum.imag.square())  # three times as fast as the complex abs()
        mel = (energy.sqrt_() if self.power == 1 else energy.pow_(self.power / 2)) @ bank
        if not self.decibels:
            return mel.add_(self.offset).log_()
        log = mel.clamp_(min=self.offset).log10_().mul_(10)
        return log if self.top_db is None else torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - self.top_db)

    def _varied(self, waveforms: Tensor, generator: Generator) -> Tensor:
        count, samples = waveforms.shape
        draws = (2 * torch.rand(2, count, 1, generator=generator) - 1).to(waveforms.device)
        shifts = (draws[0] * self.shift * self.rate).long()
        turned = waveforms.gather(1, (torch.arange(samples, device=waveforms.device) + shifts) % samples)
        return turned * 10 ** (draws[1] * self.gain / 20)

    def _hidden(self, log: Tensor, generator: Generator) -> Tensor:
        for axis in (2, 1):  # bands, then times
            length = log.shape[axis]
            draws = torch.rand(2, len(log), 1, generator=generator).to(log.device)
            wide = (draws[0] * self.hide * length).long()
            start = (draws[1] * (length - wide + 1)).long()
            place = torch.arange(length, device=log.device)
            covered = ((place >= start) & (place < start + wide)).unsqueeze(3 - axis)
            log = torch.where(covered, log.mean((1, 2), keepdim=True), log)
        return log


@lru_cache(maxsize=16)
def _mel_tensors(
    rate: int, n_fft: int, mels: int, fmin: float, fmax: float | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    from librosa.filters import mel

    with warnings.catch_warnings():
        # DSOL's own bank has two filters without a bin: no news at every start
        warnings.filterwarnings("ignore", "Empty filters detected")
        bank = mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=fmin, fmax=fmax)
    return torch.hann_window(n_fft, periodic=True, device=device), torch.from_numpy(bank.T.copy()).to(device)
