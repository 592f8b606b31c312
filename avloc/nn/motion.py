"""Where a picture changes when the sound does: the temporal change at each position, correlated with the sound's level."""

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST = 4  # frames per clip: fewer than three changes correlate with anything
FLOOR = 0.01  # of full scale: changes below it are camera noise
QUIET = 0.001  # of full scale: a level that varies less counts as constant


def levels(waveforms: Tensor, frames: int) -> Tensor:
    """The level of a sound (B, S) around each of the changes between `frames` frames: RMS, (B, frames - 1).

    Frames are evenly spaced over the clip; the change from one to the next covers the time between their middles.
    """
    samples = waveforms.shape[1]
    steps = [round((frame + 0.5) * samples / frames) for frame in range(frames)]
    parts = [waveforms[:, start:stop] for start, stop in pairwise(steps)]
    return torch.stack([part.float().square().mean(1).sqrt() for part in parts], dim=1)


def changes(frames: Tensor, cells: int) -> Tensor:
    """How much each cell of a grid changes between frames (B, F, 3, H, W) in [0, 1]: (B, F - 1, cells, cells)."""
    grey = frames.float().mean(2)
    return F.adaptive_avg_pool2d((grey[:, 1:] - grey[:, :-1]).abs(), cells)


def correlation(changed: Tensor, loud: Tensor, floor: float = FLOOR) -> Tensor:
    """Pearson's correlation over time of changes (B, T, ...) with levels (B, T), in [0, 1): (B, ...). Negative is 0.

    `floor` is added to the deviation of the changes, so that positions that hardly change stay dark, and so does
    everything if the level does not vary.
    """
    shape = (*loud.shape, *(1,) * (changed.ndim - 2))
    sound = (loud - loud.mean(1, keepdim=True)).view(shape)
    seen = changed - changed.mean(1, keepdim=True)
    steps = loud.shape[1]
    together = (sound * seen).sum(1)
    apart = (seen.square().sum(1) + steps * floor**2).sqrt() * (sound.square().sum(1) + steps * QUIET**2).sqrt()
    return (together / apart).clamp(min=0)


def motion_maps(frames: Tensor, waveforms: Tensor, cells: int = 28) -> Tensor:
    """(B, cells, cells) in [0, 1) from frames (B, F, 3, H, W) in [0, 1] and sounds (B, S); zeros with fewer than 4 frames."""
    if frames.shape[1] < LEAST:
        return frames.new_zeros(len(frames), cells, cells)
    return correlation(changes(frames, cells), levels(waveforms, frames.shape[1]))
