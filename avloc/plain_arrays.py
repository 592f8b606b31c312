"""Arrays of numpy files that others may have written: nothing in them is executed, and any problem is one error."""

import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from avloc.files import regular, why

Arrays = dict[str, NDArray[Any]]


class MissingArrays(ValueError):
    """A file lacks a required array. there: the names of those that it has."""

    def __init__(self, missing: str, there: Collection[str]) -> None:
        self.there = tuple(there)
        super().__init__(f"no array {missing} in it (it holds {', '.join(sorted(self.there)[:5]) or 'nothing'})")


def plain_arrays(
    source: Path | BinaryIO, needed: Collection[str] = (), wanted: Collection[str] | None = None
) -> Arrays:
    """The arrays of a .npz by name; the array of a .npy under the empty name.

    needed: required names. wanted: further names to read if they exist, None: all. OSError if the system cannot read
    the file. ValueError, in one line, for everything else: a file that is damaged or of another format, pickled
    objects, a name that is missing (MissingArrays).
    """
    with _told():
        found = np.load(regular(source) if isinstance(source, Path) else source, allow_pickle=False)
        if isinstance(found, np.ndarray):
            if needed:
                raise ValueError("it is one array (.npy), not an archive of arrays (.npz)")
            return {"": found}
        with found:
            missing = [name for name in needed if name not in found.files]
            if missing:
                raise MissingArrays(missing[0], found.files)
            arrays = {name: found[name] for name in found.files if wanted is None or name in wanted or name in needed}
            for name, array in arrays.items():
                if not isinstance(array, np.ndarray):  # numpy gives other members of the archive as bytes
                    raise ValueError(f"{name} is not an array")
            return arrays


def names_of_arrays(path: Path) -> list[str]:
    """The names of the arrays in a .npz that `plain_arrays` can read."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def plain_array(source: Path | BinaryIO) -> NDArray[Any]:
    """The one array of a .npy; errors as in `plain_arrays`."""
    arrays = plain_arrays(source)
    if list(arrays) != [""]:
        raise ValueError("it is an archive of arrays (.npz), not one array")
    return arrays[""]


def mapped_array(path: Path) -> NDArray[Any]:
    """The array of a .npy, left on disk until it is used; errors as in `plain_arrays`."""
    with _told():
        return np.lib.format.open_memmap(regular(path), mode="r")


@contextmanager
def _told() -> Iterator[None]:
    """numpy's exceptions for damaged bytes become a ValueError of one line."""
    try:
        yield
    except MissingArrays:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise a dozen kinds
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(_line(error)) from None


def _line(error: Exception) -> str:
    """A KeyError has only the key, and some errors have no message."""
    if isinstance(error, MemoryError):
        return "it is too large for memory"
    text = why(error)
    return text if not isinstance(error, KeyError) else f"no {text} in it"
