"""Objectives as functions of tensors."""

from torch import Tensor
from torch.nn import functional as F


def correspondence(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross entropy of correspondence logits (N,) with targets (N,) in [0, 1]."""
    return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))


def balanced_correspondence(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Correspondence over the pairs of a batch: logits (B, A), bool masks of the pairs that belong together and of those
    that do not, which weigh half each however many they are; a pair in neither mask is left out.
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
