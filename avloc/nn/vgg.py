"""VGG: plain stacks of 3x3 convolutions, for frames."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from avloc.errors import AvlocError
from avloc.nn.pretrained import downloading, fill, read_plain, read_weights
from avloc.ranges import Blocks, Widths
from avloc.weights import kept


@dataclass(frozen=True)
class Vgg:
    """The defaults are VGG16 up to its last convolution, without the ReLU and the pool after it: stride 16, signed.

    widths, blocks: channels and convolutions of each stage; there are 2x2 max pools between stages. norms: batch
    normalisation after each convolution. weights: an ImageNet VGG16, as a file of torchvision's state dict (or SSPL's
    frame_best.pth), ``imagenet`` for torchvision's download, or a run whose frame encoder is a VGG too; None starts at
    random.
    """

    __pydantic_config__ = {"extra": "forbid"}

    widths: Widths = (64, 128, 256, 512, 512)
    blocks: Blocks = (2, 2, 3, 3, 3)
    norms: bool = False
    weights: str | None = None

    def build(self, channels: int = 3, view: Any = None) -> "VggNet":
        """An encoder of frames; AvlocError if the weights are not available or do not fit."""
        encoder = VggNet(self.widths, self.blocks, self.norms)
        if self.weights is not None:
            what = f"visual weights {self.weights}"
            state = read_weights(self.weights, "a VGG16 state dict", {"imagenet": _imagenet}, part="visual")
            own = {name.removeprefix("features."): name for name in encoder.state_dict()}
            theirs = {name.removeprefix("feat_extractor.").removeprefix("features."): v for name, v in state.items()}
            fill(encoder, {ours: theirs[name] for name, ours in own.items() if name in theirs}, what)
        return encoder


class VggNet(nn.Module):
    """(B, 3, H, W) to (B, widths[-1], h, w); its parameters have torchvision's names."""

    def __init__(self, widths: tuple[int, ...], blocks: tuple[int, ...], norms: bool):
        super().__init__()
        self.channels = widths[-1]
        self.features = nn.Sequential(*convolutions(3, widths, blocks, norms, "visual")[:-2])

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images)


def convolutions(
    channels: int, widths: tuple[int, ...], blocks: tuple[int, ...], norms: bool, what: str
) -> list[nn.Module]:
    """Stages of 3x3 convolutions with ReLU, a 2x2 max pool after each; Kaiming normal (fan out), biases zero."""
    if len(widths) != len(blocks) or not widths:
        raise AvlocError(f"{what}: {len(widths)} widths and {len(blocks)} blocks; give one of each for every stage")
    layers: list[nn.Module] = []
    for (before, width), count in zip(pairwise((channels, *widths)), blocks, strict=True):
        for number in range(count):
            layer = nn.Conv2d(before if number == 0 else width, width, 3, padding=1)
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            layers += [layer, nn.BatchNorm2d(width), nn.ReLU()] if norms else [layer, nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    return layers


def _imagenet() -> dict[str, Tensor]:
    if kept("vgg16").exists():
        return dict(read_plain(kept("vgg16")))
    from torchvision.models import VGG16_Weights

    with downloading():
        return dict(VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True))
