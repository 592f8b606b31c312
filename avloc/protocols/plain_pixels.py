"""Metrics over all pixels of a class, or of the set, plain version: average precision, and IoU at the best threshold.

Here all pixels are sorted; avloc.scoring.fast pools them in 65,536 bins, so its last digits differ.
"""

import numpy as np
from numpy.typing import NDArray

from avloc import metrics
from avloc.annotations.truth import Truth
from avloc.protocols import plain
from avloc.protocols.plain_units import Given, ends_of, unit_map, unit_of, unit_truth
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import units_of

#: equidistant thresholds from the smallest to the largest pixel of a class: mhamilton723/DenseAV@2221b8c
STEPS = 20


def of_pixels(protocol: Protocol, given: Given, truth: Truth, kept: list[int]) -> dict[str, float]:
    """cap: mean over classes of the AP of all their pixels; piap: AP of all pixels; best_iou: mean over classes of the
    best IoU. A map that is missing, or has NaN or infinity, has the smallest value of the set everywhere; pixels beyond the
    range of the set's maps (sums of several clusters, bicubic overshoot) count as its ends."""
    every = units_of(truth, unit_of(protocol, given, truth))
    low, high = (0.0, 1.0) if protocol.ogl_alpha < 1 else ends_of(given)  # a mixture with object maps is in [0, 1]
    pixels: dict[int, list[tuple[NDArray, NDArray]]] = {}
    for number, (clip, label) in enumerate(zip(every.clip.tolist(), every.label.tolist(), strict=True)):
        if clip not in kept or (protocol.negatives == "apart" and not truth.sounding[clip]):
            continue
        weights, heat = unit_truth(protocol, truth, every, number), unit_map(protocol, given, every, number)
        objects = None if given.objects is None else given.objects[clip]
        whole = np.isfinite(heat).all()
        values = plain.resized(protocol, heat, weights.shape, objects) if whole else np.full(weights.shape, low)
        pixels.setdefault(label, []).append((weights.ravel() > 0, np.clip(values, low, high).ravel()))
    classes = [_joined(parts) for parts in pixels.values()]
    marked = [part for part in classes if part[0].any()]
    if not marked:
        return {}
    found = {
        "cap": float(np.mean([metrics.average_precision(*part) for part in marked])),
        "piap": metrics.average_precision(*_joined(classes)),
        "best_iou": float(np.mean([best_iou(*part) for part in marked])),
    }
    return {name: value for name, value in found.items() if name in protocol.report}


def _joined(parts: list[tuple[NDArray, NDArray]]) -> tuple[NDArray, NDArray]:
    return np.concatenate([part for part, _ in parts]), np.concatenate([part for _, part in parts])


def best_iou(marked: NDArray[np.bool_], values: NDArray[np.floating]) -> float:
    """IoU over all pixels above the best of 20 thresholds, chosen on the same pixels."""
    found = []
    for cut in np.linspace(float(values.min()), float(values.max()), STEPS):
        mask = values > cut
        found.append(np.count_nonzero(mask & marked) / max(int(np.count_nonzero(mask | marked)), 1))
    return max(found)
