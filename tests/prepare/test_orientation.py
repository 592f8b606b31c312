"""Mirrors and quarter turns: what a player shows."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from avloc.prepare.media.orientation import upright
from avloc.prepare.media.picture import read_frames
from tests.data.making import MEDIA, make_video

CASES = MEDIA.parent / "cases" / "05_mirrored"


def quarters(image: np.ndarray) -> str:
    """Which quarter is white: upper or lower, left or right."""
    half = image.shape[0] // 2
    parts = {"UL": image[:half, :half], "UR": image[:half, half:], "LL": image[half:, :half], "LR": image[half:, half:]}
    return max(parts, key=lambda name: parts[name].mean())


def with_matrix(path: Path, matrix: tuple[int, int, int, int], white: str = "UL") -> Path:
    """A video whose upper left quarter is white, with a display matrix in the track header of the mp4."""
    image = np.zeros((96, 128, 3), np.uint8)
    image[:48, :64] = 255
    make_video(path, [image] * 3)
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


#: (a, b, c, d): a pixel at (x, y) is shown at (ax + cy, bx + dy), and where the upper left quarter goes
MATRICES = {
    (1, 0, 0, 1): "UL",
    (0, 1, -1, 0): "UR",  # a quarter clockwise
    (-1, 0, 0, -1): "LR",
    (0, -1, 1, 0): "LL",
    (-1, 0, 0, 1): "UR",  # mirrored
    (1, 0, 0, -1): "LL",
    (0, 1, 1, 0): "UL",
    (0, -1, -1, 0): "LR",
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_display_matrix_is_honoured_with_its_mirrors(tmp_path, matrix):
    frame = read_frames(with_matrix(tmp_path / "a.mp4", matrix), [0.0], 64)[0]
    assert quarters(frame) == MATRICES[matrix]


@pytest.mark.parametrize("matrix", MATRICES)
def test_every_pixel_goes_where_the_matrix_says(matrix):
    a, b, c, d = matrix
    image = np.arange(12).reshape(3, 4, 1)
    shown = upright(image, tuple(value << 16 for value in matrix))
    for y, x in np.ndindex(3, 4):
        across, down = a * x + c * y, b * x + d * y
        assert shown[
            down % shown.shape[0] if down < 0 else down, across % shown.shape[1] if across < 0 else across
        ].shape == (1,)
        row = down if (b + d) > 0 else shown.shape[0] - 1 + down
        column = across if (a + c) > 0 else shown.shape[1] - 1 + across
        assert shown[row, column] == image[y, x]


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases at {CASES}")
@pytest.mark.parametrize(("name", "where"), [("hflip", "UR"), ("rot90_hflip", "LR"), ("rot180_hflip", "LL")])
def test_mirrored_files_stand_as_ffmpeg_shows_them(name, where):
    frame = read_frames(CASES / "v" / f"{name}.mp4", [0.0], 64)[0]
    assert quarters(frame) == where
    played = cv2.resize(cv2.imread(str(CASES / f"as_played_{name}.png")), (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(frame.astype(int) - played[..., ::-1]).mean() < 6
