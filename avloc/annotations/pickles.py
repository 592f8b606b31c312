"""Reading a pickled annotation without running anything that it says: only numbers, text, lists, dicts and plain
arrays.

The names that numpy's arrays are pickled with are answered by stand-ins that copy bytes; any other name is
refused.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError

_ARRAY = {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")}


class _Kind:
    """Stand-in for numpy.dtype: text of fixed length, integers and floats."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = code if isinstance(code, str) else ""
        self.order = "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1] if isinstance(state[1], str) else "="

    @property
    def dtype(self) -> np.dtype:
        kind = np.dtype(self.code)
        if kind.kind not in "USfiub":
            raise pickle.UnpicklingError(f"an array of type {self.code!r}")
        return kind.newbyteorder(self.order if self.order in "<>=" else "=")  # type: ignore[arg-type]


class _Array:
    """Stand-in for numpy.ndarray: filled from its bytes."""

    value: NDArray

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, columns_first, content = state
        if not isinstance(kind, _Kind) or not isinstance(content, bytes | str):
            raise pickle.UnpicklingError("an array of objects")
        raw = content.encode("latin1") if isinstance(content, str) else content
        self.value = np.frombuffer(raw, kind.dtype).reshape(shape, order="F" if columns_first else "C").copy()


class _Inert(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ARRAY:
            return lambda *_: _Array()
        if (module, name) == ("_codecs", "encode"):  # how older pickles hold raw bytes
            return lambda text, *_: text.encode("latin1")
        if (module, name) == ("numpy", "ndarray"):
            return _Array
        if (module, name) == ("numpy", "dtype"):
            return _Kind
        raise pickle.UnpicklingError(f"the name {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError(f"a persistent id {pid!r}")


def read_plain_pickle(path: Path) -> Any:
    """What a pickle of plain values holds; DataError where it asks for anything else, and nothing of it is run."""
    try:
        return _plain(_Inert(io.BytesIO(path.read_bytes()), encoding="latin1").load())
    except Exception as error:  # a hostile pickle can raise anything while it is taken apart
        raise DataError(
            f"{path}: refused, it holds {error or type(error).__name__}; expected plain values and arrays"
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
