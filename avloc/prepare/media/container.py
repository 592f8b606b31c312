"""Opening one video or sound file, with a reason short enough to be counted when that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from avloc.errors import DataError

# tags that are no UTF-8 are no reason to refuse a file, which PyAV 19 does not do anyway
_LENIENT: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


class MediaError(DataError):
    """One file that cannot be used. `reason` is one of a few, to be counted; `detail` says more."""

    def __init__(self, path: str | Path, reason: str, detail: str = "") -> None:
        super().__init__(path, reason, detail)  # all three as args, or the error could not be pickled by a worker
        self.path, self.reason, self.detail = path, reason, detail

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """An open container; what FFmpeg raises meanwhile becomes a MediaError."""
    try:
        if not Path(path).is_file():
            raise MediaError(path, "missing file")
        # with the protocol named, a colon in a file name is only a colon
        container = av.open(f"file:{path}", **_LENIENT)
    except PermissionError:
        raise MediaError(path, "may not be read") from None
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(path, "not a media file", _what(error)) from None
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            raise MediaError(path, "cannot be decoded", _what(error)) from None


def _what(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first moving picture; the cover image of a sound file is none."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def in_one_thread(path: str | Path, stream: Stream) -> None:
    """Let a stream be decoded in one thread; MediaError where FFmpeg does not know its codec."""
    if stream.codec_context is None:
        raise MediaError(path, "cannot be decoded", f"its {stream.type} has a codec that FFmpeg does not know")
    stream.codec_context.thread_count = 1


def in_seconds(stamp: int | None, base: Fraction | None) -> float | None:
    """A time stamp or length in seconds; None where the file does not say."""
    return None if stamp is None or base is None else float(stamp * base)
