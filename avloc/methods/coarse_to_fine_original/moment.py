"""A batch as both streams see and hear it: some frames in a row, their sound, and who belongs to whom."""

from typing import NamedTuple

import torch
from torch import Tensor

from avloc.data.loader import Batch
from avloc.data.views import LogMel, Waveform
from avloc.errors import AvlocError
from avloc.methods.coarse_to_fine_original.losses import strangers
from avloc.methods.coarse_to_fine_original.network import Hearing, MatchHead, Sight


def window(batch: Batch, count: int, sound: LogMel | Waveform, draw: bool) -> tuple[Tensor, Tensor]:
    """Frames (B, count, 3, H, W) and sounds (B, 1, T, bands).

    One frame: the batch's own, with all of the sound. All frames of a clip: all of the sound. Fewer: from the first on, or,
    with `draw`, from anywhere (AVE's released code never takes the last of the places). AvlocError where clips have fewer.
    """
    if count == 1:
        return batch.frame.unsqueeze(1), batch.sound
    assert batch.frames is not None and batch.waveform is not None
    there = batch.frames.shape[1]
    if there < count:
        raise AvlocError(f"the clips have {there} frames, the model needs {count}; set model.frames to {there} or less")
    if there == count:
        return batch.frames, batch.sound
    clips = torch.arange(len(batch))[:, None]
    start = torch.randint(0, there - count + 1, (len(batch), 1)) if draw else torch.zeros(len(batch), 1).long()
    samples = batch.waveform.shape[1] // there
    moments, times = start + torch.arange(count), start * samples + torch.arange(count * samples)
    device = batch.frames.device
    frames = batch.frames[clips.to(device), moments.to(device)]
    return frames, sound(batch.waveform[clips.to(device), times.to(device)])


class Moment(NamedTuple):
    """A batch and what both streams make of it: B sounds, and B x F frames one clip after the other."""

    images: Tensor
    sounds: Tensor
    heard: Hearing
    seen: Sight

    @property
    def frames(self) -> int:
        return self.images.shape[1]


def match_logits(
    head: MatchHead, moment: Moment, videos: Tensor, over_time: bool, alone: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Logits (B, F, 2) of each sound with its own frames and with strangers, and where there are any of these (B, F).

    over_time: each frame has its part of the sound. alone: there are no strangers.
    """
    sounds = head.sounds(moment.heard.features, moment.frames, over_time)
    sights = moment.seen.matched.amax((2, 3)).unflatten(0, (-1, moment.frames))
    own, other = head(sounds, sights), strangers(videos, moment.frames)
    if alone:
        return own, None, torch.zeros_like(other.there)
    return own, head(sounds, sights[other.clip, other.frame]), other.there


def accuracy(own: Tensor, foreign: Tensor | None, there: Tensor) -> dict[str, Tensor]:
    """Shares of own frames taken for own, of strangers taken for strangers, and their mean, ``accuracy``."""
    right = (own[..., 1] > own[..., 0]).float().mean()
    if foreign is None:
        return {"own": right, "accuracy": right}
    apart = (foreign[..., 0] > foreign[..., 1])[there].float()
    wrong = apart.mean() if len(apart) else torch.ones_like(right)
    return {"own": right, "foreign": wrong, "accuracy": (right + wrong) / 2}
