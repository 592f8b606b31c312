"""The predictive coding module of SSPL (Song et al., CVPR 2022, section 3.3)."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.errors import AvlocError

LAYERS = 3


class PredictiveCoding(nn.Module):
    """Frame features (B, C, h, w) modified by their sound (B, sound): the same shape.

    Three layers have representations r of the frame, at h, h/2 and h/4; below them is the sound. Feedback predicts each
    layer from the one above it, feedforward carries the errors of the predictions up again; `cycles` such rounds follow
    the initialisation. Operators and rates are shared by the cycles, batch norms are not. Layers are numbered as in
    zjsong/SSPL @d1af4c7: 0 is next to the sound, 2 represents the frame.
    """

    def __init__(self, channels: int = 512, sound: int = 128, cycles: int = 4):
        super().__init__()
        self.cycles = cycles
        self.predict = nn.ModuleList(
            [nn.Conv2d(channels, sound, 1)]
            + [nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(LAYERS - 1)]
        )
        self.correct = nn.ModuleList(
            [
                nn.ConvTranspose2d(sound, channels, 1, bias=False),
                nn.ConvTranspose2d(channels, channels, 3, stride=2, bias=False),
                nn.ConvTranspose2d(channels, channels, 3, padding=1, bias=False),
            ]
        )
        self.out = nn.ConvTranspose2d(channels, channels, 1)
        self.feedback_rates = nn.ParameterList([torch.full((1, channels, 1, 1), 0.5) for _ in range(LAYERS)])
        self.error_rates = nn.ParameterList([torch.full((1, channels, 1, 1), 1.0) for _ in range(LAYERS)])
        self.first_predicted, self.first_corrected = _norms(channels, 2), _norms(channels, 3)
        self.predicted, self.corrected = _norms(channels, 2 * cycles), _norms(channels, 3 * cycles)

    def rates(self) -> list[Tensor]:
        """The parameters that are not weights of a layer: published without weight decay."""
        return [*self.feedback_rates, *self.error_rates]

    def forward(self, frame: Tensor, sound: Tensor) -> Tensor:
        state = frame
        for state in self._states(frame, sound):  # noqa: B007
            pass
        return self.out(state)

    def steps(self, frame: Tensor, sound: Tensor) -> list[Tensor]:
        """The result of `forward` after the initialisation and after each cycle: cycles + 1 of (B, C, h, w)."""
        return [self.out(state) for state in self._states(frame, sound)]

    def _states(self, frame: Tensor, sound: Tensor) -> Iterator[Tensor]:
        """The top representation r2 after the initialisation and after each cycle."""
        _refuse_grid(frame)
        p1 = F.gelu(self.first_predicted[1](self._down(2, frame)))
        p0 = F.gelu(self.first_predicted[0](self._down(1, p1)))
        r0 = F.gelu(self.first_corrected[0](p0 + self._sound_error(sound, p0)))
        r1 = F.gelu(self.first_corrected[1](p1 + self._error(1, r0 - p0)))
        r2 = F.gelu(self.first_corrected[2](frame + self._error(2, r1 - p1)))
        yield r2
        for t in range(self.cycles):
            r2 = F.gelu(self._mixed(2, r2, frame))
            p1 = self._down(2, r2)
            r1 = F.gelu(self.predicted[2 * t + 1](self._mixed(1, r1, p1)))
            p0 = self._down(1, r1)
            r0 = F.gelu(self.predicted[2 * t](self._mixed(0, r0, p0)))
            r0 = F.gelu(self.corrected[3 * t](r0 + self._sound_error(sound, r0)))
            r1 = F.gelu(self.corrected[3 * t + 1](r1 + self._error(1, r0 - p0)))
            r2 = F.gelu(self.corrected[3 * t + 2](r2 + self._error(2, r1 - p1)))
            yield r2

    def _down(self, layer: int, representation: Tensor) -> Tensor:
        """A layer's prediction of the one below it, half as high and wide."""
        return F.max_pool2d(self.predict[layer](representation), 2)

    def _mixed(self, layer: int, representation: Tensor, prediction: Tensor) -> Tensor:
        rate = F.relu(self.feedback_rates[layer])
        return (1 - rate) * representation + rate * prediction

    def _error(self, layer: int, error: Tensor) -> Tensor:
        """The error of the layer below, carried up and weighted."""
        if layer == 2:
            error = F.interpolate(error, scale_factor=2, mode="bilinear", align_corners=True)
        return F.relu(self.error_rates[layer]) * self.correct[layer](error)

    def _sound_error(self, sound: Tensor, representation: Tensor) -> Tensor:
        """The difference between the sound and layer 0's prediction of it, the same at every position."""
        predicted = F.gelu(self.predict[0](representation)).mean((2, 3))
        return F.relu(self.error_rates[0]) * self.correct[0]((sound - predicted)[:, :, None, None])


def _norms(channels: int, count: int) -> nn.ModuleList:
    return nn.ModuleList([nn.BatchNorm2d(channels) for _ in range(count)])


def _refuse_grid(frame: Tensor) -> None:
    """Halving twice and doubling twice must give the same size: 14 -> 7 -> 3 -> 7 -> 14, not 16 -> 8 -> 4 -> 9."""
    height, width = frame.shape[2:]
    if height % 4 != 2 or width % 4 != 2 or min(height, width) < 6:
        raise AvlocError(
            f"the frame encoder gives {height}x{width} positions; predictive coding needs sides of 6, 10, 14, 18 ... "
            "positions (published: 14, of 224 px): choose frame.size accordingly, or pcm_cycles: 0"
        )
