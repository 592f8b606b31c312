"""Heat maps or masks as one file per clip, and shapes that are easily confused."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.files import why
from avloc.naming import utf8_name
from avloc.plain_arrays import plain_array
from avloc.walking import files_in

_PICTURES = (".png", ".jpg", ".jpeg")


def refuse_channels_last(what: str, shape: tuple[int, ...]) -> None:
    """DataError for (N, h, w, 1): it would be read as h maps per clip with one column each."""
    if len(shape) == 4 and shape[3] == 1 < min(shape[1:3]):
        raise DataError(
            f"{what} of shape {shape} have their channel last; expected (N, h, w) or (N, K, h, w): give maps[..., 0]"
        )


def maps_of_folder(path: Path) -> tuple[list[str], list[NDArray[np.float32]]]:
    """One file per clip, with the path without suffix as its id: .npy (h, w) or (K, h, w), or a grey picture, whose
    values are used unchanged.
    """
    files = files_in(path, ".npy", *_PICTURES, deep=True)
    if not files:
        raise DataError(f"{path}: no .npy or .png or .jpg files; expected one map per clip, named after its id")
    ids = [utf8_name(file.relative_to(path).with_suffix("").as_posix()) for file in files]
    return ids, [_one_map(file) for file in files]


def _one_map(file: Path) -> NDArray[np.float32]:
    """(K, h, w) of one file."""
    from avloc.data.pictures import read_image

    try:
        array = plain_array(file) if file.suffix.lower() == ".npy" else read_image(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({why(error)})") from None
    except ValueError as error:
        raise DataError(f"{file}: not a plain array ({why(error)})") from None
    if array is None:
        raise DataError(f"{file}: not a readable image")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{file}: pixels are of type {array.dtype}; expected numbers")
    if file.suffix.lower() != ".npy" and array.ndim == 3:
        raise DataError(f"{file}: {array.shape[2]} channels; expected a grey image")
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or 0 in array.shape:
        raise DataError(f"{file}: shape {array.shape}; expected (h, w) or (K, h, w)")
    return as_float32(array)


def as_float32(array: NDArray) -> NDArray[np.float32]:
    """Values beyond its range become infinity, without a warning of numpy; clips with such values are counted later."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)
