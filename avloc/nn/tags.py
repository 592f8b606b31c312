"""The output of a tagger."""

from typing import NamedTuple

from torch import Tensor


class Tags(NamedTuple):
    """scores: (B, T, J), probabilities of the tagger's classes in each of T windows; None for one without classes.

    embedding: (B, T, D), the features before its classifier; None if its file does not provide them.
    """

    scores: Tensor | None
    embedding: Tensor | None
