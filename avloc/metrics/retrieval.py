"""Cross-modal retrieval: whether the sound of a clip retrieves its frame among all others, and the frame its sound."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ranks(similarity: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ranks (from 0) of each query's own candidate in its row, sorted in descending order, and the queries of these
    ranks.

    similarity: (Q, Q), query i belongs to column i. A query has one more rank for each entry that equals its own
    exactly, as in edsonroteia/cav-mae-sync@21d15c2. A query that is NaN in its own column has the last rank.
    """
    scores = np.asarray(similarity)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or not len(scores):
        raise ValueError(f"similarities of shape {scores.shape}; expected as many columns as rows, and at least one")
    return ranks_among(scores, np.arange(len(scores)))


def ranks_among(similarity: NDArray, own: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same for some queries (q, Q), whose own columns are `own` (q,)."""
    scores = np.asarray(similarity)
    value = scores[np.arange(len(scores)), own][:, None]
    above, equal = (scores > value).sum(axis=1), (scores == value).sum(axis=1)
    unknown = np.isnan(value[:, 0])
    above[unknown], equal[unknown] = scores.shape[1] - 1, 1
    query = np.repeat(np.arange(len(scores)), equal)
    within = np.arange(equal.sum()) - np.repeat(np.cumsum(equal) - equal, equal)
    return above[query] + within, query


def recall_at(similarity: ArrayLike, k: int) -> float:
    """Share of ranks below k: for (.5 .5 .1 / .2 .6 .1 / .3 .3 .3) and k = 1, it is 3 of the 6 ranks 0 1 0 0 1 2."""
    return float(np.mean(ranks(similarity)[0] < k))


def median_rank(similarity: ArrayLike) -> float:
    """Median rank, counted from 1."""
    return float(np.median(ranks(similarity)[0]) + 1)
