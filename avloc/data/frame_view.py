"""From raw frames to the input of a network."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from avloc.ranges import Amount, Deviation, Fraction, Level, Pixels

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class FrameView:
    """Frames (B, H, W, 3) uint8 to (B, 3, size, size) float.

    Training resizes to `resize`, crops `size` at random and, with `augment`, flips, changes brightness, then colour
    (saturation), each by a factor in 1 +- the amount; testing resizes to `size`, without keeping the aspect ratio.
    Resizing is Pillow's (antialias, bilinear or bicubic), without rounding. DSOL changes colours before it resizes,
    which is the same except for clamping at black and white.

    size: side in pixels of what the network sees.
    resize: side in pixels before the random crop of training.
    crop: whether training crops; without it frames are resized to `size`.
    augment: whether training flips frames and changes their colours.
    flip: the probability of a flip.
    brightness: how far brightness may change; 0.3 is a factor from 0.7 to 1.3.
    colour: how far saturation may change, likewise.
    mean: of each channel, subtracted; the default is ImageNet's.
    std: of each channel, divided by; the default is ImageNet's.
    interpolation: how frames are resized.
    """

    __pydantic_config__ = {"extra": "forbid"}

    size: Pixels = 224
    resize: Pixels = 256
    crop: bool = True
    augment: bool = True
    flip: Fraction = 0.5
    brightness: Amount = 0.3
    colour: Amount = 0.3
    mean: tuple[Level, Level, Level] = IMAGENET_MEAN
    std: tuple[Deviation, Deviation, Deviation] = IMAGENET_STD
    interpolation: Interpolation = "bilinear"

    @property
    def random(self) -> bool:
        """Whether training sees a frame differently each time."""
        cropped = self.crop and self.resize > self.size
        return cropped or (self.augment and bool(self.flip or self.brightness or self.colour))

    def __call__(self, frames: Tensor, generator: Generator | None = None) -> Tensor:
        """With a generator, the training view; with None, the test view."""
        if generator is None or not self.crop:
            frames = _resized(frames, self.size, self.interpolation)
        else:
            frames = _resized(frames, max(self.resize, self.size), self.interpolation)
            frames = _random_crop(frames, self.size, generator)
        images = frames.float().div_(255)  # keep colours last, and the same memory: new memory is slow
        if generator is not None and self.augment:
            images = self._augmented(images, generator)
        mean, std = (torch.tensor(values, device=images.device).repeat(self.size) for values in (self.mean, self.std))
        images = images.contiguous()
        images.view(-1, self.size * 3).sub_(mean).div_(std)
        return images.permute(0, 3, 1, 2)

    def _augmented(self, images: Tensor, generator: Generator) -> Tensor:
        """(B, H, W, 3) in [0, 1]."""
        draws = torch.rand(3, len(images), generator=generator)
        for image, turned in zip(images, (draws[0] < self.flip).tolist(), strict=True):
            if turned:
                image.copy_(image.flip(1))
        brightness, colour = (
            (1 - amount + 2 * amount * draw.to(images.device)).view(-1, 1, 1, 1)
            for amount, draw in zip((self.brightness, self.colour), draws[1:], strict=True)
        )
        images.mul_(brightness).clamp_(0, 1)
        red, green, blue = images.unbind(3)
        # expanded to all three channels first: broadcasting over them is ten times as slow
        grey = torch.empty_like(images)
        grey[..., 0] = (0.299 * red).add_(0.587 * green).add_(0.114 * blue)
        grey[..., 1], grey[..., 2] = grey[..., 0], grey[..., 0]
        return grey.lerp_(images, colour).clamp_(0, 1)


def _resized(frames: Tensor, size: int, interpolation: Interpolation) -> Tensor:
    """Frames (B, H, W, 3) to (B, size, size, 3); those that already have that size are returned unchanged."""
    if frames.shape[1:3] == (size, size):
        return frames
    images = frames.permute(0, 3, 1, 2).float()
    for shape in ((images.shape[2], size), (size, size)):  # horizontally, then vertically, like Pillow
        images = F.interpolate(images, size=shape, mode=interpolation, align_corners=False, antialias=True)
        images = images.clamp_(0, 255) if interpolation == "bicubic" else images
    return images.permute(0, 2, 3, 1)


def _random_crop(frames: Tensor, size: int, generator: Generator) -> Tensor:
    """A random square of each frame (B, H, H, 3); one slice per frame copies much faster than one gather."""
    offsets = torch.randint(0, frames.shape[1] - size + 1, (2, len(frames)), generator=generator).tolist()
    cropped = frames.new_empty(len(frames), size, size, frames.shape[3])
    for number, (row, column) in enumerate(zip(*offsets, strict=True)):
        cropped[number] = frames[number, row : row + size, column : column + size]
    return cropped
