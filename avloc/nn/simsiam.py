"""SimSiam's head and loss: two views predict one another, without negatives (Chen and He, CVPR 2021)."""

from torch import Tensor, nn
from torch.nn import functional as F


class SimSiamHead(nn.Module):
    """(B, channels) to a projection (B, width), and from that a prediction of the other view's projection."""

    def __init__(self, channels: int = 512, width: int = 2048, bottleneck: int = 512):
        super().__init__()
        self.projector = nn.Sequential(
            nn.Linear(channels, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width, affine=False),
        )  # fmt: skip
        self.predictor = nn.Sequential(
            nn.Linear(width, bottleneck, bias=False),
            nn.BatchNorm1d(bottleneck),
            nn.ReLU(),
            nn.Linear(bottleneck, width),
        )

    def forward(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """The prediction, and the projection as a constant target."""
        projection = self.projector(view)
        return self.predictor(projection), projection.detach()


def negative_cosine(predictions: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor]) -> Tensor:
    """Mean over clips and views of minus the cosine of each view's prediction (B, D) with the other's target: [-1, 1]."""
    one = F.cosine_similarity(predictions[0], targets[1], dim=1).mean()
    two = F.cosine_similarity(predictions[1], targets[0], dim=1).mean()
    return -0.5 * (one + two)
