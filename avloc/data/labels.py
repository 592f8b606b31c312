"""Pseudo labels of a store's clips: how likely each class is heard and seen, stored next to the shards.

They can include proposals: boxes in each frame that may show an object of any kind, with the class of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.checksums import checked_arrays, with_checksum
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.file_names import as_file_name
from avloc.files import refused, replacing
from avloc.naming import some
from avloc.plain_arrays import Arrays

Scores = NDArray[np.float32]
PROPOSALS = ("proposals", "proposal_classes")


@dataclass(frozen=True, eq=False)
class Labels:
    """classes: C names. sound, frame: (N, C) in [0, 1], rows in the order of the split.

    proposals: (N, F, R, 4), R boxes in each of a clip's F frames, xyxy in [0, 1]. proposal_classes: (N, F, R), -1: not
    known. Both are None if there are no proposals.
    """

    classes: tuple[str, ...]
    sound: Scores
    frame: Scores
    proposals: Scores | None = None
    proposal_classes: NDArray[np.int64] | None = None


def labels_path(store: Store, name: str) -> Path:
    split = as_file_name(str(store.split_name), f"{store.path}: the split")
    return store.path / "labels" / f"{as_file_name(name, 'the pseudo labels')}.{split}.npz"


def write_labels(store: Store, name: str, labels: Labels) -> Path:
    """Store the labels of a split under a name; DataError for invalid scores."""
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
        named = {"ids": np.array(store.ids), "classes": np.array(labels.classes)}
        np.savez(file, **with_checksum({**named, **parts}))  # type: ignore[arg-type]
    return path


def read_labels(store: Store, name: str) -> Labels:
    """The labels of a split in its order; DataError if they are missing, damaged, or incomplete."""
    path = labels_path(store, name)
    try:
        found, _ = checked_arrays(path, ("ids", "classes", "sound", "frame"))
    except FileNotFoundError:
        there = sorted(other.name.split(".")[0] for other in path.parent.glob(f"*.{store.split_name}.npz"))
        known = f"; it has {some(there, 8)}" if there else ""
        raise DataError(
            f"{path}: no such pseudo labels{known}; `avloc pseudo-labels` with --name {name} writes them"
        ) from None
    except OSError as error:
        raise DataError(refused(path, error, "write them again with `avloc pseudo-labels`")) from None
    except ValueError as error:
        raise DataError(
            f"{path}: incomplete pseudo labels ({error}); write them again with `avloc pseudo-labels`"
        ) from None
    _check_names(path, found)
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
    boxes, categories = _proposals(path, found, store.frames_per_clip)
    if boxes is not None and categories is not None:
        boxes, categories = boxes[rows], categories[rows]
    return Labels(tuple(found["classes"].tolist()), found["sound"][rows], found["frame"][rows], boxes, categories)


def _check_names(path: Path, found: Arrays) -> None:
    for key in ("ids", "classes"):
        if found[key].ndim != 1 or found[key].dtype.kind != "U":
            raise DataError(
                f"{path}: {key} are {found[key].dtype} {found[key].shape}; expected names, one after the other"
            )


def _proposals(path: Path, found: Arrays, frames: int) -> tuple[NDArray[np.float32] | None, NDArray[np.int64] | None]:
    """The boxes and their classes, if the file has both."""
    boxes, kinds = (found.get(key) for key in PROPOSALS)
    if boxes is None or kinds is None:
        return None, None
    wanted = (len(found["ids"]), frames)
    if boxes.shape[:2] != wanted or boxes.shape[2:] != (*kinds.shape[2:], 4) or boxes.shape[:3] != kinds.shape:
        raise DataError(
            f"{path}: proposals are {boxes.shape} and their classes {kinds.shape}; expected {(*wanted, 'R', 4)}"
        )
    if boxes.dtype.kind != "f" or kinds.dtype.kind not in "iu":
        raise DataError(f"{path}: proposals are {boxes.dtype} and their classes {kinds.dtype}; expected float and int")
    return boxes, kinds


def _check(path: Path, kind: str, scores: NDArray[np.floating], expected: Sequence[int]) -> None:
    if scores.shape != tuple(expected) or scores.dtype.kind not in "fiub":
        raise DataError(
            f"{path}: {kind} scores are {scores.dtype} {scores.shape}; expected {tuple(expected)}, clips by classes"
        )
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise DataError(f"{path}: {kind} score of row {row}, class {column} is {scores[row, column]}; expected 0 to 1")
