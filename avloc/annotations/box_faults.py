"""What is wrong with boxes that somebody gave."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
from numpy.typing import NDArray


def is_box(box: object) -> bool:
    """Whether a box is four numbers, near corner first, within twice the frame: farther out, they are pixels."""
    numbers = list(box) if isinstance(box, Sequence | np.ndarray) else []
    if len(numbers) != 4 or not all(isinstance(one, Real) and not isinstance(one, bool) for one in numbers):
        return False
    x1, y1, x2, y2 = map(float, numbers)
    return -1 <= x1 <= x2 <= 2 and -1 <= y1 <= y2 <= 2


def box_warnings(boxes: NDArray[np.floating]) -> list[str]:
    """The number of boxes that are invalid, beyond the frame, or without area."""
    with np.errstate(invalid="ignore"):
        broken = (~np.isfinite(boxes) | (np.abs(boxes) > 100)).any(axis=1)
        outside = ~broken & ((boxes < -1e-6) | (boxes > 1 + 1e-6)).any(axis=1)
        held = np.clip(np.nan_to_num(boxes), 0, 1)
        empty = ~broken & ((held[:, 2] <= held[:, 0]) | (held[:, 3] <= held[:, 1]))
    kinds = (
        (broken, "have an invalid coordinate; it counts as 0, as in the releases"),
        (outside, "extend beyond the frame; they are clipped"),
        (empty, "have no area; they mark nothing"),
    )
    return [f"{kind.sum()} of {len(boxes)} boxes {what}" for kind, what in kinds if kind.any()]
