"""Used by all readers of annotated pictures: which boxes can be cut out."""

from collections.abc import Sequence
from typing import Any

from avloc.prepare.composing.sources import Found, Source

SMALLEST = 32  # px, the smallest side of a picture and of an object


def add_object(
    found: Found, file: str, name: str, corners: Sequence[float], size: tuple[int, int], mask: Any = None
) -> None:
    """An object by its box in pixels, clipped to its picture of `size` (width, height).

    Boxes without area or outside the picture are counted and left out; those too small to be cut out are returned separately.
    """
    left, right = (min(max(corners[side], 0.0), float(size[0])) for side in (0, 2))
    top, bottom = (min(max(corners[side], 0.0), float(size[1])) for side in (1, 3))
    if not (corners[2] > corners[0] and corners[3] > corners[1]):
        found.leave_out("boxes without area")
    elif not (right > left and bottom > top):
        found.leave_out("boxes outside their picture")
    else:
        source = Source(file, name, file, (left, top, right, bottom), size, mask)
        if min(right - left, bottom - top) < SMALLEST:
            found.leave_out(f"objects under {SMALLEST} px")
            found.small.append(source)
        else:
            found.add(source)
