"""Which protocols can score masks, maps of two values."""

from dataclasses import replace
from functools import cache

import numpy as np

from avloc.protocols.plain import heard
from avloc.protocols.protocol import Protocol


def judges_masks(protocol: Protocol) -> bool:
    """Whether the protocol can score maps of two values, masks: whether a map that is 1 exactly on the ground truth and
    0 elsewhere gives this mask, for a small and a large ground truth. If pixels tie at the threshold, a protocol may
    mark all or none.
    """
    free = protocol.rule is not None or protocol.mask in ("own", "none") or protocol.unit in ("batch", "labels")
    return free or _keeps_masks(protocol)


@cache
def _keeps_masks(protocol: Protocol) -> bool:
    """Not for protocols with a rule of the user's, which may have no hash, and should not be kept."""
    size = 64
    same = replace(protocol, size=size, ogl_alpha=1.0, mask="absolute" if protocol.mask == "best" else protocol.mask)
    for marked in (size // 4, size - size // 4):
        truth = np.zeros((size, size))
        truth[:marked, : size - 4] = 1
        if (np.asarray(heard(same, truth.astype(np.float32), truth)) != truth).any():
            return False
    return True
