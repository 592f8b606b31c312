"""The loudness of a sound over time, in little memory however long it is, and its quiet stretches."""

from array import array

import numpy as np
from numpy.typing import NDArray

BLOCK = 0.02  # s
PAUSE = 0.5  # s; a shorter quiet stretch is a pause between words or notes
FLOOR = -120.0  # dBFS of digital silence
FULL_SCALE = 32768.0

Span = tuple[float, float]


class Loudness:
    """Level, lowest and highest sample of each BLOCK of a sound that arrives in pieces."""

    def __init__(self, rate: int) -> None:
        self.rate, self.block = rate, max(round(BLOCK * rate), 1)
        self._power, self._low, self._high = array("f"), array("h"), array("h")
        self._rest = np.empty(0, np.int16)

    def add(self, samples: NDArray[np.int16]) -> None:
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self.block * self.block
        self._rest = samples[whole:]
        self._take(samples[:whole].reshape(-1, self.block))

    def finish(self) -> None:
        """The sound has ended: the rest becomes a shorter block."""
        if len(self._rest):
            self._take(self._rest[None])
            self._rest = self._rest[:0]

    def _take(self, blocks: NDArray[np.int16]) -> None:
        if not blocks.size:
            return
        power = np.square(blocks.astype(np.float32) / FULL_SCALE).mean(1)
        self._power.frombytes(power.astype(np.float32).tobytes())
        self._low.frombytes(blocks.min(1).tobytes())
        self._high.frombytes(blocks.max(1).tobytes())

    def __len__(self) -> int:
        return len(self._power)

    @property
    def seconds(self) -> float:
        """s covered by complete blocks."""
        return len(self) * self.block / self.rate

    def level(self, start: float, stop: float) -> float:
        """RMS between two moments (s) in dB below full scale, at least FLOOR; silence before the sound and after its end."""
        first, last = self._blocks(start, stop)
        inside = np.frombuffer(self._power, np.float32)[max(first, 0) : max(last, 0)]
        power = float(inside.sum()) / max(last - first, 1)
        return decibels(power)

    def quiet_at(self, time: float, below: float) -> bool:
        """Whether a moment is in one of the `quiet` stretches; needs PAUSE seconds of sound after it."""
        first, last = self._blocks(time - PAUSE, time + PAUSE)
        first = max(first, 0)  # what is before the sound is no pause
        quiet = self._quiet(first, last, below)
        here = int(time * self.rate / self.block) - first
        if not quiet[here]:
            return False
        loud = np.flatnonzero(~quiet)
        before, after = loud[loud < here], loud[loud > here]
        run = (after[0] if len(after) else len(quiet)) - (before[-1] + 1 if len(before) else 0)
        return bool(run * self.block / self.rate >= PAUSE - BLOCK / 2) or first + here >= len(self)

    def quiet(self, below: float, until: float) -> list[Span]:
        """Start and end (s) of stretches where the sound stays below a level (dBFS) for at least PAUSE, up to `until`.

        After its end, a sound is quiet; a sound shorter than PAUSE counts as quiet if all of it is.
        """
        blocks = max(round(until * self.rate / self.block), 1)
        quiet = np.concatenate([[False], self._quiet(0, blocks, below), [False]])
        edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
        spans = []
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            after_the_end = stop == blocks and blocks > len(self)
            long = (stop - start) * self.block / self.rate >= PAUSE - BLOCK / 2
            if long or after_the_end or stop - start == blocks:
                at, to = start * self.block / self.rate, stop * self.block / self.rate
                spans.append((round(at, 3), round(until if stop == blocks else to, 3)))
        return spans

    def outline(self, start: float, stop: float, columns: int) -> NDArray[np.float32]:
        """Lowest and highest sample in each of `columns` parts of a stretch (s), in [-1, 1]: (columns, 2)."""
        edges = np.linspace(start, stop, columns + 1) * self.rate / self.block
        shown = np.zeros((columns, 2), np.float32)
        low, high = np.frombuffer(self._low, np.int16), np.frombuffer(self._high, np.int16)
        for column in range(columns):
            first = max(int(edges[column]), 0)
            last = max(int(np.ceil(edges[column + 1])), first + 1)
            if first < len(low):
                shown[column] = low[first:last].min(), high[first:last].max()
        return shown / FULL_SCALE

    def _blocks(self, start: float, stop: float) -> tuple[int, int]:
        first = int(np.floor(start * self.rate / self.block + 1e-6))
        return first, max(int(np.ceil(stop * self.rate / self.block - 1e-6)), first + 1)

    def _quiet(self, first: int, last: int, below: float) -> NDArray[np.bool_]:
        """Of blocks, including those before the sound and after it."""
        quiet = np.ones(last - first, bool)
        start, stop = max(first, 0), min(last, len(self))
        if stop > start:
            power = np.frombuffer(self._power, np.float32)[start:stop]
            quiet[start - first : stop - first] = 10 * np.log10(np.maximum(power, 1e-12)) < below
        return quiet


def decibels(power: float) -> float:
    """The level in decibels of a mean square; full scale is 1."""
    return max(FLOOR, 10 * float(np.log10(max(power, 1e-12))))
