"""Protocol x predictions x truth -> Result. Arrays in, numbers out; no model, no torch, no files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.made_with import made_with
from avloc.protocols.named import PROTOCOLS, as_protocol
from avloc.protocols.protocol import Protocol, Rule, canvas_size
from avloc.protocols.units import OF_PIXELS, truth_for
from avloc.scoring.fast.measure import CHUNK
from avloc.scoring.inputs import task_of
from avloc.scoring.own_sizes import at_size, by_size, maps_of_own_sizes, masks_among
from avloc.scoring.pixel_inputs import refuse_unfit
from avloc.scoring.result import Result, Results
from avloc.scoring.task import Task, count_clips
from avloc.scoring.verdict import verdicts
from avloc.statistics import RESAMPLES

#: rules that only need the map itself, for maps that are matched to frames
_MATCHED = ("rank", "rank-or-one", "absolute", "relative")


def score(
    protocol: str | Protocol | Rule,
    maps: ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike],
    truth: Truth,
    *,
    ids: Sequence[str] | None = None,
    assignment: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    confidence: ArrayLike | None = None,
    object_maps: ArrayLike | None = None,
    negative_maps: Mapping[str, ArrayLike] | None = None,
    thresholds: Mapping[str, float] | None = None,
    videos: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Result:
    """Score heat maps (N, K, h, w) or (N, h, w), raw as the model gives them, against the ground truth.

    maps: an array, or a list of a map (h, w) or (K, h, w) for each clip, whose sizes may differ; or such maps by the ids of
        their clips, {id: map}.
    protocol: a name (avloc.PROTOCOLS), a Protocol, or your own rule: a function of a heat map (h, w) and a truth
        (H, W), the weight of each pixel, that gives a mask (H, W).
    ids: the clip of each map, in any order; None means the order of the truth.
    assignment: (C, K), nonzero where one of the K cluster maps belongs to one of the C classes of the ground truth.
    classes: (K,) names of the maps instead.
    confidence: (N,), for sets with silent clips.
    object_maps: (N, h, w), for object-guided localization.
    negative_maps: maps of the same clips with other sounds, {"silence": (N, h, w), "noise": ..., "offscreen": ...}, in the
        order of `maps`.
    thresholds: the thresholds that all clips share (vssl-eval), by name, chosen on other clips: {"maxq3": 0.4}; None chooses
        them on the scored clips.
    videos: the video of each clip, to override those of the ground truth.
    resamples: number of bootstrap resamples, 0 for no intervals.
    chunk: how many maps are processed together; it changes no result.
    """
    with_it = {
        "ids": ids,
        "assignment": assignment,
        "classes": classes,
        "confidence": confidence,
        "object_maps": object_maps,
        "negative_maps": negative_maps,
        "thresholds": thresholds,
        "videos": videos,
    }
    results, left_out = _scored([as_protocol(protocol)], maps, truth, with_it, resamples, seed, chunk)
    if not results:
        raise DataError(next(iter(left_out.values())))
    return results[0]


def score_all(
    maps: ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike],
    truth: Truth,
    *,
    protocols: Sequence[str | Protocol | Rule] | None = None,
    ids: Sequence[str] | None = None,
    assignment: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    confidence: ArrayLike | None = None,
    object_maps: ArrayLike | None = None,
    negative_maps: Mapping[str, ArrayLike] | None = None,
    thresholds: Mapping[str, float] | None = None,
    videos: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Results:
    """Score the same maps with every protocol that can use them: `results` by name, and `left_out`, why
    others cannot use them. The arguments are those of `score`."""
    wanted = list(map(as_protocol, protocols or protocols_for(truth)))
    with_it = {
        "ids": ids,
        "assignment": assignment,
        "classes": classes,
        "confidence": confidence,
        "object_maps": object_maps,
        "negative_maps": negative_maps,
        "thresholds": thresholds,
        "videos": videos,
    }
    found, left_out = _scored(wanted, maps, truth, with_it, resamples, seed, chunk)
    return Results({result.protocol.name: result for result in found}, left_out)


def protocols_for(truth: Truth) -> list[Protocol]:
    """All published protocols that apply to this ground truth: pixel protocols only if it has pixels, because their
    numbers would mislead next to box protocols; and none that needs maps of other sounds.
    """
    pixels = truth.masks is not None or truth.labels is not None or truth.pictures is not None
    fits = {
        "batch": pixels,
        "labels": truth.labels is not None or truth.mask_class is not None,
        "picture": truth.pictures is not None,
        "sounds": False,
    }
    return [one for one in PROTOCOLS.values() if fits.get(one.unit, True)]


def _scored(
    protocols: list[Protocol], maps: Any, truth: Truth, with_it: dict[str, Any], resamples: int, seed: int, chunk: int
) -> tuple[list[Result], dict[str, str]]:
    """The results of the protocols that fit, in order, with what made them; and why others do not."""
    if isinstance(maps, Mapping):
        if with_it["ids"] is not None:
            raise DataError("the heat maps have ids already; give the ids once")
        maps, with_it = list(maps.values()), with_it | {"ids": list(maps)}
    sized = maps_of_own_sizes(maps)
    if sized is None:
        results, left_out = _of_task(protocols, task_of(maps, truth, **with_it), resamples, seed, chunk)
    else:
        results, left_out = _of_own_sizes(protocols, sized, truth, with_it, resamples, seed, chunk)
    made = {key: value for key, value in made_with("cpu").items() if key != "date"}  # the same call, the same result
    for result in results:
        result.made_with = made
    return results, left_out


def _of_own_sizes(
    protocols: list[Protocol], sized: Any, truth: Truth, with_it: dict[str, Any], resamples: int, seed: int, chunk: int
) -> tuple[list[Result], dict[str, str]]:
    left_out: dict[str, str] = {}
    found: dict[str, Result] = {}
    masks = masks_among(sized)
    for (size, kind, align_corners), members in by_size(protocols).items():
        fit = [one for one in members if one.canvas == "frame" or not truth.mixed]
        left_out |= {
            one.name: f"protocol {one.name}: maps of different sizes must show one frame each"
            for one in members
            if one not in fit
        }
        task = task_of(at_size(sized, size, kind, align_corners), truth, **with_it, two_valued=masks)
        results, others = _of_task(fit, task, resamples, seed, chunk)
        found |= {result.protocol.name: result for result in results}
        left_out |= others
    return [found[one.name] for one in protocols if one.name in found], left_out


def _of_task(
    protocols: list[Protocol], task: Task, resamples: int, seed: int, chunk: int
) -> tuple[list[Result], dict[str, str]]:
    left_out: dict[str, str] = {}
    found: dict[int, Result] = {}
    by_boxes = [number for number, one in enumerate(protocols) if one.unit not in OF_PIXELS]
    by_pixels = [[number] for number, one in enumerate(protocols) if one.unit in OF_PIXELS]
    for numbers in (by_boxes, *by_pixels) if by_boxes else by_pixels:
        own = replace(task, truth=truth_for(protocols[numbers[0]], task.truth))
        fit: dict[int, Protocol] = {}
        for number in numbers:
            try:
                fit[number] = resolve(protocols[number], own)
            except DataError as error:
                left_out[protocols[number].name] = str(error)
        found |= zip(fit, verdicts(list(fit.values()), own, resamples, seed, chunk), strict=True)
    return [found[number] for number in sorted(found)], left_out


def resolve(protocol: Protocol, task: Task) -> Protocol:
    """The protocol as it applies to this task: unit auto is resolved; DataError if it cannot score the maps."""
    maps, truth = task.given.maps, task.truth
    amount, sources = maps.shape[1], task.sources
    unit = protocol.unit
    if unit == "auto":
        of_classes = task.given.named or (task.given.table is not None and amount not in (1, sources))
        unit = "class" if of_classes else "clip" if amount == 1 and not truth.mixed else "source"
        protocol = replace(protocol, unit=unit)
    where = f"protocol {protocol.name}"
    if (
        unit in ("clip", "pixels", "batch", "picture")
        and (amount > 1 or truth.mixed)
        and not (unit == "pixels" and task.given.named)
    ):
        what = "one map a clip, on one frame" if truth.mixed else "one map a clip"
        raise DataError(
            f"{where} scores {what}; here are {amount} maps a clip and {sources} sources; choose one for sources"
        )
    refuse_unfit(protocol, task)
    if unit == "source" and amount != sources and not task.given.named:
        what = f"the predictions have {amount}, the truth {'up to ' if sources > 1 else ''}{sources}"
        raise DataError(f"{where} scores a map for each source; {what}: give as many, or `classes` (K names)")
    if unit == "class" and task.given.table is None:
        what = f"{amount} maps a clip for {len(truth.classes)} classes"
        raise DataError(f"{where} scores maps of classes; {what}: give `assignment` (C, K) or `classes` (K names)")
    if protocol.canvas == "wide" and maps.shape[3] != sources * maps.shape[2]:
        shape = f"maps of {maps.shape[2]}x{maps.shape[3]}"
        raise DataError(
            f"{where} needs maps of {sources} frames side by side; found {shape}; canvas=frame scores single frames"
        )
    if protocol.canvas == "tall" and truth.mixed and maps.shape[2] != sources * maps.shape[3]:
        shape = f"maps of {maps.shape[2]}x{maps.shape[3]}"
        raise DataError(f"{where} needs maps of {sources} frames stacked vertically; found {shape}")
    if protocol.lookup == "partner" and (protocol.unit not in ("clip", "source", "class") or truth.partners is None):
        raise DataError(
            f"{where}: lookup=partner needs clips mixed by a list of pairs, a row for each, and unit source"
        )
    if protocol.rule is not None and unit not in ("clip", "source", "class"):
        raise DataError(f"{where}: your own rule makes a mask from one map; unit {unit} is for published rules")
    if protocol.rule is None and protocol.mask == "own":
        raise DataError(f"{where}: mask=own is for a Protocol with your own rule; this one has none")
    if protocol.unit == "greedy" and (protocol.mask not in _MATCHED or protocol.ogl_alpha < 1):
        found = f"mask={protocol.mask}, ogl_alpha={protocol.ogl_alpha:g}"
        raise DataError(f"{where}: {found}; matched maps are cut by {', '.join(_MATCHED)}, without object maps")
    wanted = canvas_size(protocol, sources if protocol.canvas == "wide" or truth.mixed else 1)
    if protocol.resize == "none" and maps.shape[2:] != wanted:
        shape = f"maps of {maps.shape[2]}x{maps.shape[3]}"
        raise DataError(f"{where}: resize=none takes maps of {wanted[0]}x{wanted[1]}; found {shape}")
    if protocol.mask in ("rank", "rank-or-one") and not 0 <= protocol.cut <= 1:
        raise DataError(f"{where}: cut {protocol.cut:g}; a rank is a share of the pixels, from 0 to 1")
    if protocol.level and not len(truth.classes):
        raise DataError(f"{where} counts the classes of a frame; the ground truth has none")
    if protocol.ogl_alpha < 1 and task.given.objects is None:
        raise DataError(f"{where}: ogl_alpha {protocol.ogl_alpha} needs object maps; the predictions have none")
    if protocol.ogl_alpha < 1 and not _finite(task.given.objects):
        raise DataError(f"{where}: ogl_alpha {protocol.ogl_alpha}: object maps hold NaN or infinity; expected numbers")
    counts, _, _ = count_clips(protocol, task)
    if not counts["evaluated"]:
        reasons = ", ".join(f"{number} {reason}" for reason, number in counts["dropped"].items())
        raise DataError(f"{where}: none of {counts['requested']} clips can be scored ({reasons})")
    return protocol


def _finite(maps: NDArray[np.float32] | None) -> bool:
    return maps is None or bool(np.isfinite(maps).all())
