"""Reads a pickled annotation without executing anything: only numbers, text, lists, dicts and plain arrays.

The names used in pickles of numpy arrays are replaced by stand-ins that copy bytes; any other name is refused.
"""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.files import regular, why
from avloc.naming import printable


class NotPlain(Exception):
    """Why a pickle is not read, in one line."""


class _Refused(pickle.UnpicklingError):
    """A part of a pickle that is not a plain value."""


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
            raise _Refused(f"an array of type {self.code!r}")
        return kind.newbyteorder(self.order if self.order in "<>=" else "=")  # type: ignore[arg-type]


class _Array:
    """Stand-in for numpy.ndarray: filled from its bytes."""

    value: NDArray

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, columns_first, content = state
        if not isinstance(kind, _Kind) or not isinstance(content, bytes | str):
            raise _Refused("an array of objects")
        raw = content.encode("latin1") if isinstance(content, str) else content
        self.value = np.frombuffer(raw, kind.dtype).reshape(shape, order="F" if columns_first else "C").copy()


def _scalar(kind: Any, content: Any) -> Any:
    """One number of an array, pickled as numpy.float64(1)."""
    if not isinstance(kind, _Kind) or not isinstance(content, bytes):
        raise _Refused("a number of an unknown type")
    return np.frombuffer(content, kind.dtype)[0].item()


def _of_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    """An array in pickle protocol 5."""
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", bytes(content)))
    return array


class _Inert(pickle._Unpickler):
    """Python's own unpickler written in Python: unlike the one in C, a large memo index takes no memory."""

    def load_bytearray8(self) -> None:
        """As in the base class, but bytes that are announced and missing take no memory."""
        (length,) = struct.unpack("<Q", self.read(8))  # type: ignore[attr-defined]
        self.append(bytearray(self.read(length)))  # type: ignore[attr-defined]

    dispatch = pickle._Unpickler.dispatch | {pickle.BYTEARRAY8[0]: load_bytearray8}  # type: ignore[assignment]

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy._core.", "numpy.core.")
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return lambda *_: _Array()
        if (module, name) == ("numpy.core.multiarray", "scalar"):
            return _scalar
        if (module, name) == ("numpy.core.numeric", "_frombuffer"):
            return _of_buffer
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if (module, name) == ("_codecs", "encode"):  # how older pickles store raw bytes
            return lambda text, *_: text.encode("latin1")
        if (module, name) in (("__builtin__", "bytes"), ("builtins", "bytes")):  # and how they store none
            return lambda: b""
        if (module, name) == ("numpy", "ndarray"):
            return _Array
        if (module, name) == ("numpy", "dtype"):
            return _Kind
        raise _Refused(f"the name {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused(f"a persistent id {pid!r}")


def read_plain_pickle(path: Path) -> Any:
    """The value in a pickle of plain values; DataError if it needs anything else. Nothing in it is executed."""
    try:
        return plain_pickle(regular(path).read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected a pickle of plain values and arrays") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({why(error)})") from None
    except NotPlain as error:
        raise DataError(f"{path}: {error}") from None


def plain_pickle(content: bytes) -> Any:
    """The value in a pickle of plain values; NotPlain if it needs anything else, or is no complete pickle."""
    try:
        return _plain(_Inert(io.BytesIO(content), encoding="latin1").load(), {})
    except _Refused as error:
        raise NotPlain(f"refused, it contains {printable(error)}; expected plain values and arrays") from None
    except Exception:  # a damaged or hostile pickle can raise anything while it is parsed
        raise NotPlain("not a pickle, or a damaged one; expected plain values and arrays") from None


def _plain(value: Any, known: dict[int, Any]) -> Any:
    """The value without stand-ins; shared parts are converted once."""
    if isinstance(value, _Array):
        return value.value
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) not in known:
        known[id(value)] = None  # a value that contains itself is cut off
        if isinstance(value, dict):
            known[id(value)] = {key: _plain(item, known) for key, item in value.items()}
        else:
            known[id(value)] = [_plain(item, known) for item in value]
    return known[id(value)]
