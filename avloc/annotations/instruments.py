"""VGGSound-Instruments: a pixel mask for each sample, pickled in the distribution and read here without executing
anything.

Lists of stoneMo/AVGN@5ab8cab; the masks come with Mix-and-Localize, a file for each sample in a folder `anno`.
Converted masks are in masks.npz: ids (N,), masks (N, h, w) 0 or 1.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.annotations.builder import Builder
from avloc.annotations.files import Files, csv_rows
from avloc.annotations.pickles import read_plain_pickle
from avloc.annotations.truth import Truth
from avloc.data.pictures import read_image
from avloc.errors import DataError
from avloc.files import replacing, why
from avloc.joins import match
from avloc.naming import brief, some, utf8_name
from avloc.plain_arrays import plain_arrays
from avloc.walking import files_in

_MASKS = ("masks.npz", "vgginstruments_masks.npz", "anno", "masks")
#: masks of a folder are resized to this size as in the released loader, with nearest neighbours
SIZE = 224


def read_instruments(files: Files) -> Truth:
    """vgginstruments_test.csv (sample, class) and the masks."""
    return _read(files, "vggsound-instruments", "vgginstruments_test.csv")


def read_instruments_multi(files: Files) -> Truth:
    """vgginstruments_multi_test.csv (sample, class, mixed sample, mixed class): two samples, each on its own frame."""
    return _read(files, "vggsound-instruments-multi", "vgginstruments_multi_test.csv")


def read_masks(path: Path) -> dict[str, NDArray[np.bool_]]:
    """Masks (h, w) by sample, all of one size: from masks.npz, or of a folder with a file for each sample.

    Files of a folder are pickles, plain .npy or .npz, or images; DataError names one that is anything else.
    """
    if path.is_dir():
        names: dict[str, Path] = {}
        for file in files_in(path):
            if names.setdefault(utf8_name(file.name.split(".")[0]), file) != file:
                first = names[utf8_name(file.name.split(".")[0])].name
                raise DataError(f"{path}: {file.name} and {first} are masks of one sample; keep one of them")
        if not names:
            raise DataError(f"{path}: empty; expected a mask for each sample")
        return {name: _bring(file) for name, file in names.items()}
    arrays = _arrays(path)
    if not {"ids", "masks"} <= set(arrays):
        raise DataError(f"{path}: holds {some(arrays, 5) or 'nothing'}; expected the arrays ids and masks")
    ids, masks = [str(one) for one in arrays["ids"].reshape(-1)], arrays["masks"] > 0
    if masks.ndim != 3 or len(masks) != len(ids):
        raise DataError(f"{path}: {len(ids)} ids for masks of shape {masks.shape}; expected (N, h, w)")
    if len(set(ids)) < len(ids):
        raise DataError(f"{path}: duplicate sample; expected each once")
    return dict(zip(ids, masks, strict=True))


def write_masks(path: Path, masks: dict[str, NDArray[np.bool_]]) -> None:
    """masks.npz: ids and masks of 0 and 1, without pickles."""
    stacked = np.stack(list(masks.values())).astype(np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, ids=np.array(list(masks)), masks=stacked)


def convert_masks(annotations: Path, out: Path) -> int:
    """Write the masks of a distribution, found in the same way as by the benchmark, to `out`; returns their number."""
    files = Files(annotations)
    masks = read_masks(files.path if _is_masks(files.path) else files.named(*reversed(_MASKS)))
    write_masks(out, masks)
    return len(masks)


def _is_masks(path: Path) -> bool:
    return path.is_dir() and path.name in _MASKS


def _read(files: Files, name: str, table: str) -> Truth:
    rows = csv_rows(files.main(table) if files.path.suffix == ".csv" else files.named(table), 2)
    path = files.named(*_MASKS)
    masks = read_masks(path)
    found = match((sample for row in rows for sample in row[: 3 if len(row) >= 4 else 1 : 2]), masks, alone=False)
    lacking = [*found.missing, *found.doubtful]
    if lacking:
        raise DataError(f"{path}: no mask for {brief(lacking[0])}; expected one for every sample of {table}")
    build = Builder(name)
    parts = []
    for row in rows:
        samples = [row[0], row[2]] if len(row) >= 4 else [row[0]]
        build.clip(row[0], row[0], row[1])
        parts.append(np.stack([masks[found.pairs[sample]] for sample in samples]))
    mixed = len(parts[0]) > 1
    partners = [row[2] for row in rows] if mixed else None
    return build.truth(masks=np.stack(parts), mixed=mixed, partner_ids=partners)


def _bring(path: Path) -> NDArray[np.bool_]:
    """The mask in one file, at 224 x 224."""
    if path.suffix.lower() == ".png":
        mask: Any = read_image(path)
    elif path.suffix in (".npy", ".npz"):
        mask = next(iter(_arrays(path).values()), None)
    else:
        mask = read_plain_pickle(path)
    array = np.squeeze(np.asarray(mask)) if mask is not None else np.zeros(0)
    if array.ndim != 2 or array.dtype.kind not in "buif" or 0 in array.shape:
        what = f"an array {mask.shape} of {mask.dtype}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise DataError(f"{path}: expected a mask (h, w) of numbers; found {what}")
    marked = (array > 0).astype(np.uint8)
    return cv2.resize(marked, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST) > 0


def _arrays(path: Path) -> dict[str, NDArray]:
    """The plain arrays of a .npz by name, or that of a .npy; nothing is unpickled."""
    try:
        return {name or path.stem: array for name, array in plain_arrays(path).items()}
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: expected plain arrays, without pickles ({why(error)})") from None
