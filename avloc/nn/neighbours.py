"""Which clips of a split resemble each other."""

import torch
from torch import Tensor
from torch.nn import functional as F

TOGETHER = 1024  # clips compared with all others at once


def nearest(features: Tensor, videos: Tensor, count: int) -> Tensor:
    """The `count` clips most similar to each one by the cosine of features (N, C), best first: (N, count) int32.

    Clips of the same video (N,), including the clip itself, are left out; missing entries are -1.
    """
    unit = F.normalize(features.float(), dim=1)
    wanted = min(count, len(unit))
    lists = torch.full((len(unit), count), -1, dtype=torch.int32)
    for start in range(0, len(unit), TOGETHER):
        rows = slice(start, start + TOGETHER)
        alike = unit[rows] @ unit.T
        alike[videos[rows, None] == videos[None]] = -torch.inf
        best = alike.topk(wanted, dim=1)
        lists[rows, :wanted] = torch.where(best.values.isinf(), -1, best.indices).int().cpu()
    return lists
