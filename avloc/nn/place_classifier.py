"""An ImageNet classifier applied at each position of a frame, instead of once to the whole frame."""

import torch
from torch import Tensor, nn

from avloc.errors import AvlocError
from avloc.nn import timm_models
from avloc.nn.timm_encoder import Timm, TimmNet

CLASSES = 1000  # classes of ImageNet


class PlaceClassifier(nn.Module):
    """Frames (B, 3, H, W) to the probabilities of ImageNet's classes at each position, (B, 1000, h, w).

    settings: a convolutional network of timm with its head; the head's pooling is left out. view: the FrameView of its
    frames. AvlocError for a transformer, whose head was never trained on single patches, and for other classes.
    """

    def __init__(self, settings: Timm, view: object):
        super().__init__()
        created = timm_models.create(settings.timm, settings.output_stride, getattr(view, "size", 224))
        with torch.no_grad():
            size = getattr(view, "size", 224)
            features = created.network.forward_features(torch.zeros(1, 3, size, size))
        if features.ndim != 4 or features.shape[2] < 2 or getattr(created.network, "num_classes", 0) != CLASSES:
            raise AvlocError(
                f"visual.timm is {settings.timm}; see_and_hear needs a convolutional network of ImageNet's classes, "
                "such as tf_efficientnet_lite0"
            )
        if settings.weights is not None:
            timm_models.load(created, settings.weights, head=True)
        self.eyes = TimmNet(created, True, None, settings.weights is not None, view)
        self.eyes.to(memory_format=torch.channels_last)  # a sixth faster on a CPU
        self.eval()

    def train(self, mode: bool = True) -> "PlaceClassifier":
        return super().train(False)  # it is never trained

    @torch.no_grad()
    def forward(self, frames: Tensor) -> Tensor:
        network = self.eyes.network
        features = network.forward_features(frames * self.eyes.scale + self.eyes.shift)
        places = features.permute(0, 2, 3, 1).flatten(0, 2)[:, :, None, None]
        likely = network.forward_head(places).float().softmax(1)
        return likely.unflatten(0, (len(frames), *features.shape[2:])).permute(0, 3, 1, 2)
