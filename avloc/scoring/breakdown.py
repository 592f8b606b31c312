"""The same scores by clip, by class, by video and by the size of the sounding object."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.metrics import THRESHOLDS, success_curve, successes
from avloc.scoring.result import Result
from avloc.scoring.rows import ClipRows, Groups
from avloc.scoring.summary import Scored, items_of

#: upper bounds of the area of the ground truth, in pixels of a 224 x 224 frame: stoneMo/SLAVC@05b429c
SIZES = (("small", 32**2), ("medium", 96**2), ("large", 144**2), ("huge", np.inf))
METRICS = ("ciou", "locacc", "auc")


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
    _, score = items_of(result.protocol, scored)
    if len(score):
        result.curve = success_curve(score).tolist()
    result.per_clip = _per_clip(truth, scored, kept, found)
    break_down_groups(result, truth, scored, area)


def break_down_groups(
    result: Result,
    truth: Truth,
    scored: Scored,
    area: NDArray[np.float64] | None,
    metrics: tuple[str, ...] = METRICS,
) -> None:
    """Fill only the tables of classes, videos, flags and sizes, with these metrics."""
    clip, score = items_of(result.protocol, scored)
    names = ["", *truth.classes]
    strict = result.protocol.strict_success
    classes = _table(scored.score, tuple(names[label + 1] for label in scored.label.tolist()), metrics, strict)
    videos = _table(score, tuple(truth.videos[number] for number in clip.tolist()), metrics, strict)
    result.per_class, result.per_video = dict(classes), videos
    result.by_part = {
        name: rows for name, inside in truth.parts.items() if (rows := _part(score, inside[clip], metrics, strict))
    }
    result.macro = {"by_class": _macro(classes), "by_video": _macro(videos)}
    if area is not None:
        result.by_size = _by_size(scored.score[area > 0], area[area > 0], metrics, strict)


def _per_clip(truth: Truth, scored: Scored, kept: NDArray[np.int64], found: NDArray[np.bool_]) -> ClipRows:
    rows = ClipRows(truth.ids, truth.videos, kept.astype(np.int32))
    row_of = np.full(len(truth), -1, np.int64)
    row_of[kept] = np.arange(len(kept))
    numbers = row_of[scored.clip]
    there, values = np.zeros(len(kept), bool), np.zeros(len(kept))
    there[numbers], values[numbers] = True, scored.score
    if np.bincount(numbers).max(initial=0) > 1:
        rows.after["ciou"] = _sources(truth, scored, numbers.tolist(), values)
    rows.add("ciou", values, there)
    missing = np.logical_not(found[kept])
    rows.add("missing", missing, missing)
    more = dict(scored.of_clip) if scored.confidence is None else scored.of_clip | {"confidence": scored.confidence}
    for name, column in more.items():
        rows.add(name, column[kept])
    return rows


def _sources(
    truth: Truth, scored: Scored, numbers: list[int], values: NDArray[np.float64]
) -> dict[int, dict[str, Any]]:
    """The sources of rows with several, by row, whose means are written to values (R,). numbers: (U,) the row of each unit."""
    parts: dict[int, list[tuple[int, float]]] = {}
    for number, label, value in zip(numbers, scored.label.tolist(), scored.score.tolist(), strict=True):
        parts.setdefault(number, []).append((label, value))
    several = {number: own for number, own in parts.items() if len(own) > 1}
    for number, own in several.items():
        values[number] = sum(value for _, value in own) / len(own)
    return {
        number: {"sources": [{"class": truth.classes[k] if k >= 0 else None, "ciou": v} for k, v in own]}
        for number, own in several.items()
    }


@lru_cache(maxsize=8)
def _grouped(group: tuple[str, ...]) -> tuple[dict[str, int], NDArray[np.int64]]:
    """The places of groups, sorted by name, and that of each item, -1 for none; cached, since protocols mostly group alike."""
    places = {name: number for number, name in enumerate(sorted({name for name in group if name}))}
    return places, np.array([places.get(name, -1) for name in group], np.int64)


def _table(score: NDArray[np.float64], group: tuple[str, ...], metrics: tuple[str, ...], strict: bool) -> Groups:
    """Numbers of each named group, in order of name; scores without a name are left out. strict: success is a score above
    0.5, not 0.5 itself."""
    places, all_places = _grouped(group)
    if not places:
        return Groups({}, {})
    number, values = all_places[all_places >= 0], score[all_places >= 0]
    clips = np.bincount(number)
    passed = (values[:, None] >= THRESHOLDS).astype(np.float64)
    rates = np.stack([np.bincount(number, weights=column) for column in passed.T], axis=1) / clips[:, None]
    means = np.bincount(number, weights=np.nan_to_num(values)) / clips
    reached = successes(values, 0.5, strict=strict)
    areas = 0.5 * (rates[:, 1:] + rates[:, :-1]) @ np.diff(THRESHOLDS)
    columns: dict[str, NDArray] = {
        "clips": clips.astype(np.int32),
        "ciou": means,
        "locacc": np.bincount(number, weights=reached) / clips,
        "auc": areas,
    }
    return Groups(places, {name: values for name, values in columns.items() if name in ("clips", *metrics)})


def _part(
    score: NDArray[np.float64], inside: NDArray[np.bool_], metrics: tuple[str, ...], strict: bool
) -> dict[str, Any]:
    """Numbers of a part of the set; empty if none of its clips is scored."""
    return _table(score[inside], ("part",) * int(inside.sum()), metrics, strict).get("part", {})


def _macro(table: Groups) -> dict[str, float]:
    return {name: float(np.mean(values)) for name, values in table.columns.items() if name != "clips"}


def _by_size(
    score: NDArray[np.float64], area: NDArray[np.float64], metrics: tuple[str, ...], strict: bool
) -> dict[str, dict[str, Any]]:
    names = [name for name, _ in SIZES]
    number = np.searchsorted([high for _, high in SIZES], area, side="right")
    found = _table(score, tuple(names[place] for place in number.tolist()), metrics, strict)
    return {name: found.get(name, {"clips": 0}) for name in names}
