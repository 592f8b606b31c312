"""Encoders whose last stage can be run by itself: a ResNet's own, or a backbone of timm with a block behind it."""

from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from avloc.errors import AvlocError
from avloc.nn.encoders import Backbone, ResNet
from avloc.nn.senses import Eyes


class TimmTrunk(nn.Module):
    """A backbone of timm, whole, and a residual block of its width in the place of the published network's last stage.

    timm's networks cannot be cut in one way, and a frozen one should stay whole; so what the paper copies for matching
    (layer5) and runs on parts of frames is this block, which starts at random. Ours.
    """

    stages = ("last",)

    def __init__(self, encoder: Any):
        super().__init__()
        self.encoder, self.channels = encoder, encoder.channels
        self.last = BasicBlock(encoder.channels, encoder.channels)

    def bottom(self, frames: Tensor) -> Tensor:
        return self.encoder(frames)

    def top(self, features: Tensor) -> Tensor:
        return self.last(features)


def build_trunk(visual: Eyes, view: Any) -> ResNet | TimmTrunk:
    """AvlocError for a projection, which layer5 has none of."""
    if visual.project is not None:
        raise AvlocError(f"visual.project is {visual.project}; layer5 has no projection: leave it out")
    return visual.build(3, view) if isinstance(visual, Backbone) else TimmTrunk(visual.build(3, view))
