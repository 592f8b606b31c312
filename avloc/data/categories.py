"""Which class of a tagger or classifier belongs to which category, from a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.files import why
from avloc.naming import brief, whole
from avloc.plain_arrays import plain_array
from avloc.tables import read_table

#: the roots of AudioSet's ontology, in the order of the published mappings
CATEGORIES = (
    "human sounds",
    "source-ambiguous sounds",
    "animal",
    "sounds of things",
    "music",
    "natural sounds",
    "environment",
)


@dataclass(frozen=True, eq=False)
class Mapping:
    """categories: K names. table: (J, K) of 0 and 1, the categories of each of J classes; a class may have several."""

    categories: tuple[str, ...]
    table: NDArray[np.float32]


def category_names(count: int) -> tuple[str, ...]:
    return CATEGORIES if count == len(CATEGORIES) else tuple(f"category {number}" for number in range(count))


def read_mapping(path: Path, classes: int, what: str) -> Mapping:
    """The categories of `classes` classes: a .npy, classes by categories or the other way round, as the authors'
    ``cluster_a.npy`` (7, 527) and ``cluster_v3.npy`` (1000, 7); or a .csv with a header "class,category" and a row for
    each class, by its number, from 0, and category.

    what: the name of the network, for errors.
    """
    found = _table(path, classes, what) if path.suffix == ".csv" else _array(path, classes, what)
    if not np.isin(found.table, (0, 1)).all():
        wrong = found.table[~np.isin(found.table, (0, 1))][0]
        raise DataError(f"{path}: {wrong} in it; expected 0 and 1, whether a class is of a category")
    empty = np.flatnonzero(~found.table.any(0))
    if len(empty):
        raise DataError(f"{path}: no class is of {found.categories[empty[0]]}; expected at least one for each category")
    return found


def _array(path: Path, classes: int, what: str) -> Mapping:
    try:
        table = plain_array(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read ({why(error)}); expected a .npy of classes by categories, or a .csv"
        ) from None
    if table.ndim != 2 or classes not in table.shape or table.dtype.kind not in "fiub":
        raise DataError(
            f"{path}: found {table.shape}; expected ({classes}, categories), for {what} has {classes} classes"
        )
    table = table if table.shape[0] == classes else table.T
    return Mapping(category_names(table.shape[1]), table.astype(np.float32))


def _table(path: Path, classes: int, what: str) -> Mapping:
    found = read_table(path, 1, "a header class,category and rows", headed=True)
    of, into = (
        found.header.index(name) if name in found.header else len(found.header) for name in ("class", "category")
    )
    places: list[tuple[int, str]] = []
    for line, row in found.rows:
        number, category = (row[place] if place < len(row) else "" for place in (of, into))
        if not number or not category:
            raise DataError(f"{path}:{line}: no class or no category in this row; expected a header class,category")
        if (place_of_class := whole(number, classes - 1)) is None:
            raise DataError(
                f"{path}:{line}: class {brief(repr(number))}; expected a number from 0 to {classes - 1}, as {what} has"
            )
        places.append((place_of_class, category.strip()))
    if not places:
        raise DataError(f"{path}: no rows; expected a header class,category and a row for each class")
    names = tuple(dict.fromkeys(category for _, category in places))
    if set(names) <= set(CATEGORIES):
        names = tuple(name for name in CATEGORIES if name in names)
    table = np.zeros((classes, len(names)), np.float32)
    for place, category in places:
        table[place, names.index(category)] = 1
    return Mapping(names, table)
