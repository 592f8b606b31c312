"""The sound of a file as one mono waveform, aligned with the picture."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.container import InputContainer
from numpy.typing import NDArray

from avloc.prepare.media.container import MediaError, in_one_thread, in_seconds, open_media, video_stream

LATEST_START = 600.0  # s after the picture; beyond it a time stamp is taken for broken


def read_sound(path: str | Path, rate: int) -> NDArray[np.int16]:
    """The first sound track, channels averaged, resampled to `rate` Hz by soxr's HQ setting: (S,).

    Sample 0 is heard with the first frame of the picture, if there is one. By the container's time stamps, which count
    an encoder's priming as before zero: a track that starts later is preceded by silence, of one that starts earlier
    the beginning is left out. S is round(samples * rate / rate of the file), samples counted from there.
    """
    parts: list[NDArray[np.int16]] = []
    heard, resampler = 0, None
    with open_media(path) as container:
        for native, samples in _seconds(_aligned(path, container)):
            if resampler is None:
                resampler = _resampler(native, rate)
            heard += len(samples)
            parts.append(to_int16(resampler(samples, False)))
    if resampler is None:
        raise MediaError(path, "no sound track", "the track is empty")
    parts.append(to_int16(resampler(np.empty(0, np.float32), True)))
    length = round(heard * rate / native)
    sound = np.concatenate(parts)[:length]
    return np.pad(sound, (0, length - len(sound)))


def _resampler(native: int, rate: int) -> Callable[[NDArray[np.float32], bool], NDArray[np.float32]]:
    """A function of (samples, whether they are the last) that takes a waveform piece by piece."""
    if native == rate:
        return lambda samples, last: samples
    return soxr.ResampleStream(native, rate, 1, dtype="float32", quality="HQ").resample_chunk


def _aligned(path: str | Path, container: InputContainer) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(Hz, mono samples in [-1, 1]) as they are decoded, from the first frame of the picture on."""
    if not container.streams.audio:
        raise MediaError(path, "no sound track")
    stream = container.streams.audio[0]
    in_one_thread(path, stream)
    native, skip = 0, 0
    for frame in container.decode(stream):
        if not native:
            native = frame.sample_rate
            start = _start(frame, container)
            if abs(start) > LATEST_START:
                raise MediaError(path, "cannot be decoded", f"its sound starts {start:.0f} s after the picture")
            skip = -round(start * native)
            yield native, np.zeros(max(-skip, 0), np.float32)
        elif frame.sample_rate != native:
            raise MediaError(path, "cannot be decoded", f"its sound changes from {native} to {frame.sample_rate} Hz")
        samples = _mono(frame)
        yield native, samples[max(skip, 0) :]
        skip -= len(samples)


def _start(frame: AudioFrame, container: InputContainer) -> float:
    """Seconds from the first frame of the picture to this one of the sound."""
    picture = video_stream(container)
    if picture is None:
        # alone, a sound starts with its first sample, whatever its stamp: FFmpeg's for Vorbis are half a block late
        return 0.0
    zero = in_seconds(picture.start_time, picture.time_base) or 0.0
    return (in_seconds(frame.pts, frame.time_base) or 0.0) - zero


def _seconds(pieces: Iterable[tuple[int, NDArray[np.float32]]]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The same samples in pieces of a second or more: a decoder gives a thousand at a time."""
    gathered: list[NDArray[np.float32]] = []
    native = 0
    for native, samples in pieces:
        gathered.append(samples)
        if sum(map(len, gathered)) >= native:
            yield native, np.concatenate(gathered)
            gathered = []
    if gathered:
        yield native, np.concatenate(gathered)


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mean = samples[0] if len(samples) == 1 else samples.mean(axis=0, dtype=np.float64)
    if samples.dtype == np.uint8:
        mean = mean.astype(np.float32) - 128
    if samples.dtype.kind in "iu":
        mean = mean / 2.0 ** (8 * samples.dtype.itemsize - 1)
    return mean.astype(np.float32)


def to_int16(waveform: NDArray[np.floating]) -> NDArray[np.int16]:
    """[-1, 1] to round(32767 x), what lies outside clipped."""
    return np.clip(np.rint(waveform * 32767), -32768, 32767).astype(np.int16)


def cut(sound: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """Consecutive clips of exactly `samples` samples, (n, samples); the rest is left out."""
    clips = len(sound) // samples
    return sound[: clips * samples].reshape(clips, samples)
