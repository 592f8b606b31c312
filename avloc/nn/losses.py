"""Objectives as functions of tensors."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def correspondence(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross entropy of correspondence logits (N,) with targets (N,) in [0, 1]."""
    return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))


def balanced_correspondence(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Correspondence over the pairs of a batch: logits (B, A), and bool masks of matching and of other pairs, each with
    half of the weight whatever their number; a pair in neither mask is left out.
    """
    loss = 0.5 * F.softplus(-logits[positive]).mean()
    if negative.any():
        loss = loss + 0.5 * F.softplus(logits[negative]).mean()
    return loss


def distribution_matching(scores: Tensor, target: Tensor, over: str = "entries") -> Tensor:
    """KL divergence of softmax(scores) (B, K) from the distribution `target` (B, K).

    over: ``entries`` averages over all B*K entries, as DSOL's released code does (K times smaller than usual);
    ``clips`` averages over the B clips.
    """
    divergence = F.kl_div(F.log_softmax(scores, dim=1), target, reduction="batchmean")
    return divergence / scores.shape[1] if over == "entries" else divergence


def hard_negative_cross_entropy(similarity: Tensor, positives: int, negatives: int) -> Tensor:
    """Contrast the regions most and least similar to the sound; similarity is (B, nodes). Zhou et al., WACV 2023."""
    ranked = similarity.sort(dim=1, descending=True).values
    pair = torch.stack([ranked[:, :positives].mean(1), ranked[:, -negatives:].mean(1)], dim=1)
    return F.cross_entropy(pair, torch.zeros(len(pair), dtype=torch.long, device=pair.device))


def map_divergence(maps: Tensor, others: Tensor, kind: str = "js") -> Tensor:
    """Mean divergence of two maps (B, h, w) as distributions over their cells, in nats. Zhou et al., WACV 2023.

    kind: ``js``, Jensen-Shannon, at most ln 2; or ``kl``, of `others` from `maps`.
    """
    log_p, log_q = maps.flatten(1).log_softmax(1), others.flatten(1).log_softmax(1)
    if kind == "kl":
        return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)
    middle = torch.logaddexp(log_p, log_q) - math.log(2)
    both = [F.kl_div(middle, side, reduction="batchmean", log_target=True) for side in (log_p, log_q)]
    return 0.5 * (both[0] + both[1])
