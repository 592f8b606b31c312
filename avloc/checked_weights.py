"""The bytes of a weights file: safetensors whose metadata contain a SHA-256 of everything else."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avloc.checksums import DAMAGED, NAME
from avloc.errors import RunError
from avloc.files import refused, regular

#: stored with the checksum, so that a lost checksum is noticed too
MARK = {"verify": NAME}
_HEADER = "__metadata__"


def with_checksum(content: bytes) -> bytes:
    """The same file with a checksum and sorted metadata: safetensors writes them in a different order each time."""
    header, tensors = _parts(content)
    about = {name: value for name, value in header.get(_HEADER, {}).items() if name != NAME} | MARK
    header[_HEADER] = about
    header[_HEADER] = dict(sorted({**about, NAME: _digest(header, tensors)}.items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + tensors


def read_weights(path: Path, missing: str, otherwise: str) -> tuple[bytes, dict[str, str]]:
    """The bytes of a file and its metadata, compared with its checksum if it has one; RunError of one line.

    missing: what to do if there is no file. otherwise: what to do if it is damaged.
    """
    try:
        content = regular(path).read_bytes()
        return content, metadata(content)[0]
    except FileNotFoundError:
        raise RunError(f"{path}: no such file; {missing}") from None
    except (OSError, MemoryError) as error:
        raise RunError(refused(path, error, otherwise)) from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path}: not complete safetensors weights ({error}); {otherwise}") from None


def metadata(content: bytes) -> tuple[dict[str, str], bool]:
    """The metadata of a file without its checksum, and whether it has one; ValueError if it does not match."""
    header, tensors = _parts(content)
    about = header.get(_HEADER, {})
    if not isinstance(about, dict) or not all(isinstance(value, str) for value in about.values()):
        raise ValueError("its metadata is not text")
    given = about.get(NAME)
    if given is None and not MARK.items() & about.items():
        return about, False
    if given != _digest(header, tensors):
        raise ValueError(DAMAGED)
    return {name: value for name, value in about.items() if name not in (NAME, *MARK)}, True


def _parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > len(content) - 8:
        raise ValueError("it is truncated")
    header = json.loads(content[8 : 8 + size])
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    return header, content[8 + size :]


def _digest(header: Mapping[str, Any], tensors: bytes) -> str:
    """Of the header in canonical form, without the checksum, and of the tensors."""
    about = {name: value for name, value in header.get(_HEADER, {}).items() if name != NAME}
    found = hashlib.sha256(json.dumps({**header, _HEADER: about}, sort_keys=True).encode())
    found.update(tensors)
    return found.hexdigest()
