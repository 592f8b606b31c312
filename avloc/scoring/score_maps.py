"""Protocol x predictions x truth -> Result. Arrays in, numbers out; no model, no torch, no files."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.annotations.builder import words
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.naming import some
from avloc.protocols.named import PROTOCOLS, named
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.scoring.fast.measure import CHUNK, Given
from avloc.scoring.fast.pooled_pixels import ends_of
from avloc.scoring.result import Result
from avloc.scoring.task import Task, count_clips
from avloc.scoring.verdict import verdicts
from avloc.statistics import RESAMPLES

#: rules that need nothing but the map itself, for maps that are matched to frames
_MATCHED = ("rank", "rank-or-one", "absolute", "relative")


def score(
    protocol: str | Protocol,
    maps: ArrayLike,
    truth: Truth,
    *,
    ids: Sequence[str] | None = None,
    assignment: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    confidence: ArrayLike | None = None,
    object_maps: ArrayLike | None = None,
    videos: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Result:
    """Score heat maps (N, K, h, w) or (N, h, w), raw as the model gives them, against a truth.

    ids: the clip of each map, in any order; None means the order of the truth. assignment: (C, K), not 0 where one of
    the K cluster maps belongs to one of the truth's C classes; classes: (K,) names of the maps instead. confidence:
    (N,), for sets with silent clips; object_maps: (N, h, w), for object-guided localization. videos: the video of
    each clip of the truth where its own are not to be used. resamples: of the bootstrap, 0 for no intervals. `chunk`
    changes no result.
    """
    protocol = named(protocol) if isinstance(protocol, str) else protocol
    task = _task(maps, truth, ids, assignment, classes, confidence, object_maps, videos)
    resolved = resolve(protocol, task)
    return verdicts([resolved], task, resamples, seed, chunk)[0]


def score_all(
    maps: ArrayLike,
    truth: Truth,
    *,
    protocols: Sequence[Protocol] | None = None,
    ids: Sequence[str] | None = None,
    assignment: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    confidence: ArrayLike | None = None,
    object_maps: ArrayLike | None = None,
    videos: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> tuple[dict[str, Result], dict[str, str]]:
    """The same maps under every protocol that can take them, looked at once: results by name, and why others were
    left out."""
    task = _task(maps, truth, ids, assignment, classes, confidence, object_maps, videos)
    fit, left_out = [], {}
    for protocol in protocols or PROTOCOLS.values():
        try:
            fit.append(resolve(protocol, task))
        except DataError as error:
            left_out[protocol.name] = str(error)
    found = verdicts(fit, task, resamples, seed, chunk)
    return {result.protocol.name: result for result in found}, left_out


def resolve(protocol: Protocol, task: Task) -> Protocol:
    """The protocol as it applies to this task: unit auto is settled; DataError where the maps cannot be scored by
    it."""
    maps, truth = task.given.maps, task.truth
    amount, sources = maps.shape[1], task.sources
    unit = protocol.unit
    if unit == "auto":
        of_classes = task.given.named or (task.given.table is not None and amount not in (1, sources))
        unit = "class" if of_classes else "clip" if amount == 1 and not truth.mixed else "source"
        protocol = replace(protocol, unit=unit)
    where = f"protocol {protocol.name}"
    if unit in ("clip", "pixels") and (amount > 1 or truth.mixed) and not (unit == "pixels" and task.given.named):
        what = "one map a clip, on one frame" if truth.mixed else "one map a clip"
        raise DataError(
            f"{where} scores {what}; here are {amount} maps a clip and {sources} sources; choose one for sources"
        )
    if unit == "source" and amount != sources and not task.given.named:
        what = f"the predictions have {amount}, the truth {'up to ' if sources > 1 else ''}{sources}"
        raise DataError(f"{where} scores a map for each source; {what}: give as many, or `classes` (K names)")
    if unit == "class" and task.given.table is None:
        what = f"{amount} maps a clip for {len(truth.classes)} classes"
        raise DataError(f"{where} scores maps of classes; {what}: give `assignment` (C, K) or `classes` (K names)")
    if protocol.canvas == "wide" and maps.shape[3] != sources * maps.shape[2]:
        shape = f"maps of {maps.shape[2]}x{maps.shape[3]}"
        raise DataError(
            f"{where} looks at {sources} frames side by side; found {shape}; canvas=frame scores single frames"
        )
    if protocol.canvas == "tall" and truth.mixed and maps.shape[2] != sources * maps.shape[3]:
        shape = f"maps of {maps.shape[2]}x{maps.shape[3]}"
        raise DataError(f"{where} looks at {sources} frames one above the other; found {shape}")
    if protocol.lookup == "partner" and (protocol.unit in ("greedy", "pixels") or truth.partners is None):
        raise DataError(
            f"{where}: lookup=partner needs clips mixed by a list of pairs, a row for each, and unit source"
        )
    if protocol.unit == "greedy" and (protocol.mask not in _MATCHED or protocol.ogl_alpha < 1):
        found = f"mask={protocol.mask}, ogl_alpha={protocol.ogl_alpha:g}"
        raise DataError(f"{where}: {found}; matched maps are cut by {', '.join(_MATCHED)}, without object maps")
    wanted = canvas_size(protocol, sources if protocol.canvas == "wide" or truth.mixed else 1)
    if protocol.resize == "none" and maps.shape[2:] != wanted:
        shape = f"maps of {maps.shape[2]}x{maps.shape[3]}"
        raise DataError(f"{where}: resize=none takes maps of {wanted[0]}x{wanted[1]}; found {shape}")
    if protocol.mask in ("rank", "rank-or-one") and not 0 <= protocol.cut <= 1:
        raise DataError(f"{where}: cut {protocol.cut:g}; a rank is a share of the pixels, from 0 to 1")
    if protocol.level and not len(truth.classes):
        raise DataError(f"{where} counts the classes of a frame; the truth names none")
    if protocol.ogl_alpha < 1 and task.given.objects is None:
        raise DataError(f"{where}: ogl_alpha {protocol.ogl_alpha} needs object maps; the predictions have none")
    if protocol.ogl_alpha < 1 and not _finite(task.given.objects):
        raise DataError(f"{where}: ogl_alpha {protocol.ogl_alpha}: object maps hold NaN or infinity; expected numbers")
    counts, _, _ = count_clips(protocol, task)
    if not counts["evaluated"]:
        reasons = ", ".join(f"{number} {reason}" for reason, number in counts["dropped"].items())
        raise DataError(f"{where}: none of {counts['requested']} clips can be scored ({reasons})")
    return protocol


def _finite(maps: NDArray[np.float32] | None) -> bool:
    return maps is None or bool(np.isfinite(maps).all())


def as_maps(maps: ArrayLike) -> NDArray[np.float32]:
    """Heat maps as (N, K, h, w) float32; DataError for other shapes."""
    array = np.asarray(maps)
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or 0 in array.shape[1:] or array.dtype.kind not in "fiu":
        raise DataError(
            f"heat maps of shape {array.shape} and type {array.dtype}; expected (N, h, w) or (N, K, h, w) numbers"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity, and such maps are counted
        return array.astype(np.float32, copy=False)


def _task(
    maps: ArrayLike,
    truth: Truth,
    ids: Sequence[str] | None,
    assignment: ArrayLike | None,
    classes: Sequence[str] | None,
    confidence: ArrayLike | None,
    object_maps: ArrayLike | None,
    videos: Sequence[str] | None,
) -> Task:
    found = as_maps(maps)
    place = _places(truth, len(found), ids)
    if videos is not None:
        truth = replace(truth, videos=list(videos))
    table = _class_table(truth, found.shape[1], assignment, classes)
    there = place >= 0
    ordered = found if np.array_equal(place, np.arange(len(found))) else _ordered(found, place)
    sure = None if confidence is None else _ordered(_as_many("confidence", confidence, len(found)), place, -np.inf)
    objects = (
        None
        if object_maps is None
        else _ordered(as_maps(_as_many("object_maps", object_maps, len(found)))[:, 0], place)
    )
    if classes is not None and assignment is None and table is None:
        raise DataError(
            f"classes {_sample(classes)} name none of the truth's classes, which are {_sample(truth.classes)}"
        )
    named = assignment is not None or classes is not None
    given = Given(ordered, table, sure, objects, ends_of(ordered[there]), named)
    return Task(given, truth, there)


def _as_many(name: str, values: ArrayLike, amount: int) -> NDArray:
    array = np.asarray(values)
    if len(array) != amount:
        raise DataError(f"{name} has {len(array)} rows for {amount} heat maps; expected one for each")
    return array


def _ordered(values: NDArray, place: NDArray[np.int64], absent: float = 0.0) -> NDArray:
    ordered = values[np.maximum(place, 0)]
    ordered[place < 0] = absent
    return ordered


def _class_table(
    truth: Truth, amount: int, assignment: ArrayLike | None, classes: Sequence[str] | None
) -> NDArray[np.bool_] | None:
    """Which of the K maps belong to which of the C classes, (C, K); None where that is not known."""
    count = len(truth.classes)
    if assignment is not None:
        table = np.asarray(assignment) != 0
        if table.shape != (count, amount):
            raise DataError(
                f"assignment of shape {table.shape}; expected {count} classes x {amount} maps, one row a class"
            )
        return table
    if classes is not None:
        if len(classes) != amount:
            raise DataError(f"{len(classes)} class names for {amount} maps; expected one for each map")
        mine = [words(name) for name in classes]
        table = np.array([[name == words(own) for name in mine] for own in truth.classes], bool).reshape(count, amount)
        return table if table.any() else None
    return np.eye(count, dtype=bool) if amount == count and count > 0 else None


def _places(truth: Truth, amount: int, ids: Sequence[str] | None) -> NDArray[np.int64]:
    """(N,) where the prediction of each clip of the truth stands, -1 for none."""
    if ids is None:
        if amount != len(truth):
            raise DataError(f"{amount} heat maps for {len(truth)} clips of the truth; give their ids")
        return np.arange(amount)
    if len(ids) != amount:
        raise DataError(f"{len(ids)} ids for {amount} heat maps; expected one id for each")
    stands: dict[str, int] = {}
    for number, name in enumerate(ids):
        if stands.setdefault(name, number) != number:
            raise DataError(f"predictions: id {name!r} stands there twice; expected each id once")
    place = np.array([stands.get(name, -1) for name in truth.ids], np.int64)
    if not len(place) or (place < 0).all():
        raise DataError(f"no id of the predictions is in the truth: {_sample(ids)} against {_sample(truth.ids)}")
    return place


def _sample(ids: Sequence[str]) -> str:
    return some(map(repr, ids), 2)
