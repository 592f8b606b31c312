"""Rows of the HDF5 files that authors release: each is the picture or the sound of one clip."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.files import regular, why
from avloc.plain_hdf5 import dataset, names_in, open_hdf5, told
from avloc.prepare.media.container import MediaError
from avloc.sealed_hdf5 import refuse_harmful


def read_row(path: Path, name: str, row: int, clip: str | Path) -> NDArray[Any]:
    """One row of a dataset; MediaError about `clip` if it cannot be read or contains NaN or infinity."""
    try:
        stored = dataset(_opened(path), name)
        with told():
            found = stored[row]
    except OSError as error:  # an error of the system, not of the file
        raise MediaError(clip, "cannot be read", why(error), passing=True) from None
    except ValueError as error:
        raise MediaError(clip, "cannot be read", why(error)) from None
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise MediaError(clip, "not finite", "NaN or infinity in the row")
    return found


def shape_of(path: Path, name: str, missing: str) -> tuple[int, ...]:
    """Shape of a dataset of numbers. DataError if it cannot be read, or with the text `missing` if it does not exist.

    The file is first opened in another process, because the library can crash or hang on a damaged one.
    """
    try:
        refuse_harmful(path, ends=True)
        with open_hdf5(path) as file:
            if name not in (there := names_in(file)):
                raise DataError(f"{path}: no dataset {name} {missing.format(', '.join(there) or 'nothing')}")
            return dataset(file, name).shape
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({why(error)})") from None
    except ValueError as error:
        raise DataError(f"{path}: not an HDF5 file, or truncated ({why(error)}); fetch it again") from None


@lru_cache(maxsize=4)
def _opened(path: Path) -> h5py.File:
    with told():
        return h5py.File(regular(path), "r", locking=False)
