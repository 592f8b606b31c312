"""The plain definition of vssl-eval: clips with their own sound and with sounds that nothing in view makes.

Maps are resized to 224 x 224 pixels and not normalised; a pixel is on if it is above the threshold, and all clips share the
thresholds. With its own sound a clip gets a cIoU, with any other sound a pIA, the share of pixels that are on. Juanola et
al., arXiv 2410.01020; xavijuanola/vssl_eval@e8ebbc9.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avloc import metrics
from avloc.annotations.truth import Truth
from avloc.metrics import ciou_of_counts
from avloc.protocols import plain
from avloc.protocols.plain_units import Given, Maps, unit_truth
from avloc.protocols.protocol import Protocol
from avloc.protocols.resize import resize
from avloc.protocols.units import units_of

Floats = NDArray[np.float64]
KINDS = ("silence", "noise", "offscreen")
#: the thresholds that all clips share
RULES = ("max", "max10", "maxq3", "maxq3-apart", "ownq1", "balanced")
#: the threshold at which pIA, AOC and F are reported
SHOWN = "maxq3"
#: quantiles of all maxima among which `balanced` is chosen
STEPS = 33


@dataclass(frozen=True)
class AtThresholds:
    """The scores of n clips at R thresholds. ciou: (n, R), with each clip's own sound. areas: pIA (n, R) for each other kind
    of sound, NaN for a clip without such a map.
    """

    thresholds: dict[str, float]
    ciou: Floats
    areas: dict[str, Floats]


def at_thresholds(protocol: Protocol, given: Given, truth: Truth, kept: list[int]) -> AtThresholds:
    """The scores that the metrics are computed from, for the clips `kept`, in this order."""
    thresholds, steps = thresholds_of(given, kept) if given.thresholds is None else (dict(given.thresholds), [])
    every = np.array([*thresholds.values(), *steps], np.float32)
    units = units_of(truth, "clip")
    size = (protocol.size, protocol.size)
    ciou = np.zeros((len(kept), len(every)))
    areas = {kind: np.full(ciou.shape, np.nan) for kind in given.negatives}
    for row, clip in enumerate(kept):
        marked = unit_truth(protocol, truth, units, clip) > 0
        own = None if clip in given.missing else _loudest(given.maps[clip])
        values = None if own is None or not np.isfinite(own).all() else plain.resized(protocol, own, size)
        ciou[row] = own_scores(values, marked, every)
        for kind, maps in given.negatives.items():
            areas[kind][row] = on_share(_loudest(maps[clip]), size, every)
    if given.thresholds is not None:
        return AtThresholds(thresholds, ciou, areas)
    best = balanced(ciou[:, len(thresholds) :], {kind: part[:, len(thresholds) :] for kind, part in areas.items()})
    thresholds["balanced"] = float(every[len(thresholds) + best])
    chosen = [*range(len(thresholds) - 1), len(thresholds) - 1 + best]
    return AtThresholds(thresholds, ciou[:, chosen], {kind: part[:, chosen] for kind, part in areas.items()})


def thresholds_of(given: Given, kept: list[int]) -> tuple[dict[str, float], list[float]]:
    """The published thresholds, from the maxima of the maps before resizing; and the candidates for `balanced`."""
    there = [clip for clip in kept if clip not in given.missing]
    own = given.maps[there].max(axis=(1, 2, 3))
    others = {kind: maps[kept].max(axis=(1, 2, 3)) for kind, maps in given.negatives.items()}
    pool = np.concatenate([own, *others.values()])
    steps = np.quantile(pool[np.isfinite(pool)], np.linspace(0, 1, STEPS)) if np.isfinite(pool).any() else np.zeros(1)
    return metrics.universal_thresholds(own, others), steps.tolist()


def own_scores(values: Maps | None, marked: NDArray[np.bool_], thresholds: Maps) -> Floats:
    """cIoU at each of the R thresholds, (R,); NaN where neither truth nor mask marks a pixel. values: None if the clip has no
    map; then no pixel is on.
    """
    if values is None:
        nothing = np.zeros(len(thresholds))
        return ciou_of_counts(nothing, np.count_nonzero(marked), nothing)
    inside, outside = above(values[marked], thresholds), above(values[~marked], thresholds)
    return ciou_of_counts(inside, np.count_nonzero(marked), outside)


def on_share(heat: Maps, size: tuple[int, int], thresholds: Maps) -> Floats:
    """pIA of a map (h, w) at each of the R thresholds, (R,). A map of only NaN counts as no map: NaN. Any other map with
    NaN or infinity counts as on everywhere: 1.
    """
    if np.isnan(heat).all():
        return np.full(len(thresholds), np.nan)
    if not np.isfinite(heat).all():
        return np.ones(len(thresholds))
    return above(resize(heat[None], *size, "cv2-linear"), thresholds) / (size[0] * size[1])


def above(values: Maps, thresholds: Maps) -> Floats:
    """The number of values above each of the R thresholds, (R,)."""
    return (values.size - np.sort(values, axis=None).searchsorted(thresholds, side="right")).astype(np.float64)


def balanced(ciou: Floats, areas: dict[str, Floats]) -> int:
    """The index of the threshold with the highest harmonic mean of the mean cIoU and 1 minus the mean pIA."""
    quiet = 1 - np.mean([np.nanmean(part, axis=0) for part in areas.values()], axis=0)
    return int(np.argmax(metrics.harmonic(np.nan_to_num(ciou).mean(axis=0), quiet)))


def of_sounds(protocol: Protocol, given: Given, truth: Truth, kept: list[int]) -> dict[str, float]:
    """The metrics that the protocol reports, by name."""
    found = at_thresholds(protocol, given, truth, kept)
    values: dict[str, float] = {}
    for place, rule in enumerate(found.thresholds):
        values[f"ciou_{rule}"] = float(np.nan_to_num(found.ciou[:, place]).mean())
        values[f"auc_{rule}"] = metrics.auc(found.ciou[:, place])
    at = list(found.thresholds).index(SHOWN)
    for kind, areas in found.areas.items():
        known = areas[~np.isnan(areas[:, at]), at]
        values |= {f"pia_{kind}": float(known.mean()), f"aoc_{kind}": metrics.aoc(known)}
    pia, aoc = (np.mean([values[f"{name}_{kind}"] for kind in found.areas]) for name in ("pia", "aoc"))
    values["f_pos_neg"] = float(metrics.harmonic(values["ciou_maxq3"], 1 - pia))
    values["f_auc_aoc"] = float(metrics.harmonic(values["auc_maxq3"], aoc))
    return {name: values[name] for name in protocol.report if name in values}


def _loudest(maps: Maps) -> Maps:
    """The maximum over a clip's K maps (K, h, w) at each position: (h, w)."""
    return maps.max(axis=0)
