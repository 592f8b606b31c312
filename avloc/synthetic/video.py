"""Writes frames and a waveform to an mp4 file: H.264 (yuv420p) and AAC, made in memory."""

import io
from collections.abc import Iterable

import av
import numpy as np
from numpy.typing import NDArray


def encode_mp4(frames: Iterable[NDArray[np.uint8]], rate: int, waveform: NDArray[np.float32], sound_rate: int) -> bytes:
    """frames: RGB (H, W, 3) with even sides, `rate` per second; waveform: mono in [-1, 1] at sound_rate Hz."""
    held = io.BytesIO()
    with av.open(held, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        picture = container.add_stream("libx264", rate=rate)
        sound = container.add_stream("aac", rate=sound_rate, layout="mono", bit_rate=64_000)
        picture.pix_fmt, picture.thread_count = "yuv420p", 1
        picture.options = {"preset": "veryfast", "crf": "26", "threads": "1"}
        for index, frame in enumerate(frames):
            if index == 0:
                picture.height, picture.width = frame.shape[:2]
            shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            shown.pts = index
            container.mux(picture.encode(shown))
        container.mux(picture.encode(None))
        heard = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
        heard.sample_rate, heard.pts = sound_rate, 0
        container.mux(sound.encode(heard))
        container.mux(sound.encode(None))
    return held.getvalue()
