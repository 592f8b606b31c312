"""Arrays of numpy files that somebody else may have written: nothing in them is run, and whatever is wrong is one error."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from avloc.files import why

Arrays = dict[str, NDArray[Any]]


def plain_arrays(
    source: Path | BinaryIO, needed: Collection[str] = (), wanted: Collection[str] | None = None
) -> Arrays:
    """The arrays of a .npz by name; the array of a .npy under the empty name.

    needed: names that must be there. wanted: further names to read if they are there, all where None.
    OSError where the system does not give the file. ValueError, in one line, for everything else: a file that is damaged or
    of another format, pickled objects, a name that is missing.
    """
    try:
        found = np.load(source, allow_pickle=False)
        if isinstance(found, np.ndarray):
            arrays: Arrays = {"": found}
        else:
            with found:
                names = [name for name in found.files if wanted is None or name in wanted or name in needed]
                arrays = {name: found[name] for name in names}
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(_told(error)) from None
    except Exception as error:  # numpy, zipfile and zlib raise a dozen kinds for damaged bytes
        raise ValueError(_told(error)) from None
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise ValueError(f"no array {missing[0]} in it (it holds {', '.join(sorted(arrays)[:5]) or 'nothing'})")
    return arrays


def plain_array(source: Path | BinaryIO) -> NDArray[Any]:
    """The one array of a .npy; errors as `plain_arrays` has them."""
    arrays = plain_arrays(source)
    if list(arrays) != [""]:
        raise ValueError("it is an archive of arrays (.npz), not one array")
    return arrays[""]


def _told(error: Exception) -> str:
    """A line; a KeyError tells only the key, and some errors tell nothing."""
    if isinstance(error, MemoryError):
        return "it claims more than fits in memory"
    text = why(error)
    return text if not isinstance(error, KeyError) else f"no {text} in it"
