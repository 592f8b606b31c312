"""Brings heat maps and accompanying arrays into the order of the ground truth's clips."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.annotations.builder import words
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.given_arrays import array_of, texts_of
from avloc.naming import counted, some
from avloc.predicted_maps import refuse_channels_last
from avloc.scoring.fast.given import Given
from avloc.scoring.fast.pooled_pixels import ends_of
from avloc.scoring.pixel_inputs import known_kinds, known_thresholds
from avloc.scoring.task import Task

log = logging.getLogger("avloc.evaluate")


def as_maps(maps: ArrayLike, what: str = "heat maps") -> NDArray[np.float32]:
    """Heat maps as (N, K, h, w) float32; DataError for other shapes."""
    array = array_of(maps, what)
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or 0 in array.shape[1:] or array.dtype.kind not in "fiub":
        raise DataError(
            f"{what} of shape {array.shape} and type {array.dtype}; expected (N, h, w) or (N, K, h, w) numbers"
        )
    refuse_channels_last(what, array.shape)
    with np.errstate(over="ignore"):  # values beyond float32 become infinity, and such maps are counted
        return array.astype(np.float32, copy=False)


def task_of(
    maps: ArrayLike,
    truth: Truth,
    ids: Sequence[str] | None = None,
    assignment: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    confidence: ArrayLike | None = None,
    object_maps: ArrayLike | None = None,
    videos: Sequence[str] | None = None,
    two_valued: NDArray[np.bool_] | None = None,
    negative_maps: Mapping[str, ArrayLike] | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> Task:
    """The arguments of `score` as one value; DataError names what does not fit."""
    found = as_maps(maps)
    place = _places(truth, len(found), ids)
    if videos is not None:
        truth = replace(truth, videos=list(videos))
    table = _class_table(truth, found.shape[1], assignment, classes)
    there = place >= 0
    ordered = found if np.array_equal(place, np.arange(len(found))) else _ordered(found, place)
    sure = None if confidence is None else _ordered(_confidences(confidence, len(found)), place, -np.inf)
    objects = (
        None
        if object_maps is None
        else _ordered(as_maps(_as_many("object_maps", object_maps, len(found)), "object_maps")[:, 0], place)
    )
    if classes is not None and assignment is None and table is None:
        mine = f"name none of the truth's classes, which are {_sample(truth.classes)}"
        raise DataError(f"classes {_sample(classes)} {mine if truth.classes else 'for a truth without classes'}")
    named = assignment is not None or classes is not None
    masks = None if two_valued is None else _ordered(two_valued, place)
    others = {
        kind: _ordered(as_maps(_as_many(f"maps of {kind}", maps, len(found)), f"maps of {kind}"), place, np.nan)
        for kind, maps in known_kinds(negative_maps or {}).items()
    }
    shared = None if thresholds is None else known_thresholds(thresholds)
    given = Given(ordered, table, sure, objects, ends_of(ordered, there), named, masks, others, shared)
    return Task(given, truth, there)


def _as_many(name: str, values: ArrayLike, amount: int) -> NDArray:
    array = array_of(values, name)
    if array.ndim == 0 or len(array) != amount:
        raise DataError(
            f"{name} has {len(array) if array.ndim else 0} rows for {amount} heat maps; expected one for each"
        )
    return array


def _confidences(values: ArrayLike, amount: int) -> NDArray[np.float64]:
    found = _as_many("confidence", values, amount)
    if found.ndim != 1 or found.dtype.kind not in "fiub" or np.isnan(found.astype(np.float64)).any():
        raise DataError(f"confidence of shape {found.shape} and type {found.dtype}; expected (N,) numbers, none NaN")
    return found.astype(np.float64)


def _ordered(values: NDArray, place: NDArray[np.int64], absent: float = 0.0) -> NDArray:
    ordered = values[np.maximum(place, 0)]
    ordered[place < 0] = absent
    return ordered


def _class_table(
    truth: Truth, amount: int, assignment: ArrayLike | None, classes: Sequence[str] | None
) -> NDArray[np.bool_] | None:
    """Which of the K maps belong to which of the C classes, (C, K); None if unknown."""
    count = len(truth.classes)
    if assignment is not None:
        table = array_of(assignment, "assignment")
        if table.shape != (count, amount) or table.dtype.kind not in "fiub":
            what = f"{count} classes x {amount} maps, one row per class, of numbers"
            raise DataError(f"assignment of shape {table.shape} and type {table.dtype}; expected {what}")
        return table != 0
    if classes is not None:
        if len(classes) != amount:
            raise DataError(f"{len(classes)} class names for {amount} maps; expected one for each map")
        wrong = next((name for name in classes if not isinstance(name, str)), None)
        if wrong is not None:
            raise DataError(f"classes: {wrong!r}; expected names, as text")
        mine = [words(name) for name in classes]
        table = np.array([[name == words(own) for name in mine] for own in truth.classes], bool).reshape(count, amount)
        without = [truth.classes[row] for row in np.flatnonzero(~table.any(axis=1)).tolist()]
        if without and table.any():
            lacking = counted(len(without), "class of the ground truth has", "classes of the ground truth have")
            log.warning("%s no map: %s; the maps are of %s", lacking, some(without), some(classes))
        return table if table.any() else None
    return np.eye(count, dtype=bool) if amount == count and count > 0 else None


def _places(truth: Truth, amount: int, ids: Sequence[str] | None) -> NDArray[np.int64]:
    """(N,) the index of the prediction for each clip of the ground truth, -1 for none."""
    if ids is None:
        if amount != len(truth):
            raise DataError(f"{amount} heat maps for {len(truth)} clips of the truth; give their ids")
        return np.arange(amount)
    if len(ids) != amount:
        raise DataError(f"{len(ids)} ids for {amount} heat maps; expected one id for each")
    ids = texts_of(ids)
    stands: dict[str, int] = {}
    for number, name in enumerate(ids):
        if stands.setdefault(name, number) != number:
            raise DataError(f"predictions: duplicate id {name!r}; expected each id once")
    place = np.array([stands.get(name, -1) for name in truth.ids], np.int64)
    if not len(place) or (place < 0).all():
        raise DataError(f"no id of the predictions is in the ground truth: {_sample(ids)} against {_sample(truth.ids)}")
    return place


def _sample(ids: Sequence[str]) -> str:
    return some(map(repr, ids), 2)
