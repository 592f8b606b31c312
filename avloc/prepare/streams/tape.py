"""A sound that is read only as far as needed; what was used is dropped."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from avloc.prepare.streams.loudness import PAUSE, Loudness


class SoundTape:
    """Cuts stretches from a sound that arrives in pieces; their starts must rise. loudness: of everything read so far."""

    def __init__(self, pieces: Iterator[NDArray[np.int16]], rate: int) -> None:
        self.rate, self.loudness = rate, Loudness(rate)
        self._pieces = pieces
        self._held = np.empty(0, np.int16)
        self._start = 0  # number of the first sample that is held
        self.ended = False

    @property
    def read(self) -> int:
        """Number of samples read so far, including dropped ones."""
        return self._start + len(self._held)

    def cut(self, start: int, samples: int) -> NDArray[np.int16]:
        """`samples` samples from number `start` on; silence before the sound and after its end."""
        self._read_to(start + samples)
        piece = np.zeros(samples, np.int16)
        first, last = max(start, self._start), min(start + samples, self.read)
        if last > first:
            piece[first - start : last - start] = self._held[first - self._start : last - self._start]
        return piece

    def forget(self, before: int) -> None:
        """Samples before this number will not be needed again."""
        drop = min(max(before - self._start, 0), len(self._held))
        if drop:
            self._held = self._held[drop:].copy()
            self._start += drop

    def quiet_at(self, time: float, below: float) -> bool:
        """See `Loudness.quiet_at`; reads as far as needed."""
        self._read_to(round((time + 2 * PAUSE) * self.rate))
        return self.loudness.quiet_at(time, below)

    def finish(self) -> None:
        """Read to the end for the loudness, keeping nothing."""
        while not self.ended:
            self._next()
            self.forget(self.read)

    def _read_to(self, sample: int) -> None:
        while self.read < sample and not self.ended:
            self._next()

    def _next(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            self.ended = True
            self.loudness.finish()
            return
        self.loudness.add(piece)
        self._held = np.concatenate([self._held, piece])
