"""Clips as one: their frames one above the other, their sounds mixed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from avloc.data.batch import Batch


def one_above_the_other(batches: Sequence[Batch]) -> Batch:
    """Batches of B clips each as one of B mixtures: frames and motion one above the other, (B, 3, n H, W).

    Spectrograms are averaged, as Kim et al. (CVPR 2024) release it, and so are waveforms: the spectrogram of the sum would be
    another one. A mixture has the labels of all its clips, and the index and video of the first.
    """
    first = batches[0]
    if len(batches) == 1:
        return first
    return replace(
        first,
        frame=torch.cat([batch.frame for batch in batches], dim=2),
        sound=torch.stack([batch.sound for batch in batches]).mean(0),
        motion=_joined([batch.motion for batch in batches], lambda parts: torch.cat(parts, dim=2)),
        waveform=_joined([batch.waveform for batch in batches], lambda parts: torch.stack(parts).mean(0)),
        labels=_joined([batch.labels for batch in batches], lambda parts: torch.stack(parts).any(0)),
    )


def _joined(parts: Sequence[Tensor | None], join: Callable[[list[Tensor]], Tensor]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return join(there) if len(there) == len(parts) else None
