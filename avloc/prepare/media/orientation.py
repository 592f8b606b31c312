"""How a player turns and mirrors the frames of a video: the display matrix that the file carries."""

import struct
from typing import Any

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Matrix = tuple[int, int, int, int]


def matrix_of(frame: VideoFrame) -> Matrix | None:
    """(a, b, c, d) of a frame: a pixel at (x, y) is shown at (ax + cy, bx + dy). None if the file has none."""
    side_data: Any = frame.side_data
    if Type.DISPLAYMATRIX not in side_data:
        return None
    content = bytes(side_data[Type.DISPLAYMATRIX])
    if len(content) < 36:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", content[:36])
    return a, b, c, d


def upright(image: NDArray, matrix: Matrix | None) -> NDArray:
    """An image (H, W, C) as a player shows it, by quarter turns and mirroring; a square stays a square."""
    if matrix is None:
        return image
    a, b, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        image = image.swapaxes(0, 1)
        across, down = c, b
    return image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
