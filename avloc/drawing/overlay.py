"""A heat map over a picture of any size: heat, contour lines, boxes with names."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import CASING, SILENT, SOUNDING, Colour, Image

View = Literal["heat", "boxes", "contour", "none"]
Colours = Literal["inferno", "turbo", "viridis", "magma", "jet", "hot"]
LEVELS = (0.5, 0.8)  # of the scale; levels of the contour lines
LEAST = 0.08  # of the scale; below it the picture is unchanged


class Tag(NamedTuple):
    """A box, xyxy in [0, 1], with its text; green if it sounds, red and dashed if it is silent."""

    box: tuple[float, float, float, float]
    words: str
    sounding: bool


@dataclass(frozen=True)
class Overlay:
    """How heat is drawn. opacity: of the hottest position, from 0 to 1."""

    view: View = "heat"
    colours: Colours = "inferno"
    opacity: float = 0.6

    def __call__(self, image: Image, heat: NDArray[np.floating] | None, tags: Sequence[Tag] = ()) -> Image:
        """A picture (H, W, 3) with a map (h, w) of values in [0, 1], stretched over it; None leaves it unchanged.

        Boxes are drawn in all views but ``none``.
        """
        if self.view == "none" or heat is None:
            return image
        if self.view == "heat":
            image = self._heated(image, heat)
        elif self.view == "contour":
            image = _with_contours(image, heat)
        return with_tags(image, tags) if tags else image

    def _heated(self, image: Image, heat: NDArray[np.floating]) -> Image:
        height, width = image.shape[:2]
        levels = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
        big = cv2.resize(levels, (width, height), interpolation=cv2.INTER_LINEAR)
        colours, clear = _tables(self.colours, self.opacity)
        # cv2's own loops: 640x360 in a millisecond
        under = cv2.multiply(image, cv2.applyColorMap(big, clear), scale=1 / 255)
        return cv2.add(under, cv2.applyColorMap(big, colours)).astype(np.uint8, copy=False)


def ramp_of(colours: str) -> NDArray[np.uint8]:
    """(256, 3) RGB of a colour map, from low to high."""
    ramp: Any = np.arange(256, dtype=np.uint8)[:, None]
    names = {name: getattr(cv2, f"COLORMAP_{name.upper()}") for name in Colours.__args__}  # type: ignore[attr-defined]
    return np.ascontiguousarray(cv2.applyColorMap(ramp, names[colours])[:, 0, ::-1], np.uint8)


@lru_cache(maxsize=16)
def _tables(colours: str, opacity: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """For each level, the colour times its opacity (256, 1, 3) RGB, and 255 times the remaining share of the picture."""
    rgb = ramp_of(colours)[:, None].astype(np.float32)
    above = np.clip((np.arange(256) / 255 - LEAST) / (1 - LEAST), 0, 1)
    strength = (above**0.7 * opacity).astype(np.float32)[:, None, None]
    clear = np.repeat((1 - strength) * 255, 3, axis=2)
    return np.rint(rgb * strength).astype(np.uint8), np.rint(clear).astype(np.uint8)


def _with_contours(image: Image, heat: NDArray[np.floating]) -> Image:
    height, width = image.shape[:2]
    out = image.copy()
    big = cv2.resize(np.asarray(heat, np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    thick = line_width(image)
    for level in LEVELS:
        lines, _ = cv2.findContours((big >= level).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, lines, -1, CASING, thick + 2, cv2.LINE_AA)
        cv2.drawContours(out, lines, -1, SOUNDING, thick if level == LEVELS[0] else max(thick // 2, 1), cv2.LINE_AA)
    return out


def line_width(image: Image) -> int:
    """px; a line width that is clearly visible in a picture of this size."""
    return max(1, round(min(image.shape[:2]) / 180))


def with_tags(image: Image, tags: Sequence[Tag]) -> Image:
    """A copy with boxes and their texts; sounding ones are drawn last."""
    out = np.ascontiguousarray(image).copy()
    height, width = out.shape[:2]
    thick = line_width(out)
    for tag in sorted(tags, key=lambda one: one.sounding):
        left, top, right, bottom = np.rint(np.asarray(tag.box) * [width, height, width, height]).astype(int).tolist()
        corners = (left, top), (max(right - 1, left), max(bottom - 1, top))
        if tag.sounding:
            cv2.rectangle(out, *corners, CASING, thick + 2)
            cv2.rectangle(out, *corners, SOUNDING, thick)
        else:
            _dashed(out, corners, thick)
        if tag.words:
            _write(out, tag.words, (left + thick, top + thick), SOUNDING if tag.sounding else SILENT)
    return out


def _dashed(out: Image, corners: tuple[tuple[int, int], tuple[int, int]], thick: int) -> None:
    (left, top), (right, bottom) = corners
    mask = np.zeros(out.shape[:2], np.uint8)
    cv2.rectangle(mask, (left, top), (right, bottom), 1, thick)
    rows, columns = np.nonzero(mask)
    drawn = (rows + columns) // (4 * thick + 2) % 2 == 0
    out[rows, columns] = CASING
    out[rows[drawn], columns[drawn]] = SILENT


def _write(out: Image, words: str, at: tuple[int, int], colour: Colour) -> None:
    """Text on a dark background, shifted to stay in the picture; nothing if the picture is too small."""
    height, width = out.shape[:2]
    label = lettered(words, max(round(height / 26), 9), colour)
    if label.shape[0] > height // 2 or label.shape[1] > width:
        return
    left = max(0, min(at[0], width - label.shape[1]))
    top = max(0, min(at[1], height - label.shape[0]))
    out[top : top + label.shape[0], left : left + label.shape[1]] = label


@lru_cache(maxsize=256)
def lettered(words: str, size: int, colour: Colour) -> Image:
    """Text in any script that DejaVu supports, `size` px high, on a dark background: (h, w, 3)."""
    import matplotlib
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(str(path), size)
    left, _, right, _ = font.getbbox(words)
    ascent, descent = font.getmetrics()
    picture = Pillow.new("RGB", (round(right - left) + size // 2, ascent + descent), CASING)
    ImageDraw.Draw(picture).text((size // 4 - left, 0), words, font=font, fill=colour)
    return np.asarray(picture).copy()
