"""MobileCRNN-v2: which classes are in a sound, and when; inverted residuals, then a recurrent layer over time."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual

from avloc.errors import AvlocError
from avloc.nn.pretrained import fill, read_weights
from avloc.ranges import Channels, Few

EXPECTED = "the audio tagger's mobilecrnn_v2.pth"
SMALLEST = 1e-7  # lower bound of probabilities, so that logarithms and quotients are finite
Bands = Annotated[int, Field(ge=31, le=4096)]  # halved five times


class Heard(NamedTuple):
    """steps: (B, T', C), probabilities of the classes in each step of about 4 spectrogram frames. clip: (B, C)."""

    steps: Tensor
    clip: Tensor


@dataclass(frozen=True)
class MobileCrnn:
    """The network of the sound in coarse-to-fine's original version, and its audio tagger; the defaults are published.

    widths: channels of the four groups of blocks. expand: expansion factor of a block. hidden: of the recurrent layer,
    per direction. bands: mel bands of the spectrogram. weights: the tagger's ``mobilecrnn_v2.pth``; None starts at
    random.
    """

    __pydantic_config__ = {"extra": "forbid"}

    widths: tuple[Channels, Channels, Channels, Channels] = (64, 128, 256, 512)
    expand: Few = 6
    hidden: Channels = 128
    bands: Bands = 64
    weights: str | None = None

    def build(self, classes: int, head: bool = False) -> "MobileCrnnNet":
        """A network of `classes`; head: the weights' last layer is used too, otherwise it starts at random.

        AvlocError if the weights are not available or do not fit.
        """
        network = MobileCrnnNet(classes, self.widths, self.expand, self.hidden, self.bands)
        if self.weights is not None:
            own = network.state_dict()
            state = read_weights(self.weights, EXPECTED, {})
            taken = {name: value for name, value in state.items() if name in own}
            if not head:
                taken |= {name: value for name, value in own.items() if name.startswith("outputlayer.")}
            fill(network, taken, f"audio weights {self.weights}")
        return network


def read_tagger(weights: str) -> "MobileCrnnNet":
    """The audio tagger in a file, with widths and classes inferred from it; AvlocError if it is not one."""
    state = read_weights(weights, EXPECTED, {}, "")
    try:
        widths = tuple(
            len(state[name]) for name in ("features.0.1.bias", *(f"features.{n}.conv.3.bias" for n in (4, 7, 10)))
        )
        expand = len(state["features.2.conv.0.0.weight"]) // widths[0]
        hidden, classes = state["gru.rnn.weight_hh_l0"].shape[1], len(state["outputlayer.bias"])
        bands = state["gru.rnn.weight_ih_l0"].shape[1] // widths[3] * 32
    except (KeyError, IndexError) as error:
        raise AvlocError(f"weights {weights}: not {EXPECTED} (no {error.args[0]})") from None
    return MobileCrnn(widths, expand, hidden, bands, weights).build(classes, head=True).eval()  # type: ignore[arg-type]


class MobileCrnnNet(nn.Module):
    """Log-mel spectrograms (B, 1, T, F) to probabilities; its parameters have the published names.

    `features` are (B, widths[3], T', F'), with 251 frames and 64 bands (B, 512, 63, 2); `rest` continues from them.
    """

    def __init__(self, classes: int, widths: tuple[int, int, int, int], expand: int, hidden: int, bands: int):
        super().__init__()
        self.channels = widths[3]
        one, two, three, four = widths
        stem = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, one, 5, stride=2, padding=2), nn.SiLU())
        self.features = nn.Sequential(
            stem, nn.MaxPool2d(2),
            _block(one, one, expand), nn.MaxPool2d((1, 2)),
            _block(one, two, expand), _block(two, two, expand), nn.MaxPool2d((1, 2)),
            _block(two, three, expand), _block(three, three, expand), nn.MaxPool2d((1, 2)),
            _block(three, four, expand), _block(four, four, expand),
        )  # fmt: skip
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.gru = _Recurrent(four * ((bands + 1) // 2 // 16), hidden)
        self.outputlayer = nn.Linear(2 * hidden, classes)

    def forward(self, sounds: Tensor) -> Heard:
        return self.rest(self.features(sounds))

    def rest(self, features: Tensor) -> Heard:
        """(B, D, T', F') to probabilities of each step and of the clip."""
        series = features.transpose(1, 2).flatten(2).float()
        steps = self.outputlayer(self.gru(series)).float().sigmoid().clamp(SMALLEST, 1)
        return Heard(steps, linear_softmax(steps).clamp(SMALLEST, 1))


def linear_softmax(steps: Tensor) -> Tensor:
    """Mean of probabilities (B, T, C) over time, each weighted by itself: (B, C). Wang et al., ICASSP 2019."""
    return steps.square().sum(1) / steps.sum(1)


class _Recurrent(nn.Module):
    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.rnn = nn.GRU(channels, hidden, batch_first=True, bidirectional=True)

    def forward(self, series: Tensor) -> Tensor:
        return self.rnn(series)[0]


def _block(before: int, after: int, expand: int) -> nn.Module:
    return InvertedResidual(before, after, stride=1, expand_ratio=expand)
