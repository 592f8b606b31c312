"""Opening one video or sound file, with a reason short enough to be counted when that fails."""

import errno
import os
import stat
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
from avloc.files import system_error

# tags that are no UTF-8 are no reason to refuse a file, which PyAV 19 does not do anyway
_LENIENT: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


class MediaError(DataError):
    """One file that cannot be used. `reason` is one of a few, to be counted; `detail` says more.

    passing: the file may be whole, and the same command tries it again: it is gone, may not be read, the disc fails.
    """

    def __init__(self, path: str | Path, reason: str, detail: str = "", passing: bool = False) -> None:
        super().__init__(path, reason, detail, passing)  # all as args, or the error could not be pickled by a worker
        self.path, self.reason, self.detail, self.passing = path, reason, detail, passing

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """An open container; what FFmpeg raises meanwhile becomes a MediaError."""
    refuse_unreadable(path)
    try:
        # with the protocol named, a colon in a file name is only a colon
        container = av.open(f"file:{path}", **_LENIENT)
    except (av.error.FFmpegError, OSError) as error:
        refuse_unreadable(path)  # it went away meanwhile, or the disc fails: not the fault of what is in it
        raise MediaError(path, "not a media file", _what(error)) from None
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            refuse_unreadable(path)
            raise MediaError(path, "cannot be decoded", _what(error)) from None


def refuse_unreadable(path: str | Path, missing: str = "missing file") -> None:
    """MediaError, passing, for a file whose first and last bytes the system does not give. missing: the reason of one gone.

    What is no file at all (a folder, a pipe, whose reading might never end) is missing too, for good.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise MediaError(path, missing, "not a file")
        with open(path, "rb") as file:
            file.read(1)
            file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
            file.read(1)
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError(path, missing, passing=True) from None
    except PermissionError:
        raise MediaError(path, "may not be read", passing=True) from None
    except ValueError:  # a name with a null byte
        raise MediaError(path, missing) from None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself
            raise MediaError(path, missing) from None
        passing = system_error(error) is not None
        raise MediaError(path, "cannot be read", error.strerror or str(error), passing) from None


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
