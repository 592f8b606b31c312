"""From the maps of a test set to the numbers that a protocol reports, plain version: one unit after the other, without
regard to speed.

Together with `plain` this is the definition of every protocol and of everything in its report. `report` returns the
numbers without intervals, baselines or tables; avloc.scoring adds those, with the same numbers.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avloc import metrics
from avloc.annotations.truth import Truth
from avloc.protocols import plain
from avloc.protocols.normalise import top_pixels
from avloc.protocols.plain_labels import of_labels
from avloc.protocols.plain_matching import matched
from avloc.protocols.plain_pictures import of_pictures, of_unions, picture_scores, union_scores
from avloc.protocols.plain_pixels import of_pixels
from avloc.protocols.plain_sounds import of_sounds
from avloc.protocols.plain_units import Given, Maps, Scores, kept_clips, unit_map, unit_of, unit_truth, units
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.protocols.units import truth_for, units_of


def report(protocol: Protocol, given: Given, truth: Truth) -> dict[str, float]:
    """The numbers of the protocol's report, as fractions in [0, 1]; undefined ones are left out."""
    truth = truth_for(protocol, truth)
    if protocol.lookup == "partner" and truth.partners is not None:
        truth = replace(truth.partners, name=truth.name)
    kept = kept_clips(protocol, given, truth)
    if protocol.unit == "pixels":
        return of_pixels(protocol, given, truth, kept)
    if protocol.unit == "batch":
        return of_batches(protocol, given, truth, kept)
    if protocol.unit == "labels":
        return of_labels(protocol, given, truth, kept)
    if protocol.unit == "sounds":
        return of_sounds(protocol, given, truth, kept)
    if protocol.unit == "picture":
        scores = picture_scores(protocol, given, truth, kept)
        return of_scores(protocol, scores, given, truth, kept) | of_pictures(protocol, given, truth, scores)
    if protocol.unit == "union":
        scores, counts = union_scores(protocol, given, truth, kept)
        return of_scores(protocol, scores, given, truth, kept) | of_unions(protocol, scores, counts)
    if protocol.unit == "greedy":
        return of_scores(protocol, matched(protocol, given, truth, kept), given, truth, kept)
    if protocol.mask != "best":
        found = of_scores(protocol, units(protocol, given, truth, kept), given, truth, kept)
        return found | (of_pixels(protocol, given, truth, kept) if protocol.pixel_ap == "pooled" else {})
    every = [units(replace(protocol, mask="absolute", cut=cut), given, truth, kept) for cut in plain.CUTS]
    best = max(every, key=lambda scores: metrics.auc(scores.ciou))
    found = of_scores(protocol, best, given, truth, kept)
    # LocAcc has its own best cut
    return found | {"locacc": max(metrics.success_rate(scores.ciou) for scores in every)}


def of_scores(protocol: Protocol, scores: Scores, given: Given, truth: Truth, kept: list[int]) -> dict[str, float]:
    """The reported metrics from the scores of units."""
    found: dict[str, float] = {}
    for name in protocol.report:
        if name.partition("@")[0] in ("ciou", "iou", "locacc", "auc"):
            found[name] = _of_overlaps(protocol, name, scores, truth)
        elif name in ("pixel_ap", "piap", "cap"):
            found |= _of_pixel_ap(protocol, name, scores)
        elif name == "smooth_iou":
            found[name] = float(np.mean(scores.smooth_iou))
        elif name in ("iiou", "iauc") and truth.scenes is not None:
            found[name] = _of_scenes(name, scores, truth.scenes)
        elif name == "precision_all":
            found[name] = float(np.count_nonzero(np.array(scores.ciou) >= 0.5) / len(truth))
        elif name == "nsa" and given.table is not None:
            found[name] = float(np.nanmean([no_sounding_area(protocol, given, truth, one) for one in kept]))
        elif name in ("ap", "max_f1", "auroc"):
            found |= of_detection(protocol, name, scores, given, truth, kept)
    return found


def _of_overlaps(protocol: Protocol, name: str, scores: Scores, truth: Truth) -> float:
    """A mean (ciou), a share of successes (ciou@0.3, locacc) or the area under the success curve (auc).

    Computed over units, or over frames, where each frame has the mean of its units.
    """
    overlaps = np.array(scores.ciou)
    if protocol.aggregate != "pooled":
        clip = np.array(scores.clip, np.int64)
        overlaps = metrics.mean_by_frame(overlaps, clip, len(truth))[np.unique(clip)]
    kind, _, at = name.partition("@")
    if kind == "auc":
        return metrics.auc(overlaps)
    if kind != "locacc" and not at:
        return float(np.nan_to_num(overlaps).mean())
    reached = metrics.successes(overlaps, float(at or 0.5), protocol.grid, protocol.strict_success)
    return float(reached.mean())


