"""Many channels to one."""

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

CANCELS = 0.01  # share of the channels' power in their mean; equal channels keep all of it, independent ones 1 / n


class Mixer:
    """Makes one channel of all: their mean, front left or front right alone, or the mean of these two (mid).

    If the file lacks the channel, the only or the first one is used. `cancels` tells whether the channels are so
    opposed that almost nothing is left.
    """

    def __init__(self, channels: str = "mean") -> None:
        self.channels = channels
        self._floats: AudioResampler | None = None
        self._before, self._after = 0.0, 0.0  # power of the channels, and of their mix

    def __call__(self, frame: AudioFrame) -> NDArray[np.float32]:
        """(S,), in [-1, 1]."""
        # numpy gets other formats as they are; PyAV reads beyond the eight pointers that FFmpeg has for planes
        if frame.format.name.startswith("s64") or (frame.format.is_planar and frame.layout.nb_channels >= 8):
            frame = self._in_floats(frame)
        samples = frame.to_ndarray()
        count = frame.layout.nb_channels
        if not frame.format.is_planar:
            samples = samples.reshape(-1, count).T
        taken = samples[self._places(frame)] if self.channels != "mean" else samples
        mean = taken[0] if len(taken) == 1 else taken.mean(axis=0, dtype=np.float64)
        if samples.dtype == np.uint8:
            mean = mean.astype(np.float32) - 128
        if samples.dtype.kind in "iu":
            mean = mean / 2.0 ** (8 * samples.dtype.itemsize - 1)
        mono = mean.astype(np.float32)
        if len(taken) > 1:
            self._weigh(taken, mono)
        return mono

    def _in_floats(self, frame: AudioFrame) -> AudioFrame:
        if self._floats is None:
            self._floats = AudioResampler(format="dbl", layout=frame.layout, rate=frame.sample_rate)
        (found,) = self._floats.resample(frame)
        return found

    @property
    def cancels(self) -> bool:
        return self._before > 0 and self._after < CANCELS * self._before

    def _places(self, frame: AudioFrame) -> list[int]:
        """Indices of the channels used."""
        names = [channel.name for channel in frame.layout.channels]
        left = names.index("FL") if "FL" in names else 0
        right = names.index("FR") if "FR" in names else min(1, len(names) - 1)
        places = {"left": [left], "right": [right], "mid": [left, right]}[self.channels]
        return list(dict.fromkeys(places))

    def _weigh(self, taken: NDArray, mono: NDArray[np.float32]) -> None:
        scale = 1.0
        if taken.dtype.kind in "iu":
            scale = 2.0 ** (8 * taken.dtype.itemsize - 1)
        silence = 128.0 if taken.dtype == np.uint8 else 0.0
        levels = (taken.astype(np.float32) - silence) / np.float32(scale)
        self._before += float(np.vdot(levels, levels)) / len(taken)
        self._after += float(np.vdot(mono, mono))
