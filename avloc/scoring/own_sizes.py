"""Maps of different sizes: each protocol resizes every map to its own size anyway."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.given_arrays import array_of
from avloc.predicted_maps import refuse_channels_last
from avloc.protocols.protocol import Protocol
from avloc.protocols.resize import resize
from avloc.scoring.fast.given import has_two_values

Maps = NDArray[np.float32]


def maps_of_own_sizes(maps: Any) -> list[Maps] | None:
    """(K, h, w) of each clip if a sequence has maps of several sizes; None for an array, or maps of one size."""
    if not isinstance(maps, list | tuple) or not maps:
        return None
    every = [array_of(one, f"heat map {number}") for number, one in enumerate(maps)]
    if len({one.shape for one in every}) == 1:
        return None
    for number, one in enumerate(every):
        if one.ndim not in (2, 3) or one.dtype.kind not in "fiub" or not one.size:
            what = f"shape {one.shape} and type {one.dtype}"
            raise DataError(f"heat map {number} has {what}; expected (h, w) or (K, h, w) numbers")
        refuse_channels_last(f"heat map {number}", (1, *one.shape))
    found = [one.astype(np.float32).reshape(-1, *one.shape[-2:]) for one in every]
    amounts = {len(one) for one in found}
    if len(amounts) > 1:
        raise DataError(
            f"heat maps with {min(amounts)} to {max(amounts)} maps per clip; expected the same number for each"
        )
    return found


def by_size(protocols: Sequence[Protocol]) -> dict[tuple[int, str, bool], list[Protocol]]:
    """Groups of protocols that resize alike."""
    groups: dict[tuple[int, str, bool], list[Protocol]] = {}
    for protocol in protocols:
        groups.setdefault((protocol.size, protocol.resize, protocol.align_corners), []).append(protocol)
    return groups


def at_size(maps: Sequence[Maps], size: int, kind: str, align_corners: bool) -> Maps:
    """(N, K, size, size): every map resized as by a protocol, which then leaves it unchanged."""
    found = np.empty((len(maps), len(maps[0]), size, size), np.float32)
    for one, into in zip(maps, found, strict=True):
        into[:] = resize(one, size, size, kind, align_corners)
    return found


def masks_among(maps: Sequence[Maps]) -> NDArray[np.bool_]:
    """(N,) whether a clip has a two-valued map, a mask, before it is resized."""
    return np.array([bool(has_two_values(one.reshape(len(one), -1)).any()) for one in maps])
