"""The object that a frame shows where a map is high."""

import torch
from torch import Tensor
from torch.nn import functional as F

from avloc.nn.similarity import top_share

SHARE = 0.1  # of the positions of a map, which an object is assumed to cover


def at_places(maps: Tensor, places: Tensor) -> Tensor:
    """The maximum over maps (B, K, H, W), averaged over the cells of features (B, C, h, w): (B, 1, h, w).

    NaN is a map that only other clips have; a clip without any is NaN everywhere.
    """
    highest = maps.float().nan_to_num(nan=-torch.inf).amax(1, keepdim=True)
    none = maps.isnan().all(1, keepdim=True)
    return F.adaptive_avg_pool2d(highest.masked_fill(none, torch.nan), (places.shape[2], places.shape[3]))


def objects_of(places: Tensor, maps: Tensor) -> dict[str, Tensor]:
    """From features (B, C, h, w) and maps (B, K, H, W): `objects` (B, C), the mean features of the tenth of the
    positions where the map is highest, and `levels` (B, 3), see `levels_of`. A clip without any map shows an object
    everywhere, and its levels are NaN.
    """
    loudest = at_places(maps, places)
    mask = top_share(loudest.nan_to_num(nan=0.0), SHARE)
    objects = (places * mask).sum((2, 3)) / mask.sum((2, 3))
    return {"objects": objects, "levels": levels_of(loudest)}


def levels_of(maps: Tensor) -> Tensor:
    """The lowest value, the median and the highest value of maps (B, 1, h, w): (B, 3)."""
    flat = maps.flatten(1).float()
    return torch.stack([flat.amin(1), flat.median(1).values, flat.amax(1)], dim=1)


def loudest_of(maps: Tensor) -> Tensor:
    """The maximum over the maps (B, K, h, w) of all objects found, at each position, (B, 1, h, w).

    NaN is a map that only other clips have. If nothing was found, the map is the minimum of the batch everywhere, so
    that no position stands out.
    """
    there = maps[~maps.isnan()]
    low = there.min() if len(there) else 0.0
    highest = maps.nan_to_num(nan=-torch.inf).amax(1, keepdim=True)
    return torch.where(maps.isnan().flatten(1).all(1)[:, None, None, None], low, highest)
