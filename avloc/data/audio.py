"""The sound of a file as one mono waveform, aligned with the picture."""

from pathlib import Path

import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.container import InputContainer
from numpy.typing import NDArray

from avloc.data.media import MediaError, in_seconds, open_media, video_stream

LATEST_START = 600.0  # s after the picture; beyond it a time stamp is taken for broken


def read_sound(path: str | Path, rate: int) -> NDArray[np.int16]:
    """The first sound track, channels averaged, resampled to `rate` Hz by soxr's HQ setting: (S,).

    Sample 0 is heard with the first frame of the picture, if there is one. By the container's time stamps, which count
    an encoder's priming as before zero: a track that starts later is preceded by silence, of one that starts earlier
    the beginning is left out. S is round(samples * rate / rate of the file), samples counted from there.
    """
    with open_media(path) as container:
        waveform, native, start = _decode(path, container)
    shift = round(start * native)
    waveform = waveform[-shift:] if shift < 0 else np.concatenate([np.zeros(shift, np.float32), waveform])
    length = round(len(waveform) * rate / native)
    if native != rate and len(waveform):
        waveform = soxr.resample(waveform, native, rate, quality="HQ")
    waveform = np.pad(waveform[:length], (0, max(0, length - len(waveform))))
    return to_int16(waveform)


def _decode(path: str | Path, container: InputContainer) -> tuple[NDArray[np.float32], int, float]:
    """Mono waveform in [-1, 1], its rate in Hz, and its start in seconds after the picture's."""
    if not container.streams.audio:
        raise MediaError(path, "no sound track")
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    parts: list[NDArray[np.float32]] = []
    native, start = 0, 0.0
    for frame in container.decode(stream):
        if not parts:
            native = frame.sample_rate
            start = in_seconds(frame.pts, frame.time_base) or 0.0
        elif frame.sample_rate != native:
            raise MediaError(path, "cannot be decoded", f"its sound changes from {native} to {frame.sample_rate} Hz")
        parts.append(_mono(frame))
    if not parts:
        raise MediaError(path, "no sound track", "the track is empty")
    picture = video_stream(container)
    # alone, a sound starts with its first sample, whatever its stamp: FFmpeg's for Vorbis are half a block late
    start = start - (in_seconds(picture.start_time, picture.time_base) or 0.0) if picture is not None else 0.0
    if abs(start) > LATEST_START:
        raise MediaError(path, "cannot be decoded", f"its sound starts {start:.0f} s after the picture")
    return np.concatenate(parts), native, start


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
