"""Decodes the members of a sample from their bytes: a picture, a sound, or the middle of a video."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import open_film
from avloc.prepare.media.picture import squares_at
from avloc.prepare.media.sound import Heard, hear, hear_file
from avloc.prepare.parts.account import Account
from avloc.prepare.parts.moments import Moments
from avloc.prepare.parts.watching import middle_start


def sound_in(path: str, content: bytes, moments: Moments) -> Heard:
    """The sound of a sample: unchanged if it is 16-bit mono at the right rate; otherwise decoded like any file.

    path: named in a MediaError.
    """
    exact = _exact(content, moments.rate)
    if exact is not None:
        return Heard(exact, moments.rate)
    with as_file(content) as file:
        try:
            return hear_file(file, moments.rate, moments.decoding.channels)
        except MediaError as error:
            raise MediaError(path, error.reason, error.detail) from None


def middle_of(path: str, name: str, heard: Heard, moments: Moments) -> tuple[NDArray[np.int16], dict[str, Any]]:
    """The stretch of a sound that becomes a clip, (S,), and notes on repairs; MediaError if too much of it is broken."""
    waveform = moments.middle(path, heard.waveform)
    account = Account([heard], None, moments.decoding)
    if not account.keep(name, moments.begin(len(heard.waveform)) / moments.rate, moments.seconds, ()):
        raise account.refusal(path, MediaError(path, "no sound"))
    return waveform, account.notes()


def film_in(
    path: str, name: str, content: bytes, sound: Heard | None, moments: Moments, count: int
) -> tuple[float, NDArray[np.uint8], NDArray[np.int16], dict[str, Any]]:
    """The middle of what picture and sound of a video have in common, as in `avloc prepare folder`: its start (s), `count`
    frames (F, H, W, 3), the sound (S,), and notes on repairs.

    name: of the clip. sound: used instead of the video's own sound.
    """
    with as_file(content) as file:
        try:
            with open_film(file) as film:
                heard = sound or hear(film, moments.rate, moments.decoding.channels)
                waveform = moments.middle(path, heard.waveform)  # refuses a sound that is too short
                start = middle_start(path, film, heard, moments.samples)
                if len(heard.waveform) > moments.samples:
                    waveform = heard.cut(start, moments.samples)
                begin = start / moments.rate
                length = min(len(heard.waveform), moments.samples) / moments.rate
                times = [begin + length * (n + 0.5) / count for n in range(count)]
                seen = list(squares_at(film, times, moments.size))
                if len(seen) < count:
                    raise MediaError(path, "picture too short", f"it ends before {times[-1]:.2f} s")
                account = Account([heard], film, moments.decoding)
                if not account.keep(name, begin, length, seen):
                    raise account.refusal(path, MediaError(path, "no picture"))
        except MediaError as error:
            raise MediaError(path, error.reason, error.detail) from None
    frames = np.stack([frame.image for frame in seen if frame.image is not None])
    return begin, frames, waveform, account.notes()


def decoded(path: str, content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error:
        picture = None
    if picture is None:
        raise MediaError(path, "not a picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _exact(content: bytes, rate: int) -> NDArray[np.int16] | None:
    """(S,) of 16-bit mono wav or flac at this rate; None for any other sound."""
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            if (file.format, file.subtype, file.channels, file.samplerate) not in (
                ("WAV", "PCM_16", 1, rate),
                ("FLAC", "PCM_16", 1, rate),
            ):
                return None
            return file.read(dtype="int16")
    except (soundfile.LibsndfileError, RuntimeError):
        return None


@contextmanager
def as_file(content: bytes) -> Iterator[Path]:
    """A path that decoders can open: a file in memory if the system supports it, otherwise a temporary one."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("sample")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sample")
        path.write_bytes(content)
        yield path
