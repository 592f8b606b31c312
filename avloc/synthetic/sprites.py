"""From a drawing to a sprite whose size, aspect ratio, filled area, colour and contrast do not depend on its kind.

The drawing is posed and fitted to a given box; then a rim is added or corners are rounded until it fills a given share
of that box. So all these measures follow the distribution that the caller draws from.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from avloc.synthetic.canvas import SIZE, Canvas, Colour
from avloc.synthetic.drawings import DISTRACTORS, INSTRUMENTS, Palette

DRAWINGS = INSTRUMENTS | DISTRACTORS
Xyxy = tuple[int, int, int, int]  # px, end exclusive
MARGIN = 3  # px of empty border around a sprite, for soft edges under interpolation


def make_sprite(kind: str, width: int, height: int, fill: float, rng: Generator) -> NDArray[np.float32]:
    """RGBA in [0, 1], colours premultiplied, of a shape width x height px large and a MARGIN around it.

    fill: the share of its box that the shape covers, reached within a few hundredths.
    """
    canvas = Canvas(rim := _colour(rng))
    DRAWINGS[kind](canvas, _palette(rng, rim), rng)
    pose = _pose(rng)
    size = (width + 2 * MARGIN, height + 2 * MARGIN)
    rim_px, fitted = _fit(canvas.alpha, pose, width, height, fill)
    alpha = _rounded(_grown(cv2.warpAffine(canvas.alpha, fitted, size), rim_px), width, height, fill)
    refit = _onto_box(tight_box(alpha), width, height)
    alpha = cv2.warpAffine(alpha, refit, size)
    fitted = refit @ np.vstack([fitted, [0, 0, 1]])
    colour = cv2.warpAffine(canvas.colour, fitted, size, borderMode=cv2.BORDER_REPLICATE)
    colour = _normalised(colour * _texture(size, rng)[..., None], alpha, rng)
    return np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)


def _colour(rng: Generator) -> Colour:
    return rng.uniform(0.05, 0.95, 3).astype(np.float32)


def _palette(rng: Generator, rim: Colour) -> Palette:
    """Random colours; only the order of brightness is fixed: dark < main, second < light."""
    tones = {"main": rng.uniform(0.4, 0.6), "second": rng.uniform(0.3, 0.7), "dark": 0.1, "light": 0.95}
    paint = {name: np.clip(_colour(rng) * 0.7 - 0.35 + tone, 0, 1).astype(np.float32) for name, tone in tones.items()}
    return paint | {"rim": rim}


def _pose(rng: Generator) -> NDArray[np.float64]:
    """A 2 x 2 matrix: mirror, shear and rotation (up to 15 degrees)."""
    angle, shear = np.deg2rad(rng.uniform(-15, 15)), rng.uniform(-0.1, 0.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.array([[rng.choice([-1.0, 1.0]), shear], [0, 1]])


def _about_centre(linear: NDArray[np.float64], target: tuple[float, float]) -> NDArray[np.float64]:
    """The affine map that sends the canvas centre to `target` (px)."""
    shift = np.array(target) - linear @ np.full(2, (SIZE - 1) / 2)
    return np.column_stack([linear, shift])


def tight_box(alpha: NDArray) -> Xyxy:
    """The box of alpha > 0.5; all zero if nothing is visible."""
    shown = alpha > 0.5
    xs, ys = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
    return (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1) if len(xs) else (0, 0, 0, 0)


def _fit(alpha: NDArray, pose: NDArray, width: int, height: int, fill: float) -> tuple[float, NDArray[np.float64]]:
    """The rim (px) with which the shape reaches `fill`, and the map from canvas to sprite that leaves room for it."""
    small = pose * 0.7  # room for the rotated corners
    centre = (SIZE - 1) / 2
    x0, y0, x1, y1 = tight_box(cv2.warpAffine(alpha, _about_centre(small, (centre, centre)), (SIZE, SIZE)))
    middle = np.array([(x0 + x1 - 1) / 2 - centre, (y0 + y1 - 1) / 2 - centre])

    def to_box(w: float, h: float) -> NDArray[np.float64]:
        scale = np.diag([w / (x1 - x0), h / (y1 - y0)])
        target = np.array([width / 2 + MARGIN - 0.5, height / 2 + MARGIN - 0.5]) - scale @ middle
        return _about_centre(scale @ small, (target[0], target[1]))

    size = (width + 2 * MARGIN, height + 2 * MARGIN)
    shape = cv2.warpAffine(alpha, to_box(width, height), size) > 0.5
    away = cv2.distanceTransform((~np.pad(shape, 24)).astype(np.uint8), cv2.DIST_L2, 5)
    rims = np.arange(0, 33) / 200 * np.sqrt(width * height)
    within = np.searchsorted(np.sort(away, axis=None), rims, side="right")
    filled = within / ((width + 2 * rims) * (height + 2 * rims))
    best = int(np.argmax(filled >= fill)) if (filled >= fill).any() else len(rims) - 1
    shrink = 1 / (1 + 2 * rims[best] / np.sqrt(width * height))
    rim = float(rims[best] * shrink)
    return rim, to_box(width - 2 * rim, height - 2 * rim)


def _grown(alpha: NDArray, rim: float) -> NDArray:
    """The shape with a rim of this many px."""
    away = cv2.distanceTransform((alpha <= 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    return np.maximum(alpha, np.clip(rim + 1 - away, 0, 1)) if rim >= 0.5 else alpha


def _rounded(alpha: NDArray, width: int, height: int, fill: float) -> NDArray:
    """Round the corners (with a superellipse) if the shape fills more of its box than it should."""
    x = np.abs(np.arange(alpha.shape[1], dtype=np.float32) - (alpha.shape[1] - 1) / 2) / (width / 2)
    y = np.abs(np.arange(alpha.shape[0], dtype=np.float32) - (alpha.shape[0] - 1) / 2)[:, None] / (height / 2)

    def corners_off(power: float) -> NDArray:
        return alpha * np.clip((1 - (x**power + y**power) ** (1 / power)) * min(width, height) / 2 + 0.5, 0, 1)

    def too_full(shape: NDArray) -> bool:
        x0, y0, x1, y1 = tight_box(shape)
        return bool((shape > 0.5).sum() > fill * (x1 - x0) * (y1 - y0))

    if not too_full(alpha):
        return alpha
    low, high = 1.2, 12.0
    for _ in range(7):
        power = (low * high) ** 0.5
        low, high = (low, power) if too_full(corners_off(power)) else (power, high)
    return corners_off(low)


def _onto_box(found: Xyxy, width: int, height: int) -> NDArray[np.float64]:
    """The affine map that stretches the given box to the sprite's full size."""
    x0, y0, x1, y1 = found
    sx, sy = width / (x1 - x0), height / (y1 - y0)
    return np.array([[sx, 0, MARGIN - 0.5 + sx * (0.5 - x0)], [0, sy, MARGIN - 0.5 + sy * (0.5 - y0)]])


def _texture(size: tuple[int, int], rng: Generator) -> NDArray:
    """Value noise times linear shading, about 1."""
    grain = cv2.resize(rng.uniform(0.86, 1.14, (12, 12)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    slope = rng.uniform(-0.25, 0.25, 2)
    across = np.linspace(-slope[0], slope[0], size[0]) + np.linspace(-slope[1], slope[1], size[1])[:, None]
    return grain * (1 + across).astype(np.float32)


def _normalised(colour: NDArray, alpha: NDArray, rng: Generator) -> NDArray:
    """Give the shape a mean colour and a contrast that are drawn independently of its kind."""
    weight = alpha / alpha.sum()
    target, contrast = rng.uniform(0.32, 0.62, 3), rng.uniform(0.17, 0.22)
    for _ in range(3):  # again, to correct for clipping
        mean = np.tensordot(weight, colour, 2)
        spread = np.sqrt(np.tensordot(weight, (colour - mean).mean(2) ** 2, 2))
        colour = np.clip(target + (colour - mean) * (contrast / (spread + 1e-6)), 0, 1)
    return colour
