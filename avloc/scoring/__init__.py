"""From heat maps and ground truth to results: numbers with intervals, baselines, and what was left out."""

from avloc.scoring.score_maps import score, score_all

__all__ = ["score", "score_all"]
