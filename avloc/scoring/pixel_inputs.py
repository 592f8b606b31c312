"""Requirements of protocols for pixels and for other sounds."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.errors import DataError
from avloc.protocols.plain_labels import UNLABELLED, are_numbers, class_order, over_set
from avloc.protocols.plain_sounds import KINDS, RULES, SHOWN
from avloc.protocols.protocol import Protocol
from avloc.scoring.task import Task


def known_kinds(maps: Mapping[str, ArrayLike]) -> Mapping[str, ArrayLike]:
    """DataError for an unknown kind of sound."""
    for kind in maps:
        if kind not in KINDS:
            raise DataError(f"negative maps of {kind!r}; expected {', '.join(KINDS)}")
    return maps


def known_thresholds(values: Mapping[str, float]) -> dict[str, float]:
    """DataError for an unknown threshold, and if that of the report is missing."""
    for name, value in values.items():
        if name not in RULES:
            raise DataError(f"thresholds: {name!r}; expected {', '.join(RULES)}")
        if not isinstance(value, Real) or not np.isfinite(float(value)):
            raise DataError(f"thresholds: {name} is {value!r}; expected a number")
    if SHOWN not in values:
        raise DataError(f"thresholds: no {SHOWN}, which pIA is reported at; give it too")
    return {name: float(value) for name, value in values.items()}


def refuse_unfit(protocol: Protocol, task: Task) -> None:
    """DataError if maps or ground truth lack what the protocol needs."""
    where, truth = f"protocol {protocol.name}", task.truth
    amount, classes = task.given.maps.shape[1], len(truth.classes) + 1
    if protocol.unit in ("union", "sounds", "labels", "picture") and truth.mixed:
        raise DataError(f"{where} scores one frame per clip; the clips of this ground truth have two frames each")
    if protocol.unit == "labels":
        if truth.labels is None and truth.mask_class is None:
            raise DataError(f"{where} scores the class of every pixel; the ground truth has no masks with classes")
        if truth.labels is not None and (worst := _beyond(protocol, truth.labels, classes)) is not None:
            raise DataError(f"{where}: the ground truth has class number {worst}; expected 0 to {classes - 1}")
        if amount not in (1, classes) or (amount > 1 and not len(class_order(task.given.table, amount))):
            what = f"one map of class numbers, or {classes} maps of scores: the background's and one for each class"
            raise DataError(f"{where}: {amount} maps per clip; expected {what}")
        if amount == 1:
            _refuse_other_numbers(where, task, classes)
    if protocol.unit == "sounds":
        if not task.given.negatives:
            raise DataError(f"{where} compares sounds; give negative_maps, on the command line --negatives")
        maps = [task.given.maps[task.found], *task.given.negatives.values()]
        if not all(np.isfinite(one).reshape(len(one), -1).all(axis=1).any() for one in maps if len(one)):
            raise DataError(
                f"{where}: for one kind of sound, all maps contain NaN or infinity; nothing can be compared"
            )


def _beyond(protocol: Protocol, labels: NDArray[np.uint8], classes: int) -> int | None:
    """The first number that is no class, if there is one; protocols over the whole set leave out pixels without a label."""
    wrong = labels[labels >= classes]
    wrong = wrong[wrong != UNLABELLED] if over_set(protocol) else wrong
    return int(wrong[0]) if len(wrong) else None


def _refuse_other_numbers(where: str, task: Task, classes: int) -> None:
    """DataError if no map at all has class numbers: then they are heat maps."""
    maps = task.given.maps[task.found][:, 0]
    if len(maps) and not any(are_numbers(one, classes) for one in maps if np.isfinite(one).all()):
        raise DataError(
            f"{where}: no map contains class numbers (integers from 0 to {classes - 1}); give these, or scores per "
            "class"
        )
