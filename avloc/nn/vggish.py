"""VGGish: an embedding of patches of 0.96 seconds."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from avloc.nn.encoders import refuse_waveform
from avloc.nn.pretrained import fill, read_weights
from avloc.nn.vgg import convolutions
from avloc.ranges import Blocks, Channels, Widths

TIME, BANDS = 96, 64  # of a patch


@dataclass(frozen=True)
class Vggish:
    """Hershey et al., ICASSP 2017; the defaults are the published network, without PCA and quantisation.

    widths, blocks: channels and convolutions of each stage, a 2x2 max pool after each. hidden: width of the two inner
    linear layers. dim: of the embedding. norms: batch normalisation after each
    convolution. weights: torchvggish's ``vggish-10086976.pth``, or a run whose sound encoder is a VGGish too; None
    starts at random.
    """

    __pydantic_config__ = {"extra": "forbid"}

    widths: Widths = (64, 128, 256, 512)
    blocks: Blocks = (1, 1, 2, 2)
    hidden: Channels = 4096
    dim: Channels = 128
    norms: bool = False
    weights: str | None = None

    def build(self, channels: int = 1, view: Any = None) -> "VggishNet":
        """An encoder of patches; AvlocError if the weights are not available or do not fit."""
        refuse_waveform(view)
        encoder = VggishNet(self.widths, self.blocks, self.hidden, self.dim, self.norms)
        if self.weights is not None:
            state = read_weights(self.weights, "torchvggish's vggish-10086976.pth", {}, part="audio")
            used = {name: value for name, value in state.items() if name.startswith(("features.", "embeddings."))}
            fill(encoder, used, f"audio weights {self.weights}")
        return encoder


class VggishNet(nn.Module):
    """Patches (n, 1, 96, 64) to nonnegative embeddings (n, dim); its parameters have torchvggish's names."""

    def __init__(self, widths: tuple[int, ...], blocks: tuple[int, ...], hidden: int, dim: int, norms: bool):
        super().__init__()
        self.dim = dim
        self.features = nn.Sequential(*convolutions(1, widths, blocks, norms, "audio"))
        cells = (TIME >> len(widths)) * (BANDS >> len(widths))
        self.embeddings = nn.Sequential(
            nn.Linear(cells * widths[-1], hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, dim), nn.ReLU(),
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        # channels last before flattening, as the network was trained in TensorFlow
        return self.embeddings(self.features(patches).permute(0, 2, 3, 1).flatten(1))
