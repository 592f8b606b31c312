"""The input of scoring as arrays, and the map of each unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avloc.protocols.units import Units

Maps = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Given:
    """The input of scoring: maps (N, K, h, w) in the order of the ground truth's clips, and optional further arrays."""

    maps: Maps
    table: NDArray[np.bool_] | None = None  # (C, K)
    confidence: Floats | None = None  # (N,)
    objects: Maps | None = None  # (N, h, w)
    ends: tuple[float, float] = (0.0, 1.0)
    #: whether the caller gave the class of each map; sources then use the map of their class
    named: bool = False
    #: (N,) which clips have a mask, if that was checked before the maps were resized
    two_valued: NDArray[np.bool_] | None = None
    #: maps (N, K, h, w) of the same frames with other sounds, by kind; all NaN for a clip without one
    negatives: Mapping[str, Maps] = field(default_factory=dict)
    #: thresholds shared by all clips, by name, if they were chosen on other clips
    thresholds: Mapping[str, float] | None = None


def unit_maps(units: Units, chosen: Ints, given: Given, unit: str) -> Maps:
    """The map of each chosen unit (u, h, w) from (N, K, h, w): the clip's, the source's, or the sum of the
    class's."""
    clip, part = units.clip[chosen], units.part[chosen]
    if unit == "source" and given.named:
        part = units.label[chosen]
    elif unit != "class":
        return given.maps[clip, part]
    assert given.table is not None
    summed = np.zeros((len(clip), *given.maps.shape[2:]), np.float32)
    for label in np.unique(part[part >= 0]):  # a source without a class has no map
        rows = np.flatnonzero(part == label)
        for cluster in np.flatnonzero(given.table[label]):
            summed[rows] += given.maps[clip[rows], cluster]
    return summed


def has_two_values(pixels: Maps) -> NDArray[np.bool_]:
    """Whether all pixels (..., P) of a map are its minimum or its maximum, and these differ: a mask."""
    low, high = pixels.min(axis=-1, keepdims=True), pixels.max(axis=-1, keepdims=True)
    return np.logical_and(low < high, np.logical_or(pixels == low, pixels == high).all(axis=-1, keepdims=True))[..., 0]
