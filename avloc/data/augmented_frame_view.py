"""The frame view of methods with strong augmentation in training: rotation, colour changes, blur, shift."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torchvision.transforms import functional as change

from avloc.data.frame_view import IMAGENET_MEAN, IMAGENET_STD, FrameView, Interpolation
from avloc.ranges import Amount, Deviation, Fraction, Hue, Level, Pixels, Sigma

Range = tuple[float, float]
BLUR = 3  # pixels, size of the Gaussian kernel


@dataclass(frozen=True)
class AugmentedFrameView:
    """Frames (B, H, W, 3) uint8 to (B, 3, size, size) float; the test view is that of FrameView.

    In training, in this order:
    turn: each frame is turned by 0, 90, 180 or 270 degrees.
    recolour: in this share, brightness, contrast and saturation are multiplied by factors from their ranges, and the
    hue is shifted by a part of the colour circle, in random order.
    blur: this share is blurred by a Gaussian of 3 pixels, with sigma from a range.
    resize: resize to this many pixels, of which `size` are cropped at random.
    flip, upside_down: shares that are mirrored horizontally and vertically.
    shift: each moves by up to this share of its sides, black outside.
    grey: this share becomes grey.
    mean, std, interpolation: see FrameView.

    The defaults are those of kaistmm/ssl_kccv @7e178e6, whose factors of at most 0.4 make most frames very dark.
    """

    __pydantic_config__ = {"extra": "forbid"}

    size: Pixels = 224
    resize: Pixels = 246
    turn: bool = True
    recolour: Fraction = 0.8
    brightness: tuple[Amount, Amount] = (0.0, 0.4)
    contrast: tuple[Amount, Amount] = (0.0, 0.4)
    saturation: tuple[Amount, Amount] = (0.0, 0.4)
    hue: tuple[Hue, Hue] = (0.0, 0.1)
    blur: Fraction = 0.5
    sigma: tuple[Sigma, Sigma] = (0.1, 2.0)
    flip: Fraction = 0.5
    upside_down: Fraction = 0.5
    shift: Fraction = 0.2
    grey: Fraction = 0.2
    mean: tuple[Level, Level, Level] = IMAGENET_MEAN
    std: tuple[Deviation, Deviation, Deviation] = IMAGENET_STD
    interpolation: Interpolation = "bicubic"

    def __call__(self, frames: Tensor, generator: Generator | None = None) -> Tensor:
        """With a generator, the training view; with None, the test view."""
        if generator is None:
            return FrameView(self.size, self.resize, mean=self.mean, std=self.std, interpolation=self.interpolation)(
                frames
            )
        images = frames.permute(0, 3, 1, 2).float() / 255
        if self.turn:
            turns = torch.randint(4, (len(images),), generator=generator).tolist()
            images = torch.stack([_turned(image, turn) for image, turn in zip(images, turns, strict=True)])
        images = torch.stack([self._recoloured(image, generator) for image in images])
        crops = FrameView(
            self.size, self.resize, True, False, mean=(0,) * 3, std=(1,) * 3, interpolation=self.interpolation
        )
        images = crops((images * 255).permute(0, 2, 3, 1), generator)
        images = torch.stack([self._placed(image, generator) for image in images])
        return change.normalize(images, list(self.mean), list(self.std))

    def _recoloured(self, image: Tensor, generator: Generator) -> Tensor:
        """(3, H, W) in [0, 1]."""
        changed, blurred, sigma, *factors = torch.rand(7, generator=generator).tolist()
        order = torch.randperm(4, generator=generator).tolist()
        if changed < self.recolour:
            steps = (change.adjust_brightness, change.adjust_contrast, change.adjust_saturation, change.adjust_hue)
            ranges = (self.brightness, self.contrast, self.saturation, self.hue)
            for number in order:
                image = steps[number](image, _between(ranges[number], factors[number]))
        if blurred < self.blur:
            image = change.gaussian_blur(image, [BLUR, BLUR], [_between(self.sigma, sigma)] * 2)
        return image

    def _placed(self, image: Tensor, generator: Generator) -> Tensor:
        """(3, size, size) flipped, shifted and made grey."""
        flipped, over, across, down, grey = torch.rand(5, generator=generator).tolist()
        if flipped < self.flip:
            image = image.flip(2)
        if over < self.upside_down:
            image = image.flip(1)
        limit = self.shift * self.size
        image = _moved(image, round(_between((-limit, limit), down)), round(_between((-limit, limit), across)))
        return change.rgb_to_grayscale(image, 3) if grey < self.grey else image


def _between(limits: Range, draw: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * draw


def _turned(image: Tensor, quarters: int) -> Tensor:
    """(3, H, W) rotated by right angles; the size stays, so that a frame that is not square loses its ends."""
    if image.shape[1] == image.shape[2]:
        return image.rot90(quarters, (1, 2))
    return change.rotate(image, 90.0 * quarters)


def _moved(image: Tensor, down: int, right: int) -> Tensor:
    """(3, H, W) shifted by whole pixels, black outside."""
    height, width = image.shape[1:]
    moved = torch.zeros_like(image)
    moved[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image[
        :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return moved
