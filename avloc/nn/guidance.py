"""Object guidance: what an ImageNet encoder finds salient in a frame, whatever its sound (Mo and Morgado, ECCV 2022)."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from avloc.nn.similarity import in_full, min_max


def build_guide(eyes: Any, frame: Any) -> nn.Module | None:
    """The frozen guiding encoder; None for None. eyes, frame: encoder settings and its frame view."""
    return None if eyes is None else eyes.build(3, frame).requires_grad_(False)


def rest(guide: nn.Module | None) -> None:
    """Keep the guide in evaluation mode; call it after ``train()`` of the method that owns it."""
    if guide is not None:
        guide.eval()


def object_maps(guide: nn.Module | None, frames: Tensor) -> Tensor | None:
    """Object maps: (B, 1, h, w), the mean absolute feature of the guide; None without a guide."""
    return None if guide is None else in_full(guide(frames)).abs().mean(1, keepdim=True)


def guided(maps: Tensor, objects: Tensor, alpha: float, size: tuple[int, ...]) -> Tensor:
    """alpha times the audio-visual maps (B, 1, h, w) and 1 - alpha times the object maps (B, 1, h', w').

    Both are resized to `size` and scaled to [0, 1] per clip before they are added.
    """
    maps, objects = (F.interpolate(part, size=size, mode="bilinear", align_corners=True) for part in (maps, objects))
    return alpha * min_max(maps) + (1 - alpha) * min_max(objects)
