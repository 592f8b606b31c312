"""Which classes sound in the videos of AudioSet-instrument, from the pickles of its two releases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avloc.annotations.audioset import DSOL_CLASSES
from avloc.annotations.files import Files
from avloc.annotations.pickles import read_plain_pickle
from avloc.errors import DataError

_NAMES = "Banjo Cello Drum Guitar Harp Harmonica Oboe Piano Saxophone Trombone Trumpet Violin Flute Accordion Horn"
CLASSES = tuple(_NAMES.split())


def read_tags(path: Path, files: Files) -> dict[str, list[int]]:
    return _labels(path, read_plain_pickle(path), CLASSES)


def tags_of_dsol(path: Path, files: Files) -> dict[str, list[int]]:
    names = read_plain_pickle(path)
    names = names.tolist() if isinstance(names, np.ndarray) else names
    if not isinstance(names, list):
        raise DataError(f"{path}: holds a {type(names).__name__}; expected a list of ids")
    labels = path.with_name(f"{path.stem}_label.pkl")
    if not labels.is_file():
        raise DataError(f"{labels}: missing; it has the labels of the videos of {path.name}")
    found = _labels(labels, read_plain_pickle(labels), DSOL_CLASSES)
    unlabelled = [name for name in map(text_of, names) if name not in found]
    if unlabelled:
        raise DataError(f"{labels}: no label for {len(unlabelled)} of {len(names)} videos, such as {unlabelled[0]}")
    return {name: found[name] for name in map(text_of, names)}


def _labels(path: Path, table: Any, classes: Sequence[str]) -> dict[str, list[int]]:
    """Indices of the sounding classes, by id; a vector of the other release's 15 classes is read by its names."""
    if not isinstance(table, dict):
        raise DataError(f"{path}: holds a {type(table).__name__}; expected {{id: numbers}}")
    found = {}
    for name, value in table.items():
        vector = np.atleast_1d(np.asarray(value, float)).ravel()
        names = classes if len(vector) == len(classes) else CLASSES
        if len(vector) != len(names) or not np.isfinite(vector).all():
            raise DataError(
                f"{path}: {text_of(name)} has {len(vector)} numbers; expected {len(classes)}, one per class"
            )
        tags = [names[place] for place in np.flatnonzero(vector > 0).tolist()]
        unknown = [tag for tag in tags if tag not in classes]
        if unknown:
            raise DataError(f"{path}: {text_of(name)} is a {unknown[0]}, which is not a class of this release")
        found[text_of(name)] = [classes.index(tag) for tag in tags]
    return found


def text_of(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
