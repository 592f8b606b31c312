"""The same scores by clip, by class, by video and by the size of the sounding object."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.metrics import THRESHOLDS, success_curve
from avloc.scoring.result import Result
from avloc.scoring.summary import Scored, items_of

#: upper bounds of the area of the ground truth, in pixels of a 224 x 224 frame: stoneMo/SLAVC@05b429c
SIZES = (("small", 32**2), ("medium", 96**2), ("large", 144**2), ("huge", np.inf))


def breakdown(
    result: Result,
    truth: Truth,
    scored: Scored,
    kept: NDArray[np.int64],
    found: NDArray[np.bool_],
    area: NDArray[np.float64] | None,
) -> None:
    """Fill the tables of a result; `kept` are the clips that were scored or are negatives, `found` (N,) those with a
    prediction.

    area: (U,) of the ground truth of each unit, in pixels of a frame of 224 x 224.
    """
    clip, score = items_of(result.protocol, scored)
    if len(score):
        result.curve = success_curve(score).tolist()
    result.per_clip = _per_clip(truth, scored, kept, found)
    names = ["", *truth.classes]
    result.per_class = _table(scored.score, tuple(names[label + 1] for label in scored.label.tolist()))
    result.per_video = _table(score, tuple(truth.videos[number] for number in clip.tolist()))
    result.by_part = {name: rows for name, inside in truth.parts.items() if (rows := _part(score, inside[clip]))}
    result.macro = {"by_class": _macro(result.per_class), "by_video": _macro(result.per_video)}
    if area is not None:
        result.by_size = _by_size(scored.score[area > 0], area[area > 0])


def _per_clip(truth: Truth, scored: Scored, kept: NDArray[np.int64], found: NDArray[np.bool_]) -> list[dict[str, Any]]:
    rows: dict[int, dict[str, Any]]
    rows = {clip: {"id": truth.ids[clip], "video": truth.videos[clip]} for clip in kept.tolist()}
    parts: dict[int, list[tuple[int, float]]] = {}
    clips, values = scored.clip.tolist(), scored.score.tolist()
    if len(set(clips)) == len(clips):
        for clip, value in zip(clips, values, strict=True):
            rows[clip]["ciou"] = value
    else:
        for clip, label, value in zip(clips, scored.label.tolist(), values, strict=True):
            parts.setdefault(clip, []).append((label, value))
    for clip, own in parts.items():
        rows[clip]["ciou"] = sum(value for _, value in own) / len(own)
        if len(own) > 1:
            rows[clip]["sources"] = [{"class": truth.classes[k] if k >= 0 else None, "ciou": v} for k, v in own]
    for clip in kept[~found[kept]].tolist():
        rows[clip]["missing"] = True
    more = dict(scored.of_clip) if scored.confidence is None else scored.of_clip | {"confidence": scored.confidence}
    for name, values in more.items():
        for row, value in zip(rows.values(), values[kept].tolist(), strict=True):
            row[name] = value
    return list(rows.values())


@lru_cache(maxsize=8)
def _grouped(group: tuple[str, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """The sorted names of groups, and the group of each item, -1 for none; cached, since protocols mostly group alike."""
    names = sorted({name for name in group if name})
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place.get(name, -1) for name in group], np.int64)


def _table(score: NDArray[np.float64], group: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Numbers of each named group, in order of name; scores without a name are left out."""
    names, all_places = _grouped(group)
    if not names:
        return {}
    number, values = all_places[all_places >= 0], score[all_places >= 0]
    clips = np.bincount(number)
    passed = (values[:, None] >= THRESHOLDS).astype(np.float64)
    rates = np.stack([np.bincount(number, weights=column) for column in passed.T], axis=1) / clips[:, None]
    means = np.bincount(number, weights=np.nan_to_num(values)) / clips
    areas = 0.5 * (rates[:, 1:] + rates[:, :-1]) @ np.diff(THRESHOLDS)
    columns = zip(names, clips.tolist(), means.tolist(), rates[:, 10].tolist(), areas.tolist(), strict=True)
    return {name: {"clips": n, "ciou": mean, "locacc": rate, "auc": area} for name, n, mean, rate, area in columns}


def _part(score: NDArray[np.float64], inside: NDArray[np.bool_]) -> dict[str, Any]:
    """Numbers of a part of the set; empty if none of its clips is scored."""
    return _table(score[inside], ("part",) * int(inside.sum())).get("part", {})


def _macro(table: dict[str, dict[str, Any]]) -> dict[str, float]:
    names = ("ciou", "locacc", "auc")
    return {name: float(np.mean([row[name] for row in table.values()])) for name in names} if table else {}


def _by_size(score: NDArray[np.float64], area: NDArray[np.float64]) -> dict[str, dict[str, Any]]:
    names = [name for name, _ in SIZES]
    number = np.searchsorted([high for _, high in SIZES], area, side="right")
    found = _table(score, tuple(names[place] for place in number.tolist()))
    return {name: found.get(name, {"clips": 0}) for name in names}
