"""Several clips as one: frames stacked vertically, sounds mixed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from avloc.data.batch import Batch
from avloc.errors import DataError


def one_above_the_other(batches: Sequence[Batch], listen: Callable[[Tensor], Tensor] | None = None) -> Batch:
    """Batches of B clips each as one of B mixtures: frames and motion are stacked vertically, (B, 3, n H, W).

    Spectrograms are averaged, as Kim et al. (CVPR 2024) release it, and so are waveforms. If `listen`, a sound view, is
    given, it gets the mixed waveforms instead (ours), whose spectrogram differs. A mixture has the labels of all its
    clips, and the index and video of the first.
    """
    first = batches[0]
    if len(batches) == 1:
        return first
    waveform = _joined([batch.waveform for batch in batches], lambda parts: torch.stack(parts).mean(0))
    if listen is None:
        sound = torch.stack([batch.sound for batch in batches]).mean(0)
    elif waveform is None:
        raise DataError(
            "model.mix is waveforms, but the store holds spectrograms: set it to spectrograms, or prepare a store with sounds"
        )
    else:
        sound = listen(waveform)
    return replace(
        first,
        frame=torch.cat([batch.frame for batch in batches], dim=2),
        sound=sound,
        motion=_joined([batch.motion for batch in batches], lambda parts: torch.cat(parts, dim=2)),
        waveform=waveform,
        labels=_joined([batch.labels for batch in batches], lambda parts: torch.stack(parts).any(0)),
    )


def _joined(parts: Sequence[Tensor | None], join: Callable[[list[Tensor]], Tensor]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return join(there) if len(there) == len(parts) else None
