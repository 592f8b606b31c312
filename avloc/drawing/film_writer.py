"""Writes a video: pictures one by one as H.264, and the sound of another file, copied if MP4 supports it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from avloc.drawing.sound_tracks import Piece, copied, copy_of, encoded
from avloc.prepare.media.colours import SDR, Tags, matrix_of_size

TICKS = 90_000  # per second; frame rates of film, PAL and NTSC divide it
BT709, SMPTE170M = 1, 6  # the matrices of HD and of other videos, in the numbers of H.273
CODECS = ("libx264", "libopenh264", "mpeg4")
Image = NDArray[np.uint8]


class FilmWriter:
    """An MP4 file that is being written; pictures must arrive in order. Use it in a `with` statement.

    size: (width, height); H.264 needs even sizes, so an odd one gets a copy of its last row or column. aspect: width of
    a pixel divided by its height. tags: of the colours of the pictures. film: the open file that has the sound, None for
    silence or for `waveform`. waveform: (samples in [-1, 1] of shape (S,), Hz).
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction,
        aspect: Fraction = Fraction(1),
        tags: Tags = SDR,
        film: Any = None,
        waveform: tuple[NDArray[np.float32], int] | None = None,
    ) -> None:
        self._container: Any = av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"})
        name = next(name for name in CODECS if name in av.codecs_available)
        options = {"preset": "veryfast", "crf": "20"} if name == "libx264" else {}
        video: Any = self._container.add_stream(name, rate=rate, options=options)
        self._video = video
        self._odd = size[0] % 2, size[1] % 2
        video.width, video.height = size[0] + self._odd[0], size[1] + self._odd[1]
        video.pix_fmt = "yuv420p"
        context: Any = self._video.codec_context
        context.time_base = Fraction(1, TICKS)
        context.thread_count = 1  # x264's sliced threads gave other bytes for the same pictures about once in 15 files
        context.max_b_frames = 0  # so that players need no edit list to keep the sound in sync
        self._matrix = matrix_of_size(video.width, video.height)
        context.colorspace = BT709 if self._matrix == Colorspace.ITU709 else SMPTE170M
        context.color_range = ColorRange.MPEG
        context.color_primaries, context.color_trc = tags
        context.gop_size = max(round(2 * rate), 1)
        if aspect != 1:
            context.sample_aspect_ratio = aspect
        self._reformatter = VideoReformatter()
        self.copied = False
        self._sound = self._begin_sound(film, waveform)
        self._piece: Piece | None = next(self._sound, None)
        self._last = -1

    def _begin_sound(self, film: Any, waveform: tuple[NDArray[np.float32], int] | None) -> Iterator[Piece]:
        if film is not None and film.sound is not None and len(film.sound):
            if copied(film):
                self.copied = True
                return copy_of(film, self._container)
            return encoded(film, self._container)
        if waveform is not None and len(waveform[0]):
            return encoded(waveform, self._container)
        return iter(())

    def write(self, image: Image, start: float, stop: float) -> None:
        """A picture (H, W, 3) that is shown from `start` to `stop` (s)."""
        self._write_sound(start)
        if any(self._odd):
            image = np.pad(image, ((0, self._odd[1]), (0, self._odd[0]), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        # one thread: with several, some pictures occasionally gave other bytes
        frame = self._reformatter.reformat(frame, format="yuv420p", dst_colorspace=self._matrix, threads=1)
        stamp = max(round(start * TICKS), self._last + 1)
        self._last = stamp
        frame.pts, frame.time_base = stamp, Fraction(1, TICKS)
        frame.duration = max(round(stop * TICKS) - stamp, 1)
        self._container.mux(self._video.encode(frame))

    def _write_sound(self, until: float) -> None:
        while self._piece is not None and self._piece.time <= until:
            self._container.mux(self._piece.packets)
            self._piece = next(self._sound, None)

    def finish(self) -> None:
        """Write the rest of the sound and the end of the file."""
        self._container.mux(self._video.encode())
        self._write_sound(float("inf"))
        self._container.close()

    def __enter__(self) -> "FilmWriter":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.finish()
            return
        try:
            self._container.close()
        except Exception:  # the first error is the one to report
            return
