"""Frames as JPEG bytes."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.files import regular

JPEG_QUALITY = 95


def encode_jpeg(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB to JPEG bytes."""
    turned = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    done, buffer = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.shape} could not be written as JPEG")
    return buffer.ravel().astype(np.uint8, copy=False)


def decode_jpeg(buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """JPEG bytes to (H, W, 3) RGB; ValueError for bytes that are not a picture. Other formats that OpenCV supports work too."""
    try:
        frame = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except cv2.error:  # no bytes, or a header with an impossible size
        frame = None
    if frame is None:
        raise ValueError("a frame that is not a JPEG")
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def read_image(path: Path, how: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any] | None:
    """A picture of any kind, (h, w) or (h, w, c) BGR; None for any other file. how: OpenCV's flags; by default as stored."""
    stored = np.fromfile(regular(path), np.uint8)  # OpenCV cannot open names that are not UTF-8
    try:
        return cv2.imdecode(stored, how) if stored.size else None
    except cv2.error:
        return None