def _of_pixel_ap(protocol: Protocol, name: str, scores: Scores) -> dict[str, float]:
    """The average precision of pixels: the mean over units, or, as `cap`, over classes. Empty if there is none."""
    ap = np.array(scores.ap)
    if protocol.unit == "greedy" and name == "cap":
        return {name: float(ap.mean())}
    if protocol.unit == "greedy" and name == "piap":
        return {name: float(np.nanmean(list(scores.ap_of_clip.values())))}
    if not len(ap):
        return {}
    if name == "cap":
        label = np.array(scores.label)
        return {name: float(np.mean([ap[label == one].mean() for one in np.unique(label)]))}
    usual = "pixel_ap" if protocol.pixel_ap == "continuous" else "piap"
    return {name: float(np.nanmean(ap))} if name == usual else {}


def _of_scenes(name: str, scores: Scores, scenes: Sequence[str]) -> float:
    """IIoU or IAUC, over the units of clips that belong to a scene."""
    units = [unit for unit, clip in enumerate(scores.clip) if scenes[clip]]
    overlaps = np.nan_to_num(np.array(scores.ciou), nan=-1.0)[units]
    rate = metrics.iiou if name == "iiou" else metrics.iauc
    return rate(overlaps, [scenes[scores.clip[unit]] for unit in units])


def of_batches(protocol: Protocol, given: Given, truth: Truth, kept: list[int]) -> dict[str, float]:
    """AVSBench's mIoU and F: the mean over batches; F leaves silent frames out, and is 0 for a completely silent batch."""
    every = units_of(truth, "clip")
    batches = [kept[start : start + protocol.batch] for start in range(0, len(kept), protocol.batch)]
    iou, f = [], []
    for batch in batches:
        frames, curves = [], []
        for clip in batch:
            marked, heat = unit_truth(protocol, truth, every, clip) > 0, unit_map(protocol, given, every, clip)
            silent = np.full(marked.shape, -1.0)  # off everywhere, even at threshold 0
            whole = np.isfinite(heat).all()
            values = plain.normalised(protocol, plain.resized(protocol, heat, marked.shape)) if whole else silent
            frames.append(metrics.mask_iou(values > np.float32(protocol.cut), marked))
            curves += [metrics.f_curve(values, marked)] if marked.any() else []
        iou.append(np.mean(frames))
        f.append(metrics.best_f(curves))
    return {"miou": float(np.mean(iou)), "fscore": float(np.mean(f))}


def of_detection(
    protocol: Protocol, name: str, scores: Scores, given: Given, truth: Truth, kept: list[int]
) -> dict[str, float]:
    """AP, max-F1 and AUROC of a set in which some clips are silent."""
    sure = np.array([confidence(protocol, given, truth, clip) for clip in kept])
    sounds, ciou = truth.sounding[kept], np.zeros(len(truth))
    ciou[scores.clip] = scores.ciou
    if name == "auroc":
        return {name: metrics.auroc(sure, sounds)} if sounds.any() and not sounds.all() else {}
    measure = metrics.detection_ap if name == "ap" else metrics.max_f1
    return {name: measure(sounds, ciou[kept], sure)}


def confidence(protocol: Protocol, given: Given, truth: Truth, clip: int) -> float:
    """Confidence that something sounds: the method's own, else the mean of the highest quarter of its map."""
    if given.confidence is not None:
        return float(given.confidence[clip])
    maps = np.zeros_like(given.maps[clip]) if clip in given.missing else given.maps[clip]
    if not np.isfinite(maps).all():
        return -np.inf
    if unit_of(protocol, given, truth) != "clip":  # a silent clip has no source, so its highest map is used
        return _top_quarter(maps.max(axis=0))
    if clip in given.missing:
        return -np.inf
    objects = None if given.objects is None else given.objects[clip]
    top = _top_quarter(plain.resized(protocol, maps[0], canvas_size(protocol, 1), objects))
    fixed = protocol.normalise.startswith("fixed") and protocol.ogl_alpha >= 1
    return (top + 1 / protocol.tau) / (2 / protocol.tau) if fixed else top


def _top_quarter(values: Maps) -> float:
    ordered = np.sort(values, axis=None)
    return float(ordered[len(ordered) - top_pixels(len(ordered)) :].mean(dtype=np.float64))


def no_sounding_area(protocol: Protocol, given: Given, truth: Truth, clip: int) -> float:
    """The mean over a frame's silent maps of the share of quiet pixels; NaN if none is silent or nothing sounds."""
    assert given.table is not None
    classes = units_of(truth, "class")
    sounding = sorted(set(classes.part[classes.clip == clip].tolist()))
    silent = list(range(min(protocol.nsa_maps or given.maps.shape[1], given.maps.shape[1])))
    for label in sounding:
        own = np.flatnonzero(given.table[label]).tolist()
        # the release only leaves out the first cluster of a class
        silent = [k for k in silent if k not in (own[:1] if protocol.nsa_skip == "first" else own)]
    if clip in given.missing or not sounding or not silent:
        return float("nan")
    size = (protocol.size, protocol.size)
    return metrics.nsa(np.stack([plain.resized(protocol, given.maps[clip, k], size) for k in silent]), protocol.nsa_cut)
