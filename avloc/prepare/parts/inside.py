"""Names that lists give and that become paths: none leads out of the source.

Links in the source that lead out of it are another matter, see `linked_out`.
"""

import os
from pathlib import Path

OUTSIDE = "its name leaves the folder"
LONGEST = 255  # bytes of one part of a path, on every common file system


def inside(root: Path, name: str) -> Path | None:
    """`root`/`name`, None where the name leads elsewhere (an absolute path, a part "..") or can be the name of no file."""
    parts = name.replace("\\", "/").split("/")
    if not name or "\0" in name or name.startswith(("/", "\\")) or ".." in parts:
        return None
    if any(len(os.fsencode(part)) > LONGEST for part in parts):
        return None
    return root / name
