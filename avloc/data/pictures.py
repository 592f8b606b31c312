"""Frames as JPEG bytes."""

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG_QUALITY = 95


def encode_jpeg(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB to JPEG bytes."""
    turned = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    done, buffer = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.shape} could not be written as JPEG")
    return buffer.ravel().astype(np.uint8, copy=False)


def decode_jpeg(buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """JPEG bytes to (H, W, 3) RGB; ValueError for bytes that are no picture. Any other format that OpenCV knows will do."""
    try:
        frame = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except cv2.error:  # no bytes at all, or a header that claims an impossible size
        frame = None
    if frame is None:
        raise ValueError("a frame that is no JPEG")
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
