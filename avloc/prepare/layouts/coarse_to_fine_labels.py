"""The other files of coarse-to-fine: pseudo labels and a detector's proposals, row by row."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.data.categories import category_names
from avloc.data.labels import Labels, write_labels
from avloc.data.manifest import read_manifest
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import replacing
from avloc.plain_arrays import plain_array
from avloc.plain_hdf5 import open_hdf5, values
from avloc.sealed_hdf5 import refuse_harmful

logger = logging.getLogger(__name__)

NAME = "published"


def keep_labels(source: Path, out: Path) -> None:
    """labels_a.npy and labels_v.npy (N, C) as the labels "published" of the split, Roi.h5 (N, 8, 4) as proposals.SPLIT.npz.

    A file that is missing or differs from the published form is logged and not used.
    """
    part = Store.open(out)
    part = part.split(next(iter(part.splits)))
    rows = _rows(out, part)
    found = {kind: _scores(source / f"labels_{letter}.npy", rows) for kind, letter in (("sound", "a"), ("frame", "v"))}
    there = [scores for scores in found.values() if scores is not None]
    if there:
        sound, frame = (scores if scores is not None else there[0] for scores in found.values())
        try:
            if sound.shape != frame.shape:
                raise DataError(
                    f"{source}: labels_a.npy has {sound.shape[1]} categories, labels_v.npy {frame.shape[1]}"
                )
            path = write_labels(part, NAME, Labels(category_names(sound.shape[1]), sound, frame))
            logger.info("%s: pseudo labels of %d clips; data.labels: %s trains on them", path, len(part), NAME)
        except DataError as error:
            logger.warning("%s; the pseudo labels are not used", error)
    _keep_proposals(source / "Roi.h5", out / f"proposals.{part.split_name}.npz", part, rows)


def _rows(out: Path, part: Store) -> list[tuple[int, int]]:
    """The row of the files and the second, of each clip."""
    lines, _ = read_manifest(out / "manifest.jsonl", part.splits)
    row_of = {line["id"]: int(line["source"].rpartition(":")[2]) for line in lines}
    return [(row_of[video], round(start)) for video, start in zip(_items(lines), part.starts.tolist(), strict=True)]


def _items(lines: list[dict]) -> list[str]:
    return [line["id"] for line in lines for _ in line["clips"]]


def _scores(path: Path, rows: list[tuple[int, int]]) -> NDArray[np.float32] | None:
    """(clips, C), None if there are none."""
    if not path.is_file():
        logger.info("%s: missing, so there are no pseudo labels from it", path)
        return None
    try:
        scores = plain_array(path)
        if scores.ndim != 2 or scores.dtype.kind not in "fiu" or len(scores) <= max(row for row, _ in rows):
            raise ValueError(f"{scores.dtype} {scores.shape}; expected a row of categories for each row of Video.h5")
        return scores[[row for row, _ in rows]].astype(np.float32)
    except (OSError, ValueError) as error:
        logger.warning("%s: not used, %s", path, str(error).splitlines()[0])
        return None


def _keep_proposals(path: Path, kept: Path, part: Store, rows: list[tuple[int, int]]) -> None:
    """ids (n,) and boxes (n, 1, 8, 4): left, top, right, bottom in [0, 1]."""
    if not path.is_file():
        logger.info("%s: missing, so there are no proposals", path)
        return
    try:
        refuse_harmful(path)
        with open_hdf5(path) as file:
            boxes = values(file, "roi")
        boxes = boxes if boxes.ndim == 4 else boxes[:, None]
        if boxes.ndim != 4 or boxes.shape[3] != 4 or len(boxes) <= max(row for row, _ in rows):
            raise ValueError(f"roi has the shape {boxes.shape}; expected boxes for each row of Video.h5")
        mine = np.stack([boxes[row, second] for row, second in rows])[:, None].astype(np.float32)
        if not ((mine >= 0) & (mine <= 1)).all():
            raise ValueError("boxes extend beyond the frame; expected left, top, right, bottom in [0, 1]")
    except (OSError, IndexError, ValueError) as error:
        logger.warning("%s: not used, %s", path, str(error).splitlines()[0])
        return
    with replacing(kept) as temporary, temporary.open("wb") as file:
        np.savez(file, ids=np.array(part.ids), boxes=mine)
    logger.info("%s: %d proposals of each of %d clips", kept, mine.shape[2], len(part))
