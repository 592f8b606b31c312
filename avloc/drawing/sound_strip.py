"""A strip at the bottom of a video: the sound around the current time, its silences, and a cursor."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import CASING, Colour, Image
from avloc.drawing.overlay import line_width
from avloc.drawing.sound import WAVE_COLOUR

PAGE = 30.0  # s shown at once of a longer sound
SMALLEST = 64  # px; a lower picture has no strip
CURSOR: Colour = (255, 255, 255)
QUIET: Colour = (88, 92, 100)  # of the line during silence
Outline = Callable[[float, float, int], NDArray[np.float32]]


class SoundStrip:
    """outline: see `Loudness.outline`. quiet: start and end (s) of silences. seconds: of the whole."""

    def __init__(
        self, outline: Outline, quiet: Sequence[tuple[float, float]], seconds: float, size: tuple[int, int]
    ) -> None:
        self.width, self.height = size[0], max(size[1] // 10, 12)
        self.shown = size[1] >= SMALLEST and size[0] >= SMALLEST
        self._outline, self._quiet, self.seconds = outline, quiet, seconds
        self._page: tuple[int, Image] | None = None

    def __call__(self, image: Image, time: float) -> Image:
        """The picture (H, W, 3) with the strip of this moment at its lower edge."""
        if not self.shown:
            return image
        length = self.seconds if self.seconds <= 2 * PAGE else PAGE
        number = int(time / length) if length else 0
        if self._page is None or self._page[0] != number:
            self._page = number, self._drawn(number * length, (number + 1) * length)
        out = image.copy()
        ground = out[-self.height :]
        ground[:] = cv2.addWeighted(ground, 0.25, self._page[1], 0.75, 0)
        place = (time - number * length) / length if length else 0.0
        column = min(max(int(place * self.width), 0), self.width - 1)
        thick = line_width(image)
        ground[:, max(column - thick // 2, 0) : column + (thick + 1) // 2 + 1] = CURSOR
        return out

    def _drawn(self, start: float, stop: float) -> Image:
        shown = np.full((self.height, self.width, 3), CASING, np.uint8)
        edges = self._outline(start, stop, self.width)
        peak = max(float(np.abs(self._outline(0.0, self.seconds, 512)).max()), 1e-3)
        middle = (self.height - 1) / 2
        rows = np.rint(middle - edges[:, ::-1] / peak * (middle - 1)).astype(int)  # top and bottom of each column
        step = (stop - start) / self.width
        for column, (top, bottom) in enumerate(rows.tolist()):
            shown[max(top, 0) : bottom + 1, column] = WAVE_COLOUR
        for begin, end in self._quiet:
            first, last = int((begin - start) / step), int((end - start) / step)
            if last > 0 and first < self.width:
                shown[:, max(first, 0) : min(last, self.width)] = CASING
                shown[int(middle), max(first, 0) : min(last, self.width)] = QUIET
        return shown
