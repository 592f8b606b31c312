"""Scores of clips from other programs: tables and arrays, checked and put in the order of a split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import why
from avloc.joins import match
from avloc.leftovers import joined, told
from avloc.naming import brief, first_double, some
from avloc.plain_arrays import plain_array, plain_arrays
from avloc.tables import read_table

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ScoreFile:
    """classes: C names, None if the file has none. kinds: ``sound`` or ``frame``, or both, (N, C), rows in the order of
    the split.
    """

    classes: tuple[str, ...] | None
    kinds: dict[str, Scores]


def read_scores(path: Path, store: Store, kind: str = "sound", bounded: bool = True) -> ScoreFile:
    """A .csv ("id,CLASS,..."), a .npz (ids, classes, and sound or frame or both), or a .npy (N, C) in the order of the split.

    kind: the kind of unnamed scores. bounded: they must be in [0, 1]. DataError for missing clips, NaN, or scores
    out of bounds.
    """
    read = {".csv": _table, ".npy": _array}.get(path.suffix, _arrays)
    ids, classes, kinds = read(path, kind)
    rows = np.arange(len(store)) if ids is None else rows_of(path, store, ids)
    for name, values in kinds.items():
        if values.ndim != 2 or values.dtype.kind not in "fiub":
            raise DataError(f"{path}: {name} is {values.dtype} {values.shape}; expected numbers, (clips, classes)")
        count, expected = len(store) if ids is None else len(ids), len(classes) if classes else values.shape[-1]
        if values.shape != (count, expected):
            clips = f"{store.split_name} has {count} clips" if ids is None else "clips by classes"
            raise DataError(f"{path}: {name} has the shape {values.shape}; expected {(count, expected)}, {clips}")
        good = (values >= 0) & (values <= 1) if bounded else np.isfinite(values)
        if not good.all():
            row, column = (int(at[0]) for at in np.nonzero(~good))
            where = store.ids[row] if ids is None else ids[row]
            of = classes[column] if classes else f"class {column}"
            wanted = "0 to 1" if bounded else "a finite number"
            raise DataError(f"{path}: {where}, {of}: {name} score {values[row, column]}; expected {wanted}")
    return ScoreFile(classes, {name: values[rows].astype(np.float32) for name, values in kinds.items()})


def rows_of(path: Path, store: Store, ids: list[str]) -> NDArray[np.int64]:
    """The row in the file for each clip of the split."""
    place = {clip: row for row, clip in enumerate(ids)}
    double = first_double(ids)
    if double is not None:
        raise DataError(f"{path}: duplicate id {brief(double)!r}; expected each id once")
    found = match(store.ids, ids)
    if found.missing:
        raise DataError(
            f"{path}: {len(found.missing)} of {len(store)} clips of {store.split_name} are missing, such as "
            f"{brief(found.missing[0])}"
        )
    if found.doubtful:
        clip, several = next(iter(found.doubtful.items()))
        raise DataError(f"{path}: {brief(clip)} could be any of {some(several)}; write the ids as the store does")
    told([joined(path.name, found, unused=f"ids are not in {store.split_name}")])
    return np.array([place[found.pairs[clip]] for clip in store.ids], np.int64)


Read = tuple[list[str] | None, tuple[str, ...] | None, dict[str, NDArray[Any]]]


def _table(path: Path, kind: str) -> Read:
    table = read_table(path, 1, "a header id,CLASS,... and rows", headed=True)
    if not table.rows:
        raise DataError(f"{path}: no row in it; expected a header id,CLASS,... and rows")
    for line, row in table.rows:
        if len(row) != len(table.header):
            raise DataError(f"{path}:{line}: {len(row)} fields, the header has {len(table.header)}")
    rows = [row for _, row in table.rows]
    try:
        values = np.array([[float(value) for value in row[1:]] for row in rows], np.float64).reshape(len(rows), -1)
    except ValueError as error:
        raise DataError(f"{path}: a score is not a number ({error})") from None
    return [row[0].strip() for row in rows], table.header[1:], {kind: values}


def _array(path: Path, kind: str) -> Read:
    try:
        values = plain_array(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); expected a .npy of (clips, classes)") from None
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        raise DataError(f"{path}: found {values.dtype} {values.shape}; expected numbers, (clips, classes)")
    return None, None, {kind: values}


def _arrays(path: Path, kind: str) -> Read:
    try:
        arrays = plain_arrays(path, ("ids", "classes"), ("sound", "frame"))
        if any(arrays[name].ndim != 1 or arrays[name].dtype.kind != "U" for name in ("ids", "classes")):
            raise ValueError("its ids or classes are not lists of names")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read ({why(error)}); expected a .csv, a .npy, or a .npz with ids, classes, sound, frame"
        ) from None
    ids, classes = arrays["ids"].tolist(), arrays["classes"].tolist()
    kinds: dict[str, NDArray[Any]] = {name: arrays[name] for name in ("sound", "frame") if name in arrays}
    if not kinds:
        raise DataError(f"{path}: neither sound nor frame in it; expected (N, C) scores of one or both")
    return ids, tuple(classes), kinds
