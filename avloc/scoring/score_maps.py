"""Protocol x predictions x truth -> Result. Arrays in, numbers out; no model, no torch, no files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.given_arrays import whole_number
from avloc.made_with import made_with
from avloc.protocols.named import PROTOCOLS, as_protocol
from avloc.protocols.normalise import settled
from avloc.protocols.protocol import Protocol, Rule
from avloc.protocols.units import OF_PIXELS, truth_for
from avloc.scoring.fast.measure import CHUNK
from avloc.scoring.inputs import task_of
from avloc.scoring.own_sizes import at_size, by_size, maps_of_own_sizes, masks_among
from avloc.scoring.resolving import resolve
from avloc.scoring.result import Result, Results
from avloc.scoring.task import Task
from avloc.scoring.verdict import verdicts
from avloc.statistics import RESAMPLES


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
    protocols: Sequence[str | Protocol | Rule] | str | Protocol | Rule | None = None,
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
    given = [protocols] if isinstance(protocols, str | Protocol) or callable(protocols) else protocols
    wanted = list(map(as_protocol, given or protocols_for(_known(truth))))
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
    twice = [name for name, times in Counter(protocol.name for protocol in wanted).items() if times > 1]
    if twice:
        raise DataError(
            f"protocols: {twice[0]} is given more than once, and results are by name; give each variant a name of its own, "
            "such as dataclasses.replace(protocol, name='mine')"
        )
    found, left_out = _scored(wanted, maps, truth, with_it, resamples, seed, chunk)
    return Results({result.protocol.name: result for result in found}, left_out)


def _known(truth: Any) -> Truth:
    if not isinstance(truth, Truth):
        raise DataError(f"ground truth of type {type(truth).__name__}; expected avloc.Truth, such as Truth.of_boxes")
    return truth


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
    truth = _known(truth)
    for name, number, least in (("resamples", resamples, 0), ("seed", seed, 0), ("chunk", chunk, 1)):
        whole_number(name, number, least)
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
    # these are resized before a protocol sees them
    protocols = [replace(one, normalise=settled(one.normalise, None, (), (0, 1))) for one in protocols]
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
