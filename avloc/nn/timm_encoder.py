"""Any backbone of the timm library as a frame encoder, with pretrained weights, frozen or free."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from avloc.errors import AvlocError
from avloc.nn import timm_models, timm_steps
from avloc.nn.run_weights import take_projection
from avloc.nn.timm_models import Created
from avloc.ranges import Channels, Groups


@dataclass(frozen=True)
class Timm:
    """A backbone of timm instead of a ResNet-18 or VGG16, for frames only.

    timm: its name, such as ``tf_efficientnet_lite0`` or ``vit_small_patch14_reg4_dinov2.lvd142m``. A convolutional
    network gives its last feature map; a vision transformer gives its grid of patches, without class and register
    tokens.
    weights: ``download`` lets timm download them; ``package`` takes them from an installed package (only
    tf_efficientnet_lite0); or a file, a name that `avloc weights` lists, or a run with the same backbone. None starts at
    random.
    output_stride: pixels of the frame per position of the map; None leaves the network unchanged (most have 32, vision
    transformers have their patch size).
    frozen: True freezes every layer, False none. A number N freezes the first N groups of layers, as timm counts them
    from the input; -N leaves the last N free. Frozen layers keep their batch statistics and get no gradients.
    project: channels of a last 1x1 convolution without bias, which is always trained; None: none.
    """

    __pydantic_config__ = {"extra": "forbid"}

    timm: str
    weights: str | None = "download"
    output_stride: Literal[8, 16, 32] | None = None
    frozen: bool | Groups = True
    project: Channels | None = None

    def build(self, channels: int = 3, view: Any = None) -> "TimmNet":
        """An encoder of (B, 3, H, W). view: the FrameView of its frames.

        AvlocError if timm, the model or its weights are missing or do not fit, or if there is no grid of features.
        """
        if channels != 3:
            raise AvlocError(f"audio.timm is {self.timm}: timm's backbones are for frames; use it for visual")
        created = timm_models.create(self.timm, self.output_stride, getattr(view, "size", 224))
        state = {} if self.weights is None else timm_models.load(created, self.weights)
        created.network.prune_intermediate_layers(1, False, True)
        encoder = TimmNet(created, self.frozen, self.project, self.weights is not None, view)
        take_projection(encoder, state, f"visual weights {self.weights}")
        return encoder


class TimmNet(nn.Module):
    """Frames (B, 3, H, W), standardised by their view, to features (B, channels, h, w).

    The network was trained on frames standardised in its own way, so the view's mean and deviation are undone and the
    network's own applied: any FrameView works. `pretrained`: its weights were read from a file and must not be
    reinitialised.

    If the network is frozen, or its first layers are and it runs step by step, `keeps` is true: `features` are the same
    in every epoch, and cached features, (B, kept_channels, h, w), are accepted instead of frames.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, created: Created, frozen: bool | int, project: int | None, pretrained: bool, view: Any):
        super().__init__()
        self.network, self.pretrained = created.network, pretrained
        self.channels = created.channels if project is None else project
        self.project: nn.Module = (
            nn.Identity() if project is None else nn.Conv2d(created.channels, project, 1, bias=False)
        )
        self.view = None if view is None else (tuple(view.mean), tuple(view.std))
        mean, std = (torch.tensor(values) for values in self.view or (created.mean, created.std))
        scale, shift = std / torch.tensor(created.std), (mean - torch.tensor(created.mean)) / torch.tensor(created.std)
        self.register_buffer("scale", scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, 3, 1, 1), persistent=False)
        self._frozen = timm_models.groups_to_freeze(created, frozen)
        self.frozen = not any(parameter.requires_grad for parameter in self.network.parameters())
        size = getattr(view, "size", 224)
        self._steps = timm_steps.steps_of(self.network, size) if self._frozen and not self.frozen else []
        self._first = timm_steps.frozen_steps(self.network, self._steps)
        self.keeps = self.frozen or bool(self._first)
        self.kept_channels = created.channels
        self.signature = f"{created.name}, output stride {created.output_stride}, {timm_models.version()}"
        if self._first:
            with torch.no_grad():
                self.kept_channels = timm_steps.run(self.network, self._first, torch.zeros(1, 3, size, size)).shape[1]
            self.signature += f", up to {self._first[-1]}"

    def train(self, mode: bool = True) -> "TimmNet":
        super().train(mode)
        if self.frozen:
            self.network.eval()
        elif mode:
            for name in (*self._frozen, *self._first):
                self.network.get_submodule(name).eval()
        return self

    def forward(self, frames: Tensor) -> Tensor:
        features = self.features(frames)
        if self._first:
            features = timm_steps.run(self.network, self._steps[len(self._first) :], features)
        return self.project(features)

    def features(self, frames: Tensor) -> Tensor:
        """The features of frames that can be cached, (B, kept_channels, h, w): the output of the frozen layers; for a
        network without frozen layers, of all.

        Frozen layers compute in full precision, so that cached features do not depend on the training.
        """
        if frames.shape[1] == self.kept_channels:
            return frames
        if not self.keeps:
            return self._grid(frames)
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            frames = frames.float()
            if self._first:
                return timm_steps.run(self.network, self._first, frames * self.scale + self.shift)
            return self._grid(frames)

    def kept_state(self) -> dict[str, Tensor]:
        """The weights that `features` depend on."""
        state = self.network.state_dict()
        if not self._first:
            return state
        return {
            name: value for name, value in state.items() if name.startswith(tuple(f"{one}." for one in self._first))
        }

    def _grid(self, frames: Tensor) -> Tensor:
        try:
            return timm_models.grid(self.network, frames * self.scale + self.shift)
        except AssertionError as error:  # how timm rejects a size
            size = "x".join(map(str, frames.shape[2:]))
            raise AvlocError(
                f"frames of {size} pixels: this timm backbone does not accept them ({error}); set frame.size"
            ) from None
