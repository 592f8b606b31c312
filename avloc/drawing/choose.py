"""Which clips to show: the best, the median and the worst by score, others at random, so that a page cannot flatter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Choice:
    """id: of a scored frame. why: best, median, worst or random. score: a fraction, None where it was not scored."""

    id: str
    why: str
    score: float | None


def choose(
    ids: Sequence[str], videos: Sequence[str], scores: Mapping[str, float], clips: int, seed: int = 0
) -> list[Choice]:
    """At most `clips` of the ids: best, median and worst (where any is scored), then random ones, of videos not yet
    shown as long as there are such. Ties go to the id that comes first; the median is the lower one.
    """
    video_of = dict(zip(ids, videos, strict=True))
    ranked = sorted((name for name in ids if name in scores), key=lambda name: (-scores[name], name))
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
    return [Choice(name, why, scores.get(name)) for name, why in chosen]
