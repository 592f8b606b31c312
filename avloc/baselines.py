"""Baselines that ignore the sound, as heat maps: any method must beat them before one can claim that it hears."""

import cv2
import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]


def centre(count: int, size: int = 14) -> Maps:
    """A Gaussian in the middle, exp(-r^2 / 0.25^2) with r in frame widths: (N, size, size)."""
    axis = (np.arange(size) + 0.5) / size - 0.5
    blob = np.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / 0.25**2)
    return np.repeat(blob[None].astype(np.float32), count, axis=0)


def all_ones(count: int, size: int = 14) -> Maps:
    return np.ones((count, size, size), np.float32)


def saliency(frames: NDArray[np.uint8], size: int = 56) -> Maps:
    """Frequency-tuned saliency of frames (N, H, W, 3) RGB: distance of a blurred pixel's colour from the mean colour.

    Achanta et al., CVPR 2009; in Lab, (N, size, size).
    """
    maps = np.empty((len(frames), size, size), np.float32)
    for number, frame in enumerate(frames):
        lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.float32)
        distance = np.linalg.norm(cv2.GaussianBlur(lab, (5, 5), 0) - lab.mean((0, 1)), axis=2)
        maps[number] = cv2.resize(distance, (size, size), interpolation=cv2.INTER_AREA)
    return maps


def largest_object(boxes: NDArray[np.floating], clips: NDArray[np.integer], count: int, size: int = 112) -> Maps:
    """The box of the largest object of each clip filled with 1, whether it sounds or not: (N, size, size).

    boxes: (M, 4) xyxy in [0, 1] of all objects, clips: (M,) which of the `count` clips each is in. It knows the
    objects' boxes: an oracle that ignores the sound. A clip without objects has an empty map.
    """
    maps = np.zeros((count, size, size), np.float32)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for clip in np.unique(clips):
        mine = np.flatnonzero(clips == clip)
        left, top, right, bottom = boxes[mine[areas[mine].argmax()]] * size
        maps[clip, int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = 1
    return maps
