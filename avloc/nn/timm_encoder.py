"""Any backbone of the timm library as a frame encoder, with pretrained weights, frozen or free."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from avloc.errors import AvlocError
from avloc.nn import timm_models
from avloc.nn.timm_models import Created


@dataclass(frozen=True)
class Timm:
    """A backbone of timm in place of a ResNet-18 or VGG16, for frames only.

    timm: its name, such as ``tf_efficientnet_lite0`` or ``vit_small_patch14_reg4_dinov2.lvd142m``. A convolutional network
    gives its last feature map; a vision transformer gives its grid of patches, without class and register tokens.
    weights: ``download`` lets timm download them; ``package`` takes them from an installed package (only
    tf_efficientnet_lite0); or a file, or a name that `avloc weights` lists. None starts at random.
    output_stride: pixels of the frame for each place of the map; None leaves the network as it is (most have 32, vision
    transformers have their patch size).
    frozen: True freezes every layer, False none. A number N freezes the first N groups of layers, as timm counts them from
    the input; -N leaves the last N free. Frozen layers keep their batch statistics and get no gradients.
    project: channels of a last 1x1 convolution without bias, which is always trained; None: none.
    """

    __pydantic_config__ = {"extra": "forbid"}

    timm: str
    weights: str | None = "download"
    output_stride: Literal[8, 16, 32] | None = None
    frozen: bool | int = True
    project: PositiveInt | None = None

    def build(self, channels: int = 3, view: Any = None) -> "TimmNet":
        """An encoder of (B, 3, H, W). view: the FrameView whose frames it will see.

        AvlocError where timm, the model or its weights are missing, do not fit, or give no grid of features.
        """
        if channels != 3:
            raise AvlocError(f"audio.timm is {self.timm}: timm's backbones look at frames; use it for visual")
        created = timm_models.create(self.timm, self.output_stride, getattr(view, "size", 224))
        if self.weights is not None:
            timm_models.load(created, self.weights)
        created.network.prune_intermediate_layers(1, False, True)
        return TimmNet(created, self.frozen, self.project, self.weights is not None, view)


class TimmNet(nn.Module):
    """Frames (B, 3, H, W), standardised by their view, to features (B, channels, h, w).

    The network was trained on frames standardised in its own way, so the view's mean and deviation are taken back and the
    network's own applied: any FrameView will do. Features that were computed before, (B, kept_channels, h, w), are taken
    as they are and only projected. `pretrained`: its weights were read from a file, so nothing may redraw them.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, created: Created, frozen: bool | int, project: int | None, pretrained: bool, view: Any):
        super().__init__()
        self.network, self.pretrained = created.network, pretrained
        self.kept_channels = created.channels
        self.channels = created.channels if project is None else project
        self.project: nn.Module = (
            nn.Identity() if project is None else nn.Conv2d(created.channels, project, 1, bias=False)
        )
        self.signature = f"{created.name}, output stride {created.output_stride}, {timm_models.version()}"
        self.view = None if view is None else (tuple(view.mean), tuple(view.std))
        mean, std = (torch.tensor(values) for values in self.view or (created.mean, created.std))
        scale, shift = std / torch.tensor(created.std), (mean - torch.tensor(created.mean)) / torch.tensor(created.std)
        self.register_buffer("scale", scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, 3, 1, 1), persistent=False)
        self._frozen = timm_models.groups_to_freeze(created, frozen)
        self.frozen = not any(parameter.requires_grad for parameter in self.network.parameters())

    def train(self, mode: bool = True) -> "TimmNet":
        super().train(mode)
        if self.frozen:
            self.network.eval()
        elif mode:
            for name in self._frozen:
                self.network.get_submodule(name).eval()
        return self

    def forward(self, frames: Tensor) -> Tensor:
        return self.project(self.features(frames))

    def features(self, frames: Tensor) -> Tensor:
        """What the network sees, (B, kept_channels, h, w), before the projection.

        A frozen network computes in full precision, so that what is kept of it does not depend on the training.
        """
        if frames.shape[1] == self.kept_channels:
            return frames
        if not self.frozen:
            return self._grid(frames)
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            return self._grid(frames.float())

    def _grid(self, frames: Tensor) -> Tensor:
        try:
            return timm_models.grid(self.network, frames * self.scale + self.shift)
        except AssertionError as error:  # how timm refuses a size
            size = "x".join(map(str, frames.shape[2:]))
            raise AvlocError(
                f"frames of {size} pixels: this timm backbone refuses them ({error}); set frame.size"
            ) from None
