"""How quiet the maps of silent classes are."""

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.protocols.protocol import Protocol
from avloc.protocols.resize import resize
from avloc.protocols.units import Units
from avloc.scoring.fast.given import Given
from avloc.scoring.fast.resized_maps import over_pieces


def silence(
    protocol: Protocol, truth: Truth, units: Units, given: Given, found: NDArray[np.bool_], chunk: int
) -> NDArray[np.float64]:
    """(N,) no-sounding area of every frame with a box: the mean over its silent maps; NaN if no map is silent."""
    assert given.table is not None
    clips, amount = len(truth), given.maps.shape[1]
    looked = min(protocol.nsa_maps or amount, amount)
    silent = np.zeros((clips, looked), bool)
    silent[np.unique(units.clip)] = True
    silent[~found] = False
    for label in np.unique(units.part):
        clusters = np.flatnonzero(given.table[label])
        left_out = clusters[:1] if protocol.nsa_skip == "first" else clusters
        for cluster in left_out[left_out < looked]:
            silent[units.clip[units.part == label], cluster] = False
    clip, cluster = np.nonzero(silent)
    quiet = np.empty(len(clip))

    def one(start: int) -> None:
        part = given.maps[clip[start : start + chunk], cluster[start : start + chunk]]
        full = resize(part, protocol.size, protocol.size, protocol.resize, protocol.align_corners)
        quiet[start : start + chunk] = np.mean(full <= np.float32(protocol.nsa_cut), axis=(1, 2))

    over_pieces(one, iter(range(0, len(clip), chunk)))
    with np.errstate(invalid="ignore"):
        return np.bincount(clip, weights=quiet, minlength=clips) / np.bincount(clip, minlength=clips)
