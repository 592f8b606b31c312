"""A clip's sound: a file to listen to and a picture to look at."""

import io
import warnings
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import CASING, Image

WAVE_COLOUR = (125, 200, 255)
BANDS = 64
RANGE = 70.0  # dB shown below the loudest
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
LOWEST_RATE = 3000  # Hz that Chromium plays
FLOOR = 1e-10  # energy, full scale 1; less is silence


def sound_file(waveform: NDArray[np.int16], rate: int) -> tuple[bytes, str]:
    """A mono file to listen to of samples (S,) at `rate` Hz, and its media type.

    MP3, a sixth of the size, if libsndfile can write it at this rate; otherwise FLAC, without loss.
    """
    import soundfile

    samples = np.asarray(waveform, np.int16)
    times = -(-LOWEST_RATE // rate)
    if times > 1:  # browsers play no lower rates
        samples, rate = np.repeat(samples, times), rate * times
    if rate in MP3_RATES and "MP3" in soundfile.available_formats():
        return _written(samples, rate, "MP3"), "audio/mpeg"
    return _written(samples, rate, "FLAC"), "audio/flac"


def _written(samples: NDArray[np.int16], rate: int, kind: str) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()


def log_mel(waveform: NDArray[np.int16], rate: int, columns: int = 256) -> NDArray[np.float32]:
    """(BANDS, columns) dB below the loudest cell, low bands first; 64 Slaney bands up to rate / 2, window 32 ms.

    Silence has `RANGE` below everywhere.
    """
    from librosa.filters import mel

    window = 2 ** int(np.ceil(np.log2(max(rate * 0.032, 16))))
    samples = np.asarray(waveform, np.float32) / 32768
    centres = np.linspace(0, max(len(samples) - 1, 0), columns).astype(int)
    padded = np.pad(samples, (window // 2, window // 2 + 1))
    pieces = padded[centres[:, None] + np.arange(window)] * np.hanning(window).astype(np.float32)
    power = np.abs(np.fft.rfft(pieces, axis=1)) ** 2
    with warnings.catch_warnings():  # at low rates some bands lie between two bins and stay empty: just a dark line
        warnings.simplefilter("ignore", UserWarning)
        bank = mel(sr=rate, n_fft=window, n_mels=BANDS)
    energy = bank @ power.T
    if energy.max(initial=0) <= FLOOR:
        return np.full(energy.shape, -RANGE, np.float32)
    level = 10 * np.log10(np.maximum(energy, FLOOR))
    return (level - level.max()).astype(np.float32)


def sound_picture(waveform: NDArray[Any], rate: int, width: int = 512) -> Image:
    """The waveform (48 px, its peak touches the edge) above its log-mel spectrogram (128 px): (184, width, 3).

    A spectrogram (T, F) instead of the waveform is drawn unchanged: (128, width, 3).
    """
    if waveform.ndim == 2:
        return _coloured(_between(waveform, *level_range(waveform)).T, width)
    peak = max(int(np.abs(waveform.astype(np.int32)).max(initial=0)), 1)
    shown = np.full((48, width, 3), CASING, np.uint8)
    edges = np.linspace(0, len(waveform), width + 1).astype(int)
    for column, (start, stop) in enumerate(pairwise(edges.tolist())):
        piece = waveform[start : max(stop, start + 1)]
        if piece.size:
            top, bottom = (int(np.rint(23.5 - 23.5 * value / peak)) for value in (int(piece.max()), int(piece.min())))
            shown[top : bottom + 1, column] = WAVE_COLOUR
    colours = _coloured(_between(log_mel(waveform, rate, width // 2), -RANGE, 0.0), width)
    return np.concatenate([shown, np.full((8, width, 3), CASING, np.uint8), colours])


def level_range(spectrogram: NDArray[np.floating]) -> tuple[float, float]:
    """The values drawn darkest and brightest; only the lowest 5 % are clipped."""
    return float(np.percentile(spectrogram, 5)), float(spectrogram.max())


def _between(levels: NDArray[np.floating], low: float, high: float) -> NDArray[np.floating]:
    return np.clip((levels - low) / max(high - low, 1e-6), 0, 1)


def _coloured(levels: NDArray[np.floating], width: int) -> Image:
    """Levels (bands, times) in [0, 1], the lowest band at the bottom: (128, width, 3)."""
    bands = np.rint(levels[::-1] * 255).astype(np.uint8)
    big = cv2.resize(bands, (width, 128), interpolation=cv2.INTER_LINEAR)
    return cv2.applyColorMap(big, cv2.COLORMAP_MAGMA)[..., ::-1].astype(np.uint8, copy=False)
