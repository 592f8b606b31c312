"""Boxes that may show an object, from a detector's file: checked and put in the order of a split."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.score_files import rows_of
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import regular, why
from avloc.plain_arrays import plain_arrays
from avloc.plain_hdf5 import names_in, open_hdf5, values
from avloc.plain_json import plain_json
from avloc.sealed_hdf5 import refuse_harmful

OUTSIDE = 1e-3  # of a frame, by which rounding may put a box outside of it
EXPECTED = (
    "a .json {ID: [[[l, t, r, b], ...], ...]}, a .npz with ids and boxes, or a .h5 with roi, and ids unless in order"
)


def read_proposals(path: Path, store: Store) -> NDArray[np.float32]:
    """(N, F, R, 4): R boxes in each of the F frames of every clip, xyxy in [0, 1].

    A .npz with ids (n,) and boxes (n, F, R, 4); a .json {ID: [[[left, top, right, bottom], ...], ...]}; a .h5 with
    ``roi`` (n, F, R, 4), like the published ``Roi.h5``, and ids if it is not in the order of the split. With one frame
    per clip, the axis F can be left out. DataError for missing clips, NaN, and boxes that are invalid or outside the
    frame.
    """
    ids, boxes = _read(path)
    one = boxes.ndim == 3
    boxes = boxes[:, None] if one else boxes
    if boxes.ndim != 4 or boxes.shape[3] != 4 or boxes.dtype.kind not in "fiu" or not boxes.shape[2]:
        raise DataError(f"{path}: found boxes {boxes.dtype} {boxes.shape}; expected (clips, frames, boxes, 4)")
    if boxes.shape[1] != store.frames_per_clip:
        raise DataError(f"{path}: boxes of {boxes.shape[1]} frames per clip; {store.path} has {store.frames_per_clip}")
    if ids is None and len(boxes) != len(store):
        raise DataError(
            f"{path}: boxes of {len(boxes)} clips without ids; {store.path}, {store.split_name} has {len(store)} clips"
        )
    if ids is not None and len(ids) != len(boxes):
        raise DataError(f"{path}: {len(ids)} ids and boxes of {len(boxes)} clips; expected as many")
    rows = np.arange(len(store)) if ids is None else rows_of(path, store, ids)
    with np.errstate(over="ignore"):  # infinity is refused below
        boxes = boxes[rows].astype(np.float32)
    left, top, right, bottom = np.moveaxis(boxes, 3, 0)
    good = (left <= right) & (top <= bottom) & (boxes >= -OUTSIDE).all(3) & (boxes <= 1 + OUTSIDE).all(3)  # NaN: False
    if not good.all():
        clip, frame, number = (int(at[0]) for at in np.nonzero(~good))
        found = ", ".join(f"{value:.4g}" for value in boxes[clip, frame, number])
        raise DataError(
            f"{path}: {store.ids[clip]}, frame {frame}, box {number} is ({found}); expected left, top, right, bottom as "
            f"shares of the frame, 0 to 1 ({int((~good).sum())} such boxes in all)"
        )
    return boxes.clip(0, 1)


def _read(path: Path) -> tuple[list[str] | None, NDArray[Any]]:
    try:
        if path.suffix == ".json":
            found = plain_json(regular(path).read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("it is not {ID: boxes}")
            return list(found), np.array(list(found.values()))
        if path.suffix == ".npz":
            arrays = plain_arrays(path, ("ids", "boxes"))
            return _names(arrays["ids"]), arrays["boxes"]
        refuse_harmful(path)
        with open_hdf5(path) as file:
            ids = _names(values(file, "ids", "text")) if "ids" in names_in(file) else None
            return ids, values(file, "roi")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); expected {EXPECTED}") from None


def _names(ids: NDArray[Any]) -> list[str]:
    """ValueError for anything but a row of names."""
    if ids.ndim != 1:
        raise ValueError(f"its ids have the shape {ids.shape}")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in ids.tolist()]
