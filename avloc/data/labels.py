"""Pseudo labels of a store's clips: how much each class is heard and seen, kept beside the shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import replacing

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Labels:
    """classes: C names. sound, frame: (N, C) in [0, 1], rows in the order of the split."""

    classes: tuple[str, ...]
    sound: Scores
    frame: Scores


def labels_path(store: Store, name: str) -> Path:
    return store.path / "labels" / f"{name}.{store.split_name}.npz"


def write_labels(store: Store, name: str, labels: Labels) -> Path:
    """Keep the labels of a split under a name; DataError for scores that are none."""
    path = labels_path(store, name)
    for kind, scores in (("sound", labels.sound), ("frame", labels.frame)):
        _check(path, kind, scores, (len(store), len(labels.classes)))
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            ids=np.array(store.ids),
            classes=np.array(labels.classes),
            sound=labels.sound.astype(np.float32),
            frame=labels.frame.astype(np.float32),
        )
    return path


def read_labels(store: Store, name: str) -> Labels:
    """The labels of a split in its order; DataError when they are missing, broken, or not of all its clips."""
    path = labels_path(store, name)
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in ("ids", "classes", "sound", "frame")}
    except FileNotFoundError:
        there = sorted(other.name.split(".")[0] for other in path.parent.glob(f"*.{store.split_name}.npz"))
        known = f"; it has {', '.join(there)}" if there else ""
        raise DataError(
            f"{path}: no such pseudo labels{known}; `avloc pseudo-labels` with --name {name} writes them"
        ) from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(
            f"{path}: not whole pseudo labels ({error}); write them again with `avloc pseudo-labels`"
        ) from None
    place = {clip: row for row, clip in enumerate(found["ids"].tolist())}
    for kind in ("sound", "frame"):
        _check(path, kind, found[kind], (len(found["ids"]), len(found["classes"])))
    missing = [clip for clip in store.ids if clip not in place]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(store)} clips have no pseudo label, such as {missing[0]}; "
            "write them again with `avloc pseudo-labels`"
        )
    rows = np.array([place[clip] for clip in store.ids], np.int64)
    return Labels(tuple(found["classes"].tolist()), found["sound"][rows], found["frame"][rows])


def _check(path: Path, kind: str, scores: NDArray[np.floating], expected: Sequence[int]) -> None:
    if scores.shape != tuple(expected):
        raise DataError(f"{path}: {kind} scores are {scores.shape}; expected {tuple(expected)}, clips by classes")
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise DataError(f"{path}: {kind} score of row {row}, class {column} is {scores[row, column]}; expected 0 to 1")
