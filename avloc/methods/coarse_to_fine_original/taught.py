"""What a stage learns from: categories of sounds and of frames, and which moments are sure of theirs."""

from typing import NamedTuple

from torch import Tensor

from avloc.data.loader import Batch
from avloc.errors import AvlocError


class Taught(NamedTuple):
    """sound: (B, C). frame: (B, F, C). sure: (B, F), 1 where the sound of that time is sure of a category, else 0.

    proposals: (B x F, R), the category of each, None without proposals.
    """

    sound: Tensor
    frame: Tensor
    sure: Tensor
    proposals: Tensor | None = None


def taught_by(batch: Batch, frames: int, classes: int, proposals: bool) -> Taught:
    """The batch's pseudo labels, of its proposals too where asked for, else its videos' tags; a clip's hold for all frames."""
    assert batch.labels is not None
    tags = batch.labels.float()
    sound = tags if batch.sound_scores is None else batch.sound_scores
    frame = tags if batch.frame_scores is None else batch.frame_scores
    if sound.shape[1] != classes:
        raise AvlocError(
            f"the labels have {sound.shape[1]} classes, the model {classes}; set model.classes to {sound.shape[1]}, or name "
            "other pseudo labels (data.labels)"
        )
    over_time = sound[:, None].expand(-1, frames, -1)
    parts = batch.proposal_classes.flatten(0, 1) if proposals and batch.proposal_classes is not None else None
    return Taught(sound, frame[:, None].expand(-1, frames, -1), sure(over_time), parts)


def sure(labels: Tensor) -> Tensor:
    """1 where the likeliest of labels (B, F, C) reaches the highest of its clip, or 0.8; with one frame a clip, the highest
    of the batch, or 0.6: (B, F)."""
    best = labels.amax(2)
    cut = best.max().clamp(max=0.6) if labels.shape[1] == 1 else best.amax(1, keepdim=True).clamp(max=0.8)
    return (best >= cut).float()
