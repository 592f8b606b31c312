"""Finds objects one after the other until nothing matches, and groups the finds that are one object.

Iterative object identification and object similarity-aware clustering of Kim et al., CVPR 2024. Decisions compare distances and
cosines in float64, in which they do not depend on rounding.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

STOP = 0.1  # similarity below which no further object is searched
LIKE_BACKGROUND = 0.7  # cosine with the background above which a find is discarded
LIKE_EACH_OTHER = 0.6  # cosine above which two finds are one object


class Found(NamedTuple):
    """For B clips: `rows` (N, B, C), the features that each round found, zeros for clips that had ended; `maps` (N, B,
    P), minus the distance of each place from it; `rounds` (B,), how many rounds were the clip's own.
    """

    rows: Tensor
    maps: Tensor
    rounds: Tensor


def distance(features: Tensor, to: Tensor) -> Tensor:
    """Of positions (B, C, P) from a vector (B, C): (B, P). As in torch's PairwiseDistance, which adds 1e-6 to every
    component.
    """
    return (features - to[:, :, None] + 1e-6).norm(dim=1)


def background(features: Tensor, similarity: Tensor, cut: float, sharpness: float) -> Tensor:
    """(B, C): the mean over all positions (B, C, P) of their features, weighted by the probability of background (B, P)."""
    return (features * torch.sigmoid((cut - similarity) / sharpness)[:, None]).mean(2)


def identify(features: Tensor, similarity: Tensor, behind: Tensor) -> Found:
    """Take the best position and all that are nearer to it than to the background, and continue with the rest until
    nothing is left.

    features: (B, C, P), each place's features times its similarity (B, P). behind: (B, C). Rows carry gradient, choices
    and maps do not. All clips go on until the last one ends, so a clip's rows may be followed by zeros.
    """
    left, still = similarity.detach().clone(), features.detach().double()
    far = distance(still, behind.detach().double())
    taken, ended = torch.zeros_like(left, dtype=torch.bool), torch.zeros_like(left[:, 0], dtype=torch.bool)
    clips = torch.arange(len(left), device=left.device)
    rows, maps, rounds = [], [], torch.zeros_like(clips)
    while not ended.all():
        best = left.argmax(1)
        near = distance(still, still[clips, :, best])
        rows.append(features[clips, :, best] * ~ended[:, None])
        maps.append(-near)
        rounds += ~ended
        new = (near < far) & ~taken
        taken |= new
        left = left.masked_fill(new, 0.0)
        ended = ended | ~new.any(1) | (left.amax(1) < STOP)
    return Found(torch.stack(rows), torch.stack(maps).to(features.dtype), rounds)


def groups(rows: Tensor, behind: Tensor, least: float = 0.0) -> list[tuple[int, list[int]]]:
    """Which of a clip's rows (N, C) are one object: each object's name, one of its rows, and its rows in order.

    Rows similar to the background `behind` (C,) are no objects, but can join two others, with later rows only, as in
    the release. A background shorter than `least` has no direction that counts, and no row is background (ours).
    """
    unit = F.normalize(rows.detach().double(), dim=1, eps=1e-8)
    alike = (unit @ unit.T).tolist()
    back = behind.detach().double()
    is_none = ((unit @ F.normalize(back, dim=0, eps=1e-8) > LIKE_BACKGROUND) & (back.norm() >= least)).tolist()
    parent = list(range(len(rows)))
    for later in range(len(rows)):
        if is_none[later]:
            continue
        for earlier in range(later):
            if alike[later][earlier] > LIKE_EACH_OTHER:
                one, other = _root(parent, later), _root(parent, earlier)
                if one != other:
                    parent[other] = one
    found: dict[int, list[int]] = {}
    for row in range(len(rows)):
        if not is_none[row]:
            found.setdefault(_root(parent, row), []).append(row)
    return list(found.items())


def _root(parent: list[int], row: int) -> int:
    while parent[row] != row:
        row = parent[row]
    return row


def object_loss(rows: Tensor, behind: Tensor, least: float = 0.0) -> Tensor:
    """Pull the rows (N, C) of each object of a clip together, and away from all other rows and the background (C,)."""
    terms = [rows.new_zeros(()), *_object_terms(rows, behind, least)]
    return torch.stack(terms).sum()


def _object_terms(rows: Tensor, behind: Tensor, least: float) -> Iterator[Tensor]:
    for name, own in groups(rows, behind, least):
        anchor = rows[name]
        others = sorted(set(range(len(rows))) - set(own))
        if not others or anchor.sum() == 0:
            continue
        negative = rows[others].mean(0) + behind
        if negative.sum() == 0 or torch.isnan(negative).any():
            continue
        together, apart = rows[own].mean(0), negative
        anchor, together, apart = (F.normalize(part, dim=0) for part in (anchor, together, apart))
        yield 1 - anchor @ together + anchor @ apart


def object_maps(found: Found, clip: int, behind: Tensor, least: float = 0.0) -> Tensor:
    """(K, P): for each object of a clip, the mean of its finds' maps; behind: (B, C). K is 0 if all finds are background."""
    own = int(found.rounds[clip])
    members = [rows for _, rows in groups(found.rows[:own, clip], behind[clip], least)]
    maps = [found.maps[rows, clip].mean(0) for rows in members]
    return torch.stack(maps) if maps else found.maps.new_zeros(0, found.maps.shape[2])
