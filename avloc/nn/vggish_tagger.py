"""VGGish as a pretrained tagger: an embedding of windows of 0.96 seconds."""

from torch import Tensor, nn

from avloc.data.vggish_patches import VggishPatches
from avloc.nn.tags import Tags
from avloc.nn.vggish import Vggish


class VggishTagger(nn.Module):
    """Waveforms (B, S) at 16 kHz to the embedding (B, T, 128) of their windows; it has no classes.

    weights: torchvggish's file; None starts at random. The sound is used unchanged, not stretched as in SSPL.
    """

    rate, classes, embedding = 16_000, 0, 128

    def __init__(self, weights: str | None):
        super().__init__()
        self.view = VggishPatches(seconds=None, stretch=False)
        self.net = Vggish(weights=weights).build()

    def forward(self, waveforms: Tensor) -> Tags:
        patches = self.view(waveforms)
        found = self.net(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
        return Tags(None, found)
