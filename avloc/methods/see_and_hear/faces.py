"""Faces by OpenCV's YuNet, and which of several is talking."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_iou

from avloc.errors import AvlocError
from avloc.nn.motion import LEAST, correlation, levels
from avloc.weights import located

SURE = 0.7  # of a face, YuNet's own score
SIDE = 432  # px to which smaller frames are enlarged to find small faces, which YuNet otherwise misses
SMALL = (
    0.2  # of the frame's side: only smaller faces count there, because an enlarged clock face can look like a large one
)
SAME = 0.3  # IoU above which two boxes are one face
_ERRORS = 2  # OpenCV's level of messages that are errors; it warns about every file that it reads


class Faces:
    """weights: YuNet's file, or ``yunet`` for the one stored by `avloc weights`."""

    def __init__(self, weights: str):
        import cv2

        path = located(weights)
        if not path.is_file():
            raise AvlocError(f"faces {path}: no such file; give YuNet's .onnx file, yunet, or null for no faces")
        if hasattr(cv2, "setLogLevel"):  # OpenCV 4
            cv2.setLogLevel(_ERRORS)
        else:
            cv2.utils.logging.setLogLevel(_ERRORS)
        try:
            self._detector = cv2.FaceDetectorYN.create(str(path), "", (320, 320), SURE)
        except (cv2.error, AttributeError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise AvlocError(
                f"faces {path}: OpenCV {cv2.__version__} cannot read it as YuNet ({first[:120]})"
            ) from None

    def boxes(self, frames: Tensor) -> list[Tensor]:
        """For frames (B, 3, H, W) in [0, 1], the boxes (n, 4) of their faces, xyxy in [0, 1]."""
        found = self._boxes(frames)
        scale = SIDE / min(frames.shape[2:])
        if scale <= 1:
            return found
        enlarged = self._boxes(F.interpolate(frames, scale_factor=scale, mode="bilinear", align_corners=False))
        return [_with_small(own, more) for own, more in zip(found, enlarged, strict=True)]

    def _boxes(self, frames: Tensor) -> list[Tensor]:
        height, width = frames.shape[2:]
        self._detector.setInputSize((width, height))
        images = (frames.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).flip(3).contiguous().cpu().numpy()
        return [self._of(image, width, height).to(frames.device) for image in images]

    def _of(self, image: Any, width: int, height: int) -> Tensor:
        found = self._detector.detect(image)[1]
        if found is None:
            return torch.zeros(0, 4)
        x, y, w, h = np.asarray(found, np.float32)[:, :4].T
        places = np.stack([x / width, y / height, (x + w) / width, (y + h) / height], axis=1)
        return torch.from_numpy(places).clamp(0, 1)


def _with_small(boxes: Tensor, others: Tensor) -> Tensor:
    """Boxes (n, 4), and the small ones of `others` that are not among them."""
    small = others[(others[:, 2:] - others[:, :2]).amax(1) < SMALL]
    return torch.cat([boxes, small[(box_iou(small, boxes) < SAME).all(1)]])


def talking(boxes: Tensor, frames: Tensor, sound: Tensor) -> Tensor:
    """Confidence that each face of a clip talks, (n,) in [0, 1]: 1 for the highest.

    boxes: (n, 4). frames: (F, 3, H, W) in [0, 1]. sound: (S,). It is the correlation of the change in the lower half of
    the face with the sound's level; 1 for all if they cannot be distinguished: one face, fewer than 4 frames, none that
    moves with the sound.
    """
    if len(boxes) < 2 or len(frames) < LEAST:
        return torch.ones(len(boxes), device=boxes.device)
    grey = frames.mean(1)
    height, width = grey.shape[1:]
    changed = []
    for left, top, right, bottom in boxes.tolist():
        rows = slice(
            int((top + bottom) / 2 * height), max(int((top + bottom) / 2 * height) + 1, round(bottom * height))
        )
        columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
        part = grey[:, rows, columns]
        changed.append((part[1:] - part[:-1]).abs().mean((1, 2)))
    agreement = correlation(torch.stack(changed, dim=1)[None], levels(sound[None], len(frames)))[0]
    if not agreement.max() > 0:
        return torch.ones(len(boxes), device=boxes.device)
    return agreement / agreement.max()


def drawn(boxes: Tensor, weights: Tensor, shape: tuple[int, int]) -> Tensor:
    """Boxes (n, 4) filled with their weights on a grid (h, w): for each cell the share covered by a box."""
    rows, columns = (
        _covered(boxes[:, axis], boxes[:, axis + 2], count) for axis, count in ((1, shape[0]), (0, shape[1]))
    )
    parts = rows[:, :, None] * columns[:, None, :] * weights[:, None, None]
    return parts.amax(0) if len(boxes) else boxes.new_zeros(shape)


def _covered(start: Tensor, stop: Tensor, count: int) -> Tensor:
    """(n, count), the share of each of `count` cells between start and stop, in [0, 1]."""
    edges = torch.arange(count + 1, device=start.device) / count
    inside = torch.minimum(stop[:, None], edges[1:]) - torch.maximum(start[:, None], edges[:-1])
    return (inside * count).clamp(0, 1)
