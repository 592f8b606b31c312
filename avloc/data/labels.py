"""Pseudo labels of a store's clips: how much each class is heard and seen, kept beside the shards.

With them may lie proposals: places of each frame that may show an object, whatever it is, and the class of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import replacing
from avloc.naming import some

Scores = NDArray[np.float32]
PROPOSALS = ("proposals", "proposal_classes")


@dataclass(frozen=True, eq=False)
class Labels:
    """classes: C names. sound, frame: (N, C) in [0, 1], rows in the order of the split.

    proposals: (N, F, R, 4), R boxes in each of a clip's F frames, xyxy in [0, 1]. proposal_classes: (N, F, R), -1: not
    known. Both are None where there are no proposals.
    """

    classes: tuple[str, ...]
    sound: Scores
    frame: Scores
    proposals: Scores | None = None
    proposal_classes: NDArray[np.int64] | None = None


def labels_path(store: Store, name: str) -> Path:
    return store.path / "labels" / f"{name}.{store.split_name}.npz"


def write_labels(store: Store, name: str, labels: Labels) -> Path:
    """Keep the labels of a split under a name; DataError for scores that are none."""
    path = labels_path(store, name)
    for kind, scores in (("sound", labels.sound), ("frame", labels.frame)):
        _check(path, kind, scores, (len(store), len(labels.classes)))
    parts: dict[str, NDArray[Any]] = {
        "sound": labels.sound.astype(np.float32),
        "frame": labels.frame.astype(np.float32),
    }
    if labels.proposals is not None and labels.proposal_classes is not None:
        parts |= {"proposals": labels.proposals.astype(np.float32), "proposal_classes": labels.proposal_classes}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, ids=np.array(store.ids), classes=np.array(labels.classes), **parts)  # type: ignore[arg-type]
    return path


def read_labels(store: Store, name: str) -> Labels:
    """The labels of a split in its order; DataError when they are missing, broken, or not of all its clips."""
    path = labels_path(store, name)
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in ("ids", "classes", "sound", "frame")}
            found |= {key: file[key] for key in PROPOSALS if key in file.files}
    except FileNotFoundError:
        there = sorted(other.name.split(".")[0] for other in path.parent.glob(f"*.{store.split_name}.npz"))
        known = f"; it has {some(there, 8)}" if there else ""
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
    boxes, categories = (found[key][rows] if key in found else None for key in PROPOSALS)
    return Labels(tuple(found["classes"].tolist()), found["sound"][rows], found["frame"][rows], boxes, categories)


def _check(path: Path, kind: str, scores: NDArray[np.floating], expected: Sequence[int]) -> None:
    if scores.shape != tuple(expected):
        raise DataError(f"{path}: {kind} scores are {scores.shape}; expected {tuple(expected)}, clips by classes")
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise DataError(f"{path}: {kind} score of row {row}, class {column} is {scores[row, column]}; expected 0 to 1")
