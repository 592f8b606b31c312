"""Arrays as callers give them: numpy's, lists of numbers, and tensors, wherever they are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.naming import brief


def array_of(values: Any, what: str) -> NDArray:
    """A numpy array. A tensor of PyTorch is detached from its graph, copied from its device, and of float32 if numpy lacks
    its type. DataError says what cannot be an array.
    """
    try:
        return np.asarray([_plain(one) for one in values] if isinstance(values, list | tuple) else _plain(values))
    except (TypeError, ValueError, RuntimeError) as error:
        why = brief(str(error).partition("\n")[0], 200)
        raise DataError(f"{what} of type {type(values).__name__}: {why}; expected an array of numbers") from None


def rows_of(values: Any, what: str) -> list[Any]:
    """A list with the rows of a sequence, an array or a tensor, each as a list; DataError for anything else."""
    rows = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(rows, list | tuple):
        raise DataError(f"{what} {brief(repr(values))}; expected a list of boxes, x1, y1, x2, y2")
    return [row.tolist() if hasattr(row, "tolist") else row for row in rows]


def whole_number(name: str, value: Any, least: int) -> int:
    """A whole number from `least` on; DataError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"{name} {brief(repr(value))}; expected a whole number, {least} or more")
    return int(value)


def texts_of(names: Any) -> list[Any]:
    """Names as text, also those that h5py or numpy gives as bytes; anything else stays as it is."""
    return [name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name for name in names]


def _plain(value: Any) -> Any:
    if not hasattr(value, "detach"):
        return value
    tensor = value.detach().cpu()
    tensor = tensor.to_dense() if getattr(tensor, "is_sparse", False) else tensor
    small = tensor.is_floating_point() and tensor.element_size() < 4  # numpy has no bfloat16
    return tensor.float() if small else tensor
