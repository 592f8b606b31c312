"""From the classes of a tagger or classifier to a few categories: coarse-to-fine's rules for pseudo labels.

Qian et al., ECCV 2020, section 4.2; reference shvdiwnkozbw/Multi-Source-Sound-Localization @de67ce3. Likelihoods are
(..., J), a mapping is (J, K), which of J classes belongs to which of K categories; categories are (..., K).
"""

import math

import torch
from torch import Tensor

from avloc.nn.mobile_crnn import SMALLEST, linear_softmax


def heard_categories(likely: Tensor, mapping: Tensor, sure: float = 0.3) -> Tensor:
    """Stored labels of sounds: each category's likeliest class; above `sure` it is moved to the upper part, 0.4 q + 0.6."""
    best = _best(likely, mapping)
    return torch.where(best > sure, 0.4 * best + 0.6, best)


def seen_categories(scores: Tensor, mapping: Tensor, top: int = 10) -> Tensor:
    """Stored labels of frames: sums over the `top` highest classes, divided by the highest sum.

    Scores are probabilities, or logits as in the release; categories below zero become zero, and all are zero if none is above.
    """
    kept = torch.zeros_like(scores)
    values, places = scores.topk(min(top, scores.shape[-1]), dim=-1)
    sums = kept.scatter(-1, places, values) @ mapping
    highest = sums.amax(-1, keepdim=True)
    return torch.where(highest > 0, sums.clamp(min=0) / highest.clamp(min=torch.finfo(sums.dtype).tiny), 0.0)


def heard_online(likely: Tensor, mapping: Tensor) -> Tensor:
    """Labels of sounds computed in training: twice each category's likeliest class, at most 1."""
    return (2 * _best(likely, mapping)).clamp(max=1)


def seen_online(likely: Tensor, mapping: Tensor, decay: float = 0.95, first: int = 1) -> Tensor:
    """Labels of frames computed in training: the mean of each category's two best classes.

    A class is weighted by its likelihood relative to the likeliest, times `decay` to the power of its rank; ranks start
    at `first`.
    """
    ranked, order = likely.sort(dim=-1, descending=True)
    ranks = torch.arange(first, first + likely.shape[-1], device=likely.device)
    weights = ranked / ranked[..., :1] * decay**ranks
    parts = weights.unsqueeze(-1) * mapping[order]
    return parts.topk(2, dim=-2).values.mean(-2)


def seen_in_proposals(likely: Tensor, mapping: Tensor) -> Tensor:
    """Labels of the parts of a frame, by the rule for frames with a steeper decay, 0.9 from rank 0 on."""
    return seen_online(likely, mapping, decay=0.9, first=0)


def over_frames(steps: Tensor, frames: int) -> Tensor:
    """Likelihoods of a sound's steps (B, T, J) collected for each of its `frames`: (B, frames, J).

    Each frame has T / frames steps, rounded up, so neighbours may share one.
    """
    stride = steps.shape[1] / frames
    parts = [steps[:, int(k * stride) : int(k * stride) + math.ceil(stride)] for k in range(frames)]
    return torch.stack([linear_softmax(part.clamp(SMALLEST, 1)) for part in parts], dim=1)


def _best(likely: Tensor, mapping: Tensor) -> Tensor:
    """(..., K), one category after the other: all at once would need J x K values per clip."""
    return torch.stack([(likely * column).amax(-1) for column in mapping.T], dim=-1)
