"""A small canvas on which a sprite is composed from signed distances.

Coordinates run over [-1, 1] in x (right) and y (down). A distance is negative inside a shape; edges of masks are one
pixel wide.
"""

import numpy as np
from numpy.typing import NDArray

SIZE = 192  # px; larger than any sprite is shown
X = ((np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE * 2 - 1)[None]  # (1, SIZE), broadcasts against Y
Y = X.T.copy()

Plane = NDArray[np.floating]
Colour = NDArray[np.floating]  # RGB in [0, 1]


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Plane:
    """Distance to an ellipse, exact on its edge and for circles."""
    return (np.sqrt(((X - cx) / rx) ** 2 + ((Y - cy) / ry) ** 2) - 1) * min(rx, ry)


def box(cx: float, cy: float, hx: float, hy: float, corner: float = 0.0) -> Plane:
    """Distance to a rectangle with half sides hx, hy and rounded corners."""
    qx, qy = np.abs(X - cx) - hx + corner, np.abs(Y - cy) - hy + corner
    outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2)
    return outside + np.minimum(np.maximum(qx, qy), 0) - corner


def segment(ax: float, ay: float, bx: float, by: float, radius: float) -> Plane:
    """Distance to a thick line with round ends."""
    dx, dy = bx - ax, by - ay
    along = np.clip(((X - ax) * dx + (Y - ay) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
    return np.sqrt((X - ax - along * dx) ** 2 + (Y - ay - along * dy) ** 2) - radius


def polygon(*corners: tuple[float, float]) -> Plane:
    """Distance (up to the corners) to a convex polygon, corners clockwise on the screen."""
    sides = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = np.hypot(bx - ax, by - ay)
        sides.append((X - ax) * ((by - ay) / length) - (Y - ay) * ((bx - ax) / length))
    return np.maximum.reduce(sides)


def union(*shapes: Plane) -> Plane:
    return np.minimum.reduce(shapes)


def mask(distance: Plane) -> Plane:
    """Coverage in [0, 1] of each pixel by the shape."""
    return np.clip(0.5 - distance * (SIZE / 2), 0, 1)


def stripes(phase: Plane, share: float = 0.5) -> Plane:
    """A square wave of `phase` (one stripe per unit) with antialiased edges."""
    saw = np.abs((phase % 1) - 0.5) * 2
    return np.clip((share - saw) * 8 + 0.5, 0, 1)


class Canvas:
    """Colour and coverage of one sprite; outside the shape, the colour is that of the rim."""

    def __init__(self, rim: Colour) -> None:
        self.colour = np.empty((SIZE, SIZE, 3), np.float32)
        self.colour[:] = rim
        self.alpha = np.zeros((SIZE, SIZE), np.float32)

    def shape(self, distance: Plane, colour: Colour) -> None:
        """Add a part to the object."""
        cover = mask(distance)
        self._blend(cover, colour)
        self.alpha = np.maximum(self.alpha, cover)

    def detail(self, cover: Plane, colour: Colour) -> None:
        """Paint only on the object, where `cover` is in [0, 1]."""
        self._blend(cover * self.alpha, colour)

    def _blend(self, cover: Plane, colour: Colour) -> None:
        self.colour += cover[..., None] * (colour - self.colour)
