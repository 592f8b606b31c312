"""Frames (rows) and sounds (columns) of a batch in all pairs: which belong together, and whether they are matched."""

import torch
from torch import Tensor


def own_and_foreign(video: Tensor) -> tuple[Tensor, Tensor]:
    """Bool masks (B, B): pairs of one clip, and pairs of two videos. video: (B,), the same number for clips of one video.

    Pairs of two clips of one video are in neither, because they may or may not belong together.
    """
    own = torch.eye(len(video), dtype=torch.bool, device=video.device)
    return own, video[:, None] != video[None, :]


def own_found(scores: Tensor) -> Tensor:
    """Share of the sounds, columns of scores (B, B), whose own frame has the highest score."""
    best = scores.argmax(0)
    return (best == torch.arange(len(best), device=best.device)).float().mean()
