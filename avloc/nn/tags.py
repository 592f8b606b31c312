"""What a tagger says of sounds."""

from typing import NamedTuple

from torch import Tensor


class Tags(NamedTuple):
    """scores: (B, T, J), probabilities of the tagger's classes in each of T windows; None for one that names no classes.

    embedding: (B, T, D), what it names them by; None where its file does not offer it.
    """

    scores: Tensor | None
    embedding: Tensor | None
