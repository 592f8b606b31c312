"""Names read from files that become file names: one part of a path, which stays in its folder."""

import hashlib
import os
import unicodedata

from avloc.errors import AvlocError
from avloc.naming import brief, printable

LONGEST = 150  # bytes; leaves room for suffixes and for the temporary name


def is_file_name(name: str) -> bool:
    """Whether a text can be one part of a path: no slash, no control character, not only dots, and not too long."""
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        return False
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return False
    return len(os.fsencode(name)) <= LONGEST


def as_file_name(name: str, what: str) -> str:
    """The name, if it can be a file name; AvlocError otherwise. what: the kind of name, such as "the split"."""
    if not is_file_name(name):
        raise AvlocError(
            f"{what} {brief(printable(name))!r} cannot be a file name; expected no slash, no leading dot, no "
            f"control character, and at most {LONGEST} bytes"
        )
    return name


def fitting(name: str, most: int) -> str:
    """The name, or if it has more than `most` bytes, its beginning and a digest of the whole, so that names stay different."""
    if len(os.fsencode(name)) <= most:
        return name
    mark = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{os.fsencode(name)[: most - 9].decode('utf-8', 'ignore')}-{mark}"
