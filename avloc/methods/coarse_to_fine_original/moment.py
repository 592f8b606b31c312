"""A batch as both streams see and hear it, and who belongs to whom in it."""

from typing import NamedTuple

import torch
from torch import Tensor

from avloc.methods.coarse_to_fine_original.network import Hearing, MatchHead, Sight
from avloc.methods.coarse_to_fine_original.pairs import strangers


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
