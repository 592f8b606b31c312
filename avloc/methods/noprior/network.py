"""Hear the Flow's attention: the features of the frame where the optical flow points (Fedorishin et al., WACV 2023)."""

from torch import Tensor, nn

NARROW = 8  # factor by which queries and keys are narrower than the features


class FlowAttention(nn.Module):
    """Each position of a frame attends to positions by their flow, and takes the features of the frame there.

    channels: of the frame's features; flow_channels: of the flow's. There is no scale and no output layer.
    """

    def __init__(self, channels: int, flow_channels: int):
        super().__init__()
        narrow = max(1, channels // NARROW)
        self.query = nn.Conv2d(channels, narrow, 1)
        self.key = nn.Conv2d(flow_channels, narrow, 1)
        self.value = nn.Conv2d(channels, channels, 1)

    def forward(self, frame: Tensor, flow: Tensor) -> Tensor:
        """(B, C, h, w) from features of the frame (B, C, h, w) and of the flow (B, C', h, w)."""
        query, key, value = (part.flatten(2) for part in (self.query(frame), self.key(flow), self.value(frame)))
        weights = (query.transpose(1, 2) @ key / query.shape[1] ** 0.5).softmax(-1)  # ONNX does not support `mT`
        return (value @ weights.transpose(1, 2)).view_as(frame)
