"""VGGSound-Instruments: pixel masks, which are pickled in the distribution and must be converted to .npz once.

Lists of stoneMo/AVGN@5ab8cab; masks come with Mix-and-Localize. Masks in masks.npz: ids (N,), masks (N, h, w) 0 or 1.
"""

import numpy as np

from avloc.annotations.builder import Builder
from avloc.annotations.files import Files, csv_rows
from avloc.annotations.truth import Truth
from avloc.errors import DataError

_MASKS = ("masks.npz", "vgginstruments_masks.npz")


def read_instruments(files: Files) -> Truth:
    """vgginstruments_test.csv (sample, class) and the masks."""
    return _read(files, "vggsound-instruments", "vgginstruments_test.csv")


def read_instruments_multi(files: Files) -> Truth:
    """vgginstruments_multi_test.csv (sample, class, mixed sample, mixed class): two samples, each on its own frame."""
    return _read(files, "vggsound-instruments-multi", "vgginstruments_multi_test.csv")


def _read(files: Files, name: str, table: str) -> Truth:
    rows = csv_rows(files.main(table) if files.path.suffix == ".csv" else files.named(table), 2)
    path = files.named(*_MASKS)
    try:
        with np.load(path, allow_pickle=False) as file:
            ids, masks = [str(one) for one in file["ids"]], file["masks"] > 0
    except (ValueError, OSError, KeyError) as error:
        raise DataError(f"{path}: expected the arrays ids and masks, without pickles ({error})") from None
    if masks.ndim != 3 or len(masks) != len(ids):
        raise DataError(f"{path}: {len(ids)} ids for masks of shape {masks.shape}; expected (N, h, w)")
    place = {sample: number for number, sample in enumerate(ids)}
    build = Builder(name)
    parts = []
    for row in rows:
        samples = [row[0], row[2]] if len(row) >= 4 else [row[0]]
        missing = [sample for sample in samples if sample not in place]
        if missing:
            raise DataError(f"{path}: no mask for {missing[0]}; expected one for every sample of {table}")
        build.clip(row[0], row[0], row[1])
        parts.append(np.stack([masks[place[sample]] for sample in samples]))
    return build.truth(masks=np.stack(parts), mixed=len(parts[0]) > 1)
