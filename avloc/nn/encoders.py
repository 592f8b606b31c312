"""Residual encoders of frames and of spectrograms."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, conv1x1

from avloc.errors import AvlocError
from avloc.nn.pretrained import imagenet, read_weights
from avloc.nn.run_weights import take_projection
from avloc.ranges import Blocks, Channels, Strides, Widths

EXPECTED = "a ResNet-18 state dict, such as torchvision's resnet18-f37072fd.pth or resnet18-5c106cde.pth"


@dataclass(frozen=True)
class Backbone:
    """A ResNet of basic blocks; the defaults are ResNet-18 whose last stage keeps its resolution (stride 1).

    widths, blocks, strides: one value per stage. project: channels of a last 1x1 convolution without bias or ReLU, so that
    features have signs (no published encoder has it; None: none). weights: an ImageNet ResNet-18 for a frame encoder, as
    a file of torchvision's state dict or ``imagenet`` for torchvision's download; or the folder of a run, or one of its
    weights files, whose encoder of frames or of sounds has the same widths and blocks; None starts at random.
    """

    __pydantic_config__ = {"extra": "forbid"}

    widths: Widths = (64, 128, 256, 512)
    blocks: Blocks = (2, 2, 2, 2)
    strides: Strides = (1, 2, 2, 1)
    project: Channels | None = None
    weights: str | None = None

    def build(self, channels: int, view: Any = None) -> "ResNet":
        """An encoder of (B, channels, H, W); AvlocError if the weights are not available or do not fit.

        view: of the frames or spectrograms that it will get; a ResNet accepts anything but a waveform.
        """
        refuse_waveform(view)
        if not len(self.widths) == len(self.blocks) == len(self.strides):
            raise AvlocError(
                f"backbone: {len(self.widths)} widths, {len(self.blocks)} blocks and {len(self.strides)} strides; "
                "give one of each for every stage"
            )
        encoder = ResNet(channels, self.widths, self.blocks, self.strides)
        state = None
        if self.weights is not None:
            state = encoder.load_pretrained(self.weights, "visual" if channels == 3 else "audio")
            encoder.pretrained = True
        if self.project is not None:
            encoder.project = nn.Conv2d(encoder.channels, self.project, 1, bias=False)
            encoder.channels = self.project
        if state is not None:
            take_projection(encoder, state, f"backbone weights {self.weights}")
        return encoder


class ResNet(nn.Module):
    """(B, channels, H, W) to (B, widths[-1], h, w), with torchvision's names of the parameters and its blocks.

    A 7x7 stride-2 convolution and a stride-2 max pool, then the stages; no average pool, no classifier. Convolutions
    start Kaiming normal (fan out), batch norms at weight 1 and bias 0.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], blocks: tuple[int, ...], strides: tuple[int, ...]):
        super().__init__()
        self.channels, self.pretrained = widths[-1], False
        self.project: nn.Module = nn.Identity()
        self.conv1 = nn.Conv2d(channels, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.stages: list[str] = []
        before = widths[0]
        for number, (width, count, stride) in enumerate(zip(widths, blocks, strides, strict=True), start=1):
            self.stages.append(f"layer{number}")
            self.add_module(self.stages[-1], _stage(before, width, count, stride))
            before = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        return self.project(self.top(self.bottom(images)))

    def bottom(self, images: Tensor) -> Tensor:
        """Features (B, widths[-2], h, w) before the last stage."""
        # in place: these are the largest features, and the norm needs only its input
        features = torch.relu_(self.bn1(self.conv1(images)))
        features = nn.functional.max_pool2d(features, 3, stride=2, padding=1)
        for stage in self.stages[:-1]:
            features = getattr(self, stage)(features)
        return features

    def top(self, features: Tensor) -> Tensor:
        """The last stage on features of `bottom`."""
        return getattr(self, self.stages[-1])(features)

    def load_pretrained(self, weights: str, part: str) -> dict[str, Tensor]:
        """Load a torchvision ResNet-18 without its classifier, or that part (``visual``, ``audio``) of a run; returns all
        that was there. AvlocError naming what does not fit.
        """
        state = read_weights(weights, EXPECTED, {"imagenet": imagenet}, part=part)
        own = {name: value for name, value in state.items() if not name.startswith(("fc.", "project."))}
        try:
            self.load_state_dict(own)
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise AvlocError(f"backbone weights {weights}: they do not fit this backbone ({first})") from None
        return state


def _stage(before: int, width: int, count: int, stride: int) -> nn.Sequential:
    downsample = None
    if stride != 1 or before != width:
        shortcut = _NarrowShortcut(before, width, stride) if before < 8 else conv1x1(before, width, stride)
        downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))
    first = BasicBlock(before, width, stride, downsample)
    return nn.Sequential(first, *(BasicBlock(width, width) for _ in range(count - 1)))


class _NarrowShortcut(nn.Conv2d):
    """A 1x1 convolution with a stride and without bias, which takes its pixels first and has no stride left.

    With fewer than eight input channels next to each other in memory, the gradient of the strided one writes beyond its
    memory on a CPU with AVX2 and without AVX-512 (oneDNN 3.12 in PyTorch 2.14, jit_avx2_1x1_convolution_bwd_weights).
    """

    def __init__(self, before: int, width: int, stride: int):
        super().__init__(before, width, 1, stride=stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        down, across = self.stride
        return nn.functional.conv2d(features[:, :, ::down, ::across], self.weight)


def refuse_waveform(view: Any) -> None:
    """AvlocError if an encoder of spectrograms would get a waveform, which only taggers accept."""
    if hasattr(view, "waveform"):
        raise AvlocError(
            "sound is a waveform, which this audio encoder cannot hear: give model.audio a tagger, or model.sound the "
            "settings of a spectrogram"
        )


def jitter_norms(network: nn.Module) -> None:
    """Start batch norms at weights N(1, 0.02), as Hard Way and EZ-VSL do; a pretrained network stays unchanged."""
    if getattr(network, "pretrained", False):
        return
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
