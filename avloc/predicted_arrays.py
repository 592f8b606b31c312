"""The arrays that a file of predictions can contain besides its heat maps, and the checks of each."""

import logging
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.naming import counted, some
from avloc.predicted_maps import as_float32, refuse_channels_last

log = logging.getLogger("avloc.predictions")

NEGATIVES = {"silence": "maps_silence", "noise": "maps_noise", "offscreen": "maps_offscreen"}
#: one vector per clip for its frame and its sound, in one space, for retrieval
VECTORS = ("frame_vectors", "sound_vectors")


def checked_maps(path: Path, array: NDArray, ids: int, name: str = "maps") -> NDArray[np.float32]:
    maps = numbers(path, name, array)
    maps = maps[:, None] if maps.ndim == 3 else maps
    if maps.ndim != 4 or len(maps) != ids or 0 in maps.shape:
        raise DataError(
            f"{path}: {ids} ids for {name} of shape {array.shape}; expected (N, h, w) or (N, K, h, w), not "
            "empty, an id for each"
        )
    refuse_channels_last(f"{path}: {name}", maps.shape)
    return as_float32(maps)


def numbers(path: Path, name: str, array: NDArray) -> NDArray:
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path}: {name} are of type {array.dtype}; expected numbers")
    return array


def names(path: Path, what: str, array: NDArray) -> list[str]:
    """Text of an array: DataError if it is not UTF-8. Check the size first: as text, it takes many times the memory."""
    found = array.reshape(-1).tolist()
    try:
        texts = [name.decode() if isinstance(name, bytes) else str(name) for name in found]
        "".join(texts).encode()
    except UnicodeError as error:
        raise DataError(f"{path}: {what} are not UTF-8 text ({error})") from None
    return texts


def expect(path: Path, name: str, found: tuple, expected: tuple, what: str) -> None:
    if tuple(found) != tuple(expected):
        raise DataError(f"{path}: {name} has shape {found}; expected {what}, {expected}")


def tell_unused(path: Path, there: Collection[str], known: Collection[str]) -> None:
    """Log arrays with names that mean nothing here: one may be misspelt."""
    strange = [name for name in there if name not in known]
    if strange:
        unused = counted(len(strange), "array is", "arrays are")
        log.warning("%s: %s not used: %s; known are %s", path, unused, some(strange), ", ".join(known))
