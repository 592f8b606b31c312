"""Scores maps with the user's own rule, one by one with the plain definition, because such a rule has no fast version."""

import numpy as np

from avloc.metrics import ciou_of_counts
from avloc.protocols import plain
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.scoring.fast.bit_planes import unpack
from avloc.scoring.fast.measure import Measured, Measuring
from avloc.scoring.negatives import map_confidence


def measure_by_own_rule(protocol: Protocol, measuring: Measuring) -> Measured:
    """The scores of each unit by the rule; units without prediction score 0, broken maps mark nothing."""
    drawn = measuring.drawn
    levels, weights = drawn.levels(protocol)
    width = canvas_size(protocol, drawn.frames)[1]
    nothing = np.zeros(len(levels))
    found = Measured(ciou_of_counts(nothing, levels @ weights, nothing))
    of_pixels = protocol.pixel_ap in ("binary", "swapped", "continuous")
    if of_pixels:
        found.of_unit["pixel_ap"] = np.zeros(len(levels))
    if {"ap", "auroc", "max_f1"} & set(protocol.report):
        found.confidence = np.full(len(levels), -np.inf)
    for chosen, maps, _ in measuring.pieces():
        planes = unpack(drawn.of(protocol, chosen).bits, width)
        for unit, heat, marks in zip(chosen.tolist(), maps, planes, strict=True):
            truth = np.tensordot(weights, marks.astype(np.float64), axes=1)
            heat = np.full_like(heat, np.nan) if measuring.broken[unit] else heat
            mask = plain.heard(protocol, heat, truth)
            found.ciou[unit] = plain.score(protocol, heat, truth, mask)
            if of_pixels:
                found.of_unit["pixel_ap"][unit] = plain.pixel_ap(protocol, heat, truth, mask)
        if found.confidence is not None:
            found.confidence[chosen] = np.where(measuring.broken[chosen], -np.inf, map_confidence(maps[:, None]))
    return found
