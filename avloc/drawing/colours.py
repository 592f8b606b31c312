"""The colours of all drawings: ground truth, heat, one hue per class, and the two themes of charts."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Colour = tuple[int, int, int]

SOUNDING: Colour = (46, 204, 82)  # solid lines
SILENT: Colour = (240, 62, 62)  # dashed, so that the meaning does not depend on colour only
OTHER: Colour = (196, 200, 208)  # dotted: an object outside the known classes
CASING: Colour = (12, 14, 18)  # under every line, so that it is visible on any frame


@dataclass(frozen=True)
class Theme:
    """Colours of a chart for matplotlib. lines: distinguishable on this background, also for colour-blind readers."""

    name: str
    background: str
    text: str
    faint: str
    grid: str
    lines: tuple[str, ...]


LIGHT = Theme(
    "light", "#ffffff", "#1d2430", "#667085", "#e4e7ec",
    ("#0072b2", "#d55e00", "#00795a", "#a8477f", "#8a6d00", "#3d3d3d"),
)  # fmt: skip
DARK = Theme(
    "dark", "#191d24", "#e6e9ef", "#98a2b3", "#333a46",
    ("#62b5f0", "#ff9a5c", "#3fcf9f", "#f09ac6", "#e6c34a", "#d0d0d0"),
)  # fmt: skip


def heat_colours(values: NDArray[np.floating]) -> Image:
    """Values in [0, 1] (H, W) as inferno's black, purple, orange, yellow: (H, W, 3)."""
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1])


def class_colours(count: int) -> list[Colour]:
    """One hue per class, evenly spaced; neighbours also differ in lightness."""
    hues = np.arange(count) * 180.0 / max(count, 1)
    light = np.where(np.arange(count) % 2 == 0, 255, 205)
    hsv = np.stack([np.rint(hues), np.full(count, 215), light], axis=1).astype(np.uint8).reshape(-1, 1, 3)
    if not count:
        return []
    return [(int(red), int(green), int(blue)) for red, green, blue in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[:, 0]]


def css(colour: Colour) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
