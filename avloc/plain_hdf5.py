"""HDF5 files that others may have written: no link leads out of the file, and any problem is one error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from avloc.files import regular, system_error
from avloc.room import ask_for_room

#: exceptions of h5py and numpy for damaged bytes
DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
)
_LINKS = 16  # longest chain of soft links
_KINDS = {"number": "fiu", "whole number": "iu", "text": "SO", "bytes": "O", "any": "biufSO"}


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """The file, open for reading; OSError with its errno if the system cannot read it, ValueError if it is not HDF5."""
    with told():
        file = h5py.File(regular(path), "r", locking=False)
    try:
        yield file
    finally:
        file.close()


@contextmanager
def told() -> Iterator[None]:
    """h5py's exceptions for damage become a ValueError of one line; system errors, and a lack of memory, an OSError with
    their errno."""
    try:
        ask_for_room()
        yield
    except DAMAGE as error:
        number = system_error(error)
        if number is not None:
            raise OSError(number, os.strerror(number)) from None
        raise ValueError(_line(error)) from None


def dataset(file: h5py.File, name: str, kind: str = "number") -> h5py.Dataset:
    """A dataset in this file; ValueError if there is none, it has another kind of values, or it leads elsewhere.

    kind: number, integer, text, bytes (a row of them in each entry), or any of these and booleans.
    """
    with told():
        found = file[_path(file, name)]
        if not isinstance(found, h5py.Dataset):
            raise ValueError(f"{name} is a group; expected a dataset")
        if found.external or found.is_virtual:
            raise ValueError(f"{name} keeps its values in another file, which is not read")
        if found.shape is None or found.dtype.kind not in _KINDS[kind]:
            what = "nothing" if found.shape is None else f"{found.dtype}"
            raise ValueError(f"{name} holds {what}; expected values of the kind {kind}")
        if kind == "bytes" and h5py.check_vlen_dtype(found.dtype) != np.uint8:
            raise ValueError(f"{name} holds {found.dtype}; expected bytes")
        if kind == "text" and found.dtype.kind == "O" and h5py.check_string_dtype(found.dtype) is None:
            raise ValueError(f"{name} holds {found.dtype}; expected text")
        return found


def names_in(file: h5py.File) -> list[str]:
    """The names in the root of a file."""
    with told():
        return list(file)


def paths_in(file: h5py.File) -> list[str]:
    """The paths of all datasets, such as a/b, also of those in groups; a group with several names is read under the first."""
    found: list[str] = []
    todo, seen = names_in(file)[::-1], set[int]()
    while todo:
        path = todo.pop()
        if not is_group(file, path):
            found.append(path)
            continue
        with told():
            group = file[_path(file, path)]
            place = h5py.h5o.get_info(group.id).addr
            if place not in seen:
                todo += [f"{path}/{name}" for name in reversed(list(group))]
            seen.add(place)
    return found


def is_group(file: h5py.File, name: str) -> bool:
    """Whether a name is that of a group in this file."""
    with told():
        return file.get(_path(file, name), getclass=True) is h5py.Group


def fits(file: h5py.File, found: h5py.Dataset) -> None:
    """ValueError for a dataset that claims more data than the file can contain."""
    with told():
        if found.chunks is None and found.nbytes > os.path.getsize(file.filename):
            raise ValueError(f"{found.name} claims {found.nbytes} bytes, more than the file has")


def values(file: h5py.File, name: str, kind: str = "number") -> NDArray[Any]:
    """All of a dataset; errors as in `dataset`, and ValueError for one that claims more data than the file can contain."""
    found = dataset(file, name, kind)
    fits(file, found)
    with told():
        return np.asarray(found[()])


def whole(found: h5py.Dataset) -> NDArray[Any]:
    """All of a dataset as an array, text as str; errors as in `told`."""
    with told():
        return np.asarray(found.asstr()[()], object) if h5py.check_string_dtype(found.dtype) else np.asarray(found[()])


def _path(file: h5py.File, name: str) -> str:
    """Where a name leads in the file; an external link is refused before h5py follows it."""
    left, here = [part for part in name.split("/") if part], ""
    followed = 0
    while left:
        here = f"{here}/{left.pop(0)}"
        link = file.get(here, getlink=True)
        if link is None:
            raise ValueError(f"no dataset {name} (it holds {', '.join(names_in(file)[:5]) or 'nothing'})")
        if isinstance(link, h5py.ExternalLink):
            raise ValueError(f"{name} is a link to another file ({link.filename[:80]}), which is not followed")
        if isinstance(link, h5py.SoftLink):
            followed += 1
            if followed > _LINKS:
                raise ValueError(f"{name} is a link that leads to itself")
            start = "" if link.path.startswith("/") else here.rpartition("/")[0]
            left, here = [part for part in f"{start}/{link.path}".split("/") if part] + left, ""
    return here or "/"


def _line(error: BaseException) -> str:
    said = error.args[0] if isinstance(error, KeyError) and error.args else error
    text = (error.strerror if isinstance(error, OSError) else None) or str(said) or type(error).__name__
    return text.strip().splitlines()[0][:200]
