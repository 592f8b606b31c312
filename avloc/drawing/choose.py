"""Which clips to show: the best, the median and the worst by score, and random ones, so that a page cannot flatter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Choice:
    """id: of a scored frame. why: best, median, worst, random, or differs (where runs differ most). score: a fraction,
    None if it was not scored. kinds: all reasons, including `why`.
    """

    id: str
    why: str
    score: float | None
    kinds: tuple[str, ...] = ()


def choose(
    ids: Sequence[str], videos: Sequence[str], scores: Mapping[str, float], clips: int, seed: int = 0
) -> list[Choice]:
    """At most `clips` of the ids: best, median and worst (if any are scored), then random ones, preferring videos not
    yet shown. Ties go to the first id; of two medians, the lower one is used.
    """
    video_of = dict(zip(ids, videos, strict=True))
    ranked = _ranked(ids, scores)
    marked: dict[str, str] = {}
    if ranked:
        for why, name in (("median", ranked[len(ranked) // 2]), ("worst", ranked[-1]), ("best", ranked[0])):
            if len(marked) < clips:
                marked.setdefault(name, why)
    shown = {video_of[name] for name in marked}
    rest = [name for name in ids if name not in marked]
    order = [rest[n] for n in np.random.default_rng(seed).permutation(len(rest))]
    drawn: list[str] = []
    for name in order:
        if len(marked) + len(drawn) < clips and video_of[name] not in shown:
            drawn.append(name)
            shown.add(video_of[name])
    drawn += [name for name in order if name not in drawn][: max(0, clips - len(marked) - len(drawn))]
    order_of = ("best", "median", "worst")
    chosen = sorted(marked.items(), key=lambda item: order_of.index(item[1])) + [(name, "random") for name in drawn]
    return [Choice(name, why, scores.get(name), (why,)) for name, why in chosen]


def with_extremes(
    chosen: Sequence[Choice],
    ids: Sequence[str],
    scores: Mapping[str, float],
    extremes: int,
    spread: Mapping[str, float] | None = None,
) -> list[Choice]:
    """The chosen clips, followed by the other clips among the `extremes` best and worst.

    spread: how much runs differ on a clip; the same number of clips on which they differ most follow.
    """
    ranked = _ranked(ids, scores)
    groups = {"best": ranked[:extremes], "worst": ranked[::-1][:extremes]}
    if spread is not None:
        widest = _ranked(ids, spread)[:extremes]
        groups["differs"] = [name for name in widest if spread[name] > 0]
    kinds = {choice.id: list(choice.kinds) for choice in chosen}
    for kind, names in groups.items():
        for name in names:
            own = kinds.setdefault(name, [])
            if kind not in own:
                own.append(kind)
    why = {choice.id: choice.why for choice in chosen}
    return [Choice(name, why.get(name, own[0]), scores.get(name), tuple(own)) for name, own in kinds.items()]


def _ranked(ids: Sequence[str], scores: Mapping[str, float]) -> list[str]:
    """Highest first; ties in alphabetical order."""
    return sorted((name for name in ids if name in scores), key=lambda name: (-scores[name], name))
