"""Rows of the HDF5 files that authors release: one clip's picture or sound each."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from avloc.files import why
from avloc.prepare.media.container import MediaError


def read_row(path: Path, dataset: str, row: int, clip: str | Path) -> NDArray[Any]:
    """One row of a dataset; MediaError about `clip` where it cannot be read or holds NaN or infinity."""
    try:
        found = _opened(path)[dataset][row]
    except (OSError, KeyError) as error:
        raise MediaError(clip, "cannot be read", why(error)) from None
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise MediaError(clip, "not finite", "NaN or infinity in the row")
    return found


@lru_cache(maxsize=4)
def _opened(path: Path) -> h5py.File:
    return h5py.File(path, "r", locking=False)
