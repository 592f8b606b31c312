"""Decoded frames in the colours that a player shows, and how such colours are described in a file."""

from typing import NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

UNSPECIFIED = 2  # in the tables of H.273, which files and FFmpeg use
HDR = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)  # PQ and HLG


class Tags(NamedTuple):
    """What RGB values mean, in the numbers of H.273: the primaries, and the transfer curve."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


SDR = Tags(ColorPrimaries.BT709, ColorTrc.BT709)


def matrix_of_size(width: int, height: int) -> Colorspace:
    """The matrix between YCbCr and RGB of a video without tags, by the rule of players: BT.709 for HD, else BT.601."""
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601


def tags_of(frame: VideoFrame) -> Tags:
    """Of a frame after `ToRgb`."""
    return SDR if frame.color_trc in HDR else Tags(frame.color_primaries, frame.color_trc)


class ToRgb:
    """Turns the frames of a video into RGB; HDR becomes SDR, and what is brighter than its white becomes white."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(H, W, 3), not turned upright."""
        matrix = None
        if frame.colorspace == UNSPECIFIED and not frame.format.is_rgb:
            matrix = matrix_of_size(frame.width, frame.height)
        converted = SDR if frame.color_trc in HDR else None
        # one thread: with several, some pictures occasionally had other bytes
        rgb = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=matrix,
            dst_color_primaries=converted and converted.primaries,
            dst_color_trc=converted and converted.transfer,
            threads=1,
        )
        return np.asarray(rgb.to_ndarray(), np.uint8)
