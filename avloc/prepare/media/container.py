"""Opens a video or sound file; if that fails, gives a reason short enough to be counted."""

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

# tags that are not UTF-8 are no reason to refuse a file (PyAV 19 accepts them by default)
_LENIENT: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


class MediaError(DataError):
    """A file that cannot be used. `reason` is one of a few, for counting; `detail` has more.

    passing: the file may be intact, so the same command tries it again: it is missing, not readable, or the disk
    failed.
    """

    def __init__(self, path: str | Path, reason: str, detail: str = "", passing: bool = False) -> None:
        super().__init__(path, reason, detail, passing)  # everything in args, or a worker could not pickle the error
        self.path, self.reason, self.detail, self.passing = path, reason, detail, passing

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """An open container; FFmpeg's exceptions become MediaErrors."""
    refuse_unreadable(path)
    try:
        # with an explicit protocol, a colon in a file name is just a colon
        container = av.open(f"file:{path}", **_LENIENT)
    except (av.error.FFmpegError, OSError) as error:
        refuse_unreadable(path)  # it was removed meanwhile or the disk failed: not the fault of its contents
        raise MediaError(path, "not a media file", _what(error)) from None
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            refuse_unreadable(path)
            raise MediaError(path, "cannot be decoded", _what(error)) from None


def refuse_unreadable(path: str | Path, missing: str = "missing file") -> None:
    """MediaError (passing) for a file whose first and last bytes cannot be read. missing: the reason if it does not exist.

    Anything that is not a regular file (a folder; a pipe, which might never end) counts as missing too, but not as
    passing.
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
    """The first video stream that is not the cover image of a sound file."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def in_one_thread(path: str | Path, stream: Stream) -> None:
    """Decode a stream in one thread; MediaError if FFmpeg does not know its codec."""
    if stream.codec_context is None:
        raise MediaError(path, "cannot be decoded", f"its {stream.type} has a codec that FFmpeg does not know")
    stream.codec_context.thread_count = 1


def in_seconds(stamp: int | None, base: Fraction | None) -> float | None:
    """A time stamp or length in seconds; None if the file does not state it."""
    return None if stamp is None or base is None else float(stamp * base)
