"""Which clips to show: the best, the median and the worst by score, others at random, so that a page cannot flatter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Choice:
    """id: of a scored frame. why: best, median, worst, random, or differs, of clips on which runs differ most. score: a
    fraction, None where it was not scored. kinds: everything that it was chosen for, `why` among them."""

    id: str
    why: str
    score: float | None
    kinds: tuple[str, ...] = ()


def choose(
    ids: Sequence[str], videos: Sequence[str], scores: Mapping[str, float], clips: int, seed: int = 0
) -> list[Choice]:
    """At most `clips` of the ids: best, median and worst (where any is scored), then random ones, of videos not yet
    shown as long as there are such. Ties go to the id that comes first; the median is the lower one.
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
    """The chosen clips, and after them those of the `extremes` best and worst that are not among them.

    spread: how far runs differ on a clip; the clips on which they differ most, if at all, follow in the same number.
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
    """Highest first; ties in the order of their names."""
    return sorted((name for name in ids if name in scores), key=lambda name: (-scores[name], name))
