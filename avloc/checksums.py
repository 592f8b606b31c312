"""SHA-256 of the contents of files: stored with the values, and checked when these are read."""

import hashlib
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.files import regular
from avloc.plain_arrays import plain_arrays

#: the name of the checksum among the arrays of a .npz and in the metadata of weights
NAME = "sha256"
DAMAGED = "its content does not match its checksum (SHA-256): the file is damaged"


def of_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Of names, types, shapes and bytes of all arrays except the checksum itself."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        if name != NAME:
            one = np.ascontiguousarray(arrays[name])
            found.update(f"{name}\0{one.dtype.str}\0{arrays[name].shape}\0".encode())
            found.update(one.tobytes())
    return found.hexdigest()


def with_checksum(arrays: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays with their checksum."""
    plain = {name: np.asarray(value) for name, value in arrays.items()}
    return {**plain, NAME: np.array(of_arrays(plain))}


def checked_arrays(path: Path, needed: Collection[str] = ()) -> tuple[dict[str, NDArray[Any]], bool]:
    """The arrays of a .npz, and whether there is a checksum, which earlier versions did not write.

    Errors as in `plain_arrays`, and ValueError if the checksum does not match, or was lost: if an archive's directory
    lacks an entry, the entry itself is still in the file.
    """
    content = regular(path).read_bytes()
    arrays = plain_arrays(io.BytesIO(content), needed)
    if NAME not in arrays:
        if f"{NAME}.npy".encode() in content:
            raise ValueError(DAMAGED)
        return arrays, False
    if str(arrays[NAME]) != of_arrays(arrays):
        raise ValueError(DAMAGED)
    return arrays, True


def of_values(value: Any) -> str:
    """Of plain values and tensors in dicts, lists and tuples, such as the state of a training."""
    found = hashlib.sha256()
    _add(found, value)
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        found.update(f"{{{len(value)}\0".encode())
        for name in value:  # in insertion order
            _add(found, name)
            _add(found, value[name])
    elif isinstance(value, list | tuple):
        found.update(f"[{len(value)}\0".encode())
        for one in value:
            _add(found, one)
    elif hasattr(value, "detach"):  # a tensor
        import torch

        plain = value.detach().cpu().contiguous()
        found.update(f"tensor\0{plain.dtype}\0{tuple(plain.shape)}\0".encode())
        found.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    else:
        found.update(f"{type(value).__name__}\0{value!r}\0".encode())
