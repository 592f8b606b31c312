"""Five families of background, all of random colours: noise, stripes, bricks, floor and wall, blobs."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


def draw_background(width: int, height: int, rng: Generator) -> NDArray[np.uint8]:
    """RGB uint8 (height, width, 3)."""
    base = rng.uniform(0.15, 0.85, 3)
    other = np.clip(base + rng.uniform(-0.22, 0.22, 3), 0, 1)
    family = (_noise, _stripes, _bricks, _room, _blobs)[rng.integers(5)]
    share = family(width, height, rng)[..., None]
    picture = base + share * (other - base)
    grain = cv2.resize(rng.uniform(0.9, 1.1, (8, 10)), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.rint(np.clip(picture * grain[..., None], 0, 1) * 255).astype(np.uint8)


def _grid(width: int, height: int) -> tuple[NDArray, NDArray]:
    return np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]


def _noise(width: int, height: int, rng: Generator) -> NDArray:
    cells = int(rng.integers(4, 16))
    grain = rng.random((cells, cells + cells // 3), np.float32)
    return cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)


def _stripes(width: int, height: int, rng: Generator) -> NDArray:
    x, y = _grid(width, height)
    angle, period = rng.uniform(0, np.pi), rng.uniform(24, 80)
    return 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)


def _bricks(width: int, height: int, rng: Generator) -> NDArray:
    x, y = _grid(width, height)
    tall = rng.uniform(18, 36)
    row = np.floor(y / tall)
    mortar = np.minimum(np.abs(y / tall % 1 - 0.5), np.abs((x / (2.2 * tall) + row / 2) % 1 - 0.5) * 2.2)
    return np.clip(mortar * 12, 0, 1)


def _room(width: int, height: int, rng: Generator) -> NDArray:
    x, y = _grid(width, height)
    edge = rng.uniform(0.5, 0.8) * height
    boards = 0.75 + 0.25 * np.cos((x - width / 2) / (np.maximum(y - edge, 1) + 40) * 12)
    return np.where(y > edge, boards, 0.2 * y / height)


def _blobs(width: int, height: int, rng: Generator) -> NDArray:
    x, y = _grid(width, height)
    total = np.zeros((height, width), np.float32)
    for cx, cy, spread in zip(rng.uniform(0, width, 7), rng.uniform(0, height, 7), rng.uniform(14, 45, 7), strict=True):
        total += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * spread**2))
    return np.clip(total, 0, 1)
