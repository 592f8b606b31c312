"""Maps of the similarity between a frame's features and a sound, and one score of such a map."""

import torch
from torch import Tensor
from torch.nn import functional as F


def in_full(features: Tensor) -> Tensor:
    """Features in at least single precision: autocast gives half precision, which is too coarse for norms and temperatures."""
    return features.float() if features.dtype in (torch.bfloat16, torch.float16) else features


def cosine_map(vision: Tensor, sound: Tensor) -> Tensor:
    """Similarity of each position (B, C, h, w) with its clip's sound (B, C), in [-1, 1]: (B, 1, h, w)."""
    return dot_map(F.normalize(vision, dim=1), F.normalize(sound, dim=1))


def dot_map(vision: Tensor, sound: Tensor) -> Tensor:
    """Inner product of each position (B, C, h, w) with its clip's sound (B, C): (B, 1, h, w)."""
    return (vision * sound[:, :, None, None]).sum(1, keepdim=True)


def pairwise_maps(vision: Tensor, sound: Tensor) -> Tensor:
    """Inner products of every frame (B, C, h, w) with every sound (A, C): (B, A, h, w)."""
    return F.conv2d(vision, sound[:, :, None, None].to(vision.dtype))


def pool_map(maps: Tensor, share: float = 0.0) -> Tensor:
    """One score per map, (..., h, w) to (...): the mean over the highest `share` of its cells, or the maximum if share is 0."""
    cells = maps.flatten(-2)
    if share <= 0:
        return cells.amax(-1)
    return cells.topk(max(1, round(share * cells.shape[-1])), dim=-1).values.mean(-1)


def attended(features: Tensor, maps: Tensor) -> Tensor:
    """(B, C): the sum over positions (B, C, h, w), weighted by the map (B, 1, h, w) scaled to [0, 1] per clip.

    Song et al., CVPR 2022. Of equal extremes, only one gets the gradient, as in zjsong/SSPL @d1af4c7.
    """
    cells = maps.flatten(1)
    low, high = cells.min(1, keepdim=True).values, cells.max(1, keepdim=True).values
    weights = (cells - low) / (high - low + 1e-10)
    return (features.flatten(2) * weights.unsqueeze(1)).sum(2)


def top_share(maps: Tensor, share: float) -> Tensor:
    """Bool maps (..., h, w) of the highest `share` of the cells of each map."""
    cells = maps.flatten(-2)
    count = max(1, round(share * cells.shape[-1]))
    return (cells >= cells.topk(count, dim=-1).values[..., -1:]).view_as(maps)


def cross_dilation(mask: Tensor) -> Tensor:
    """Every positive inner cell of (B, 1, h, w) bool also sets its four neighbours; cells on the border do not spread.

    DSOL's released code (DTaoo/Discriminative-Sounding-Objects-Localization @7f40207) skips the border in its loop.
    """
    inner = mask.clone()
    inner[..., 0, :] = inner[..., -1, :] = False
    inner[..., :, 0] = inner[..., :, -1] = False
    padded = F.pad(inner, (1, 1, 1, 1))
    up, down = padded[..., :-2, 1:-1], padded[..., 2:, 1:-1]
    left, right = padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]
    return mask | up | down | left | right


def weighted_mean(maps: Tensor, log_weights: Tensor) -> Tensor:
    """Weighted mean over the cells of maps (..., h, w): (...). Takes logarithms of the weights, because these can
    vanish in float32.
    """
    return (maps.flatten(-2) * log_weights.flatten(-2).softmax(-1)).sum(-1)


def log_sure(similarity: Tensor, cut: float, sharpness: float) -> Tensor:
    """Logarithm of the soft decision that a position belongs to the object: a soft threshold of the similarity, 1/2 at `cut`.

    sharpness: its width. Chen et al., CVPR 2021.
    """
    return F.logsigmoid((similarity - cut) / sharpness)


def min_max(maps: Tensor) -> Tensor:
    """Maps (..., h, w) scaled to [0, 1] each; a constant map is 0."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
