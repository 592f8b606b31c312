"""Decoded frames as upright RGB squares."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from avloc.prepare.media.orientation import matrix_of, upright

# A triangle filter as wide as the reduction, so antialiased, as PIL's BILINEAR; without the other flags swscale
# takes every second chroma sample and rounds down.
FILTER = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)


class Square:
    """Turns decoded frames into upright RGB squares; a frame shown twice in a row is converted once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._reformatter = VideoReformatter()
        self._last: tuple[VideoFrame, NDArray[np.uint8]] | None = None

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(size, size, 3) uint8."""
        if self._last is not None and self._last[0] is frame:
            return self._last[1]
        resized = self._reformatter.reformat(
            frame, width=self.size, height=self.size, format="rgb24", interpolation=FILTER, threads=1
        )
        # in a square, rotating after the resize equals rotating before it, and is cheaper
        image = upright(resized.to_ndarray(), matrix_of(frame)).astype(np.uint8, copy=False)
        self._last = (frame, image)
        return image
