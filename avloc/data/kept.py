"""Cached features of frozen encoders, which replace frames and sounds: they are looked up instead of computed."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

Indices = NDArray[np.int64]


@dataclass
class Rows:
    """Features of all clips of a split, (versions, N, F, ...) float32, in memory or in a file that is read as needed.

    Version 0 is the test view; a training batch draws each clip's version among the others, if there are any. F is the
    number of frames of a clip, 1 for sounds. digest: of the weights that computed them.
    """

    values: NDArray[np.float32]
    digest: str

    def draw(self, count: int, generator: Generator | None) -> Indices:
        """A random version for each of `count` clips; the test view without a generator."""
        versions = len(self.values) - 1
        if generator is None or not versions:
            return np.zeros(count, np.int64)
        return torch.randint(1, versions + 1, (count,), generator=generator).numpy()

    def of(self, clips: Indices, picks: Indices, versions: Indices) -> Tensor:
        """(n, ...), one row for each of n frames."""
        return torch.from_numpy(np.ascontiguousarray(self.values[versions, clips, picks]))

    def every(self, clips: Indices, versions: Indices) -> Tensor:
        """(n, F, ...), all frames of each clip."""
        return torch.from_numpy(np.ascontiguousarray(self.values[versions, clips]))


@dataclass
class Kept:
    """What a loader finds here, it does not read: frames, sounds or both. noises: (M, ...) features of noise sounds."""

    frames: Rows | None = None
    sounds: Rows | None = None
    noises: Tensor | None = None
