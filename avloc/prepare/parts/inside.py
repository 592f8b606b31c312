"""Names from lists that become paths cannot lead out of the source.

For links in the source that lead out of it, see `linked_out`.
"""

import os
from pathlib import Path

OUTSIDE = "its name points outside the folder"
LONGEST = 255  # bytes of one part of a path, on every common file system


def inside(root: Path, name: str) -> Path | None:
    """`root`/`name`, None if the name leads elsewhere (an absolute path, a part "..") or cannot be a file name."""
    parts = name.replace("\\", "/").split("/")
    if not name or "\0" in name or name.startswith(("/", "\\")) or ".." in parts:
        return None
    if any(len(os.fsencode(part)) > LONGEST for part in parts):
        return None
    return root / name
