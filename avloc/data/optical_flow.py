"""Optical flow between two frames, as pictures."""

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

ZERO, LEVELS = 128, 8  # of signed pictures: the level of no motion, and levels per pixel of motion


def motion_of(senses: Any, before: Tensor, after: Tensor, generator: Generator | None = None) -> Tensor:
    """The flow from frames (B, H, W, 3) uint8 to those that follow them, through a method's view `motion`: (B, 2, H, W)."""
    seen: Tensor = senses.motion(flow_pictures(before, after, getattr(senses, "signed_motion", False)), generator)
    return seen[:, :2]


def flow_pictures(frames: Tensor, after: Tensor, signed: bool = False) -> Tensor:
    """Frames (B, H, W, 3) uint8 and the next ones to flow pictures of the same form: motion to the right, down, and 0.

    Farneback's algorithm with the settings of denfed/heartheflow @60ed54d, whose pictures have whole pixels from 0 to
    255, so motion to the left and up is lost. `signed` pictures (ours) cover 16 pixels either way, in eighths of a
    pixel.
    """
    import cv2

    pictures = np.zeros(frames.shape, np.uint8)
    for number, (first, second) in enumerate(zip(frames.cpu().numpy(), after.cpu().numpy(), strict=True)):
        one, other = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second))
        flow = cv2.calcOpticalFlowFarneback(one, other, np.empty(0), 0.5, 3, 15, 3, 5, 1.2, 0)
        levels = ZERO + LEVELS * flow if signed else flow
        pictures[number, ..., :2] = np.rint(levels).clip(0, 255)
    return torch.from_numpy(pictures).to(frames.device)
