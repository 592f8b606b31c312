"""The terms of both stages as functions of tensors."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.methods.coarse_to_fine_original.pairs import Pairs


def named(likely: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy of probabilities (..., C): summed over the categories, mean over what was judged."""
    with torch.autocast(likely.device.type, enabled=False):
        total = F.binary_cross_entropy(likely.float(), target.float(), reduction="sum")
    return total / (likely.numel() // likely.shape[-1])


def matched(own: Tensor, foreign: Tensor | None, weight: Tensor, foreign_weight: Tensor) -> Tensor:
    """Cross entropy of logits (B, F, 2): `own` pairs belong together, `foreign` ones do not; a mean by weights (B, F)."""
    losses = [-weight * own.log_softmax(2)[..., 1]]
    weights = [weight]
    if foreign is not None:
        losses.append(-foreign_weight * foreign.log_softmax(2)[..., 0])
        weights.append(foreign_weight)
    return torch.stack(losses).sum() / torch.stack(weights).sum().clamp(min=1e-6)


def distances(a: Tensor, v: Tensor) -> Tensor:
    """Mean squared differences of vectors (..., D)."""
    return (a - v).square().mean(-1)


def aligned(
    positive: Pairs,
    negative: Pairs,
    sounds: Tensor,
    sights: Tensor,
    transforms: tuple[nn.Module, nn.Module],
    margin: float,
) -> Tensor:
    """Pull pairs together and push others apart to a distance of `margin`: sounds (B, C, D), sights (B, F, C, D).

    The batch norms of the transforms see positive and negative pairs one after the other. Fewer than two pairs of a kind,
    which have no statistics, count nothing.
    """
    total = sounds.new_zeros(())
    transform_a, transform_v = transforms
    for pairs, sign in ((positive, 1), (negative, -1)):
        if len(pairs) < 2:
            continue
        apart = distances(transform_a(sounds[pairs.heard]).float(), transform_v(sights[pairs.seen]).float())
        total = total + (apart if sign > 0 else (margin - apart).clamp(min=0)).mean()
    return total
