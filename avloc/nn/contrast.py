"""Hard Way's contrast of a frame's object with other sounds and with its own background."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avloc.nn.similarity import log_sure, weighted_mean

Pool = Literal["weighted", "mean", "max"]
OwnPair = Literal["excluded", "published"]


def hard_way_logits(
    similarity: Tensor,
    positive: float,
    negative: float | None,
    sharpness: float,
    temperature: float,
    own_pair: OwnPair = "excluded",
    hard_negatives: bool = True,
    easy_pool: Pool = "weighted",
) -> Tensor:
    """From cosines (B, A, h, w), frame by sound, where the first B sounds are the clips' own: each clip's own score,
    then its frame with every sound, then its background, (B, A + 2); the first should be the highest. Chen et al., CVPR
    2021, equation 6.

    positive, negative: see HardWay; negative None: the background is everything but the object.
    """
    own = similarity.diagonal().movedim(-1, 0)  # (B, h, w)
    score = weighted_mean(own, log_sure(own, positive, sharpness))
    if easy_pool == "weighted":
        others = weighted_mean(similarity, log_sure(similarity, positive, sharpness))
    else:
        others = similarity.mean((2, 3)) if easy_pool == "mean" else similarity.amax((2, 3))
    itself = torch.eye(*others.shape, dtype=torch.bool, device=own.device)
    others = torch.where(itself, -99 * others if own_pair == "published" else -torch.inf, others)
    parts = [score[:, None], others]
    if hard_negatives:
        cut = positive if negative is None else negative
        parts.append(weighted_mean(own, F.logsigmoid((cut - own) / sharpness))[:, None])
    return torch.cat(parts, dim=1) / temperature
