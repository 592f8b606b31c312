"""A task: maps and ground truth in the same order, and which clips count."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.naming import counted, some
from avloc.protocols import plain_units
from avloc.protocols.judging import judges_masks
from avloc.protocols.named import PROTOCOLS
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import Units, units_of
from avloc.scoring.fast.given import Given, has_two_values
from avloc.scoring.fast.truth_masks import DrawnTruth
from avloc.scoring.result import Metric, Result

Ints = NDArray[np.int64]
_THRESHOLDS = {
    "rank": "a place among the sorted pixels",
    "rank-or-one": "a place among the sorted pixels",
    "median": "the median",
    "area": "as many pixels as the ground truth has, minus one",
    "absolute": "a fixed value",
    "relative": "a share of the maximum",
}
#: the count of clips with a mask, in results of protocols that cannot judge masks
UNJUDGED = "unjudged_masks"
_STEP = 64


@dataclass(frozen=True)
class Task:
    """Maps in the order of the ground truth, and which of its clips have any."""

    given: Given
    truth: Truth
    found: NDArray[np.bool_]  # (N,)

    @cached_property
    def sources(self) -> int:
        """The largest number of sources of a clip."""
        if self.truth.masks is not None:
            return self.truth.masks.shape[1]
        sources = self.truth.sources
        return int(sources.max()) + 1 if len(sources) else 1

    @cached_property
    def drawn_truths(self) -> dict[tuple[str, int], DrawnTruth]:
        """Those that `drawn` gave, by unit and number of frames."""
        return {}

    def drawn(self, unit: str = "clip", frames: int = 1) -> DrawnTruth:
        """The ground truth of these units, drawn once for all protocols; frames: side by side in one map."""
        if (unit, frames) not in self.drawn_truths:
            units = units_of(self.truth, unit)
            self.drawn_truths[unit, frames] = DrawnTruth(self.truth, units, frames, self.given.maps.nbytes)
        return self.drawn_truths[unit, frames]

    @property
    def plainly(self) -> plain_units.Given:
        """The maps in the form of the plain definitions."""
        own = self.given
        missing = frozenset(np.flatnonzero(~self.found).tolist())
        return plain_units.Given(
            own.maps, own.table, own.objects, own.confidence, own.named, missing, own.negatives, own.thresholds
        )

    @property
    def of_partners(self) -> "Task":
        """The same maps and videos with the boxes of each clip's partner."""
        truth = self.truth
        assert truth.partners is not None
        same = {name: getattr(truth, name) for name in ("name", "sha256", "warnings", "unannotated", "videos")}
        return replace(self, truth=replace(truth.partners, **same))


def count_clips(protocol: Protocol, task: Task) -> tuple[dict[str, Any], Ints, list[str]]:
    """Counts of requested, found and left-out clips; the clips that remain (including negatives); warnings."""
    truth, found = task.truth, task.found
    sounding = truth.sounding
    warnings: list[str] = []
    missing = int((~found).sum())
    keep = found.copy() if protocol.missing == "drop" else np.ones(len(truth), bool)
    dropped: dict[str, int] = {}
    if truth.unannotated:
        dropped["no annotation"] = truth.unannotated
    if missing and protocol.missing == "drop":
        dropped["no prediction"] = missing
    if protocol.level:
        pairs = np.unique(np.stack([truth.box_clip, truth.box_class], axis=1), axis=0)
        wrong = keep & sounding & (np.bincount(pairs[:, 0], minlength=len(truth)) != protocol.level)
        if wrong.any():
            dropped[f"not {protocol.level} classes"] = int(wrong.sum())
        keep &= ~wrong
    negatives = int((keep & ~sounding).sum())
    if negatives and protocol.unit == "labels":
        pass  # a frame with only background is like any other
    elif negatives and protocol.negatives == "zero":
        how = "scored by the share of pixels that are off" if protocol.unit == "batch" else "scored 0 and counted"
        warnings.append(f"{counted(negatives, 'clip has', 'clips have')} no box; {how}, as in the release")
    elif negatives and not {"ap", "auroc", "precision_all", "tn_rate"} & set(protocol.report):
        dropped["no box"] = negatives
        keep &= sounding
    counts: dict[str, Any] = {
        "requested": len(truth) + truth.unannotated,
        "found": int(found.sum()),
        "evaluated": int(keep.sum()),
        "dropped": dropped,
    }
    if negatives and "no box" not in dropped:
        counts["negatives"] = negatives
    if missing:
        what = "left out" if protocol.missing == "drop" else "scored 0"
        counts["missing"] = missing
        warnings.append(f"{missing} of {len(truth)} clips have no prediction; they are {what}")
    return counts, np.flatnonzero(keep), warnings


def scored_units(protocol: Protocol, units: Units, truth: Truth, kept: Ints) -> Ints:
    """The units of kept clips that have something to find, or otherwise count as failures."""
    wanted = np.zeros(len(truth), bool)
    wanted[kept] = True
    if protocol.negatives == "apart":
        wanted &= truth.sounding
    return np.flatnonzero(wanted[units.clip])


@dataclass(frozen=True)
class OddMaps:
    """Which clips have a map with NaN or infinity, a constant one, or a two-valued one."""

    broken: Ints
    constant: Ints
    two_valued: Ints


def odd_maps(given: Given, todo: Ints) -> OddMaps:
    """The odd maps of some clips; an all-NaN map does not exist."""
    broken, constant, two_valued = (np.zeros(len(given.maps), bool) for _ in range(3))
    for start in range(0, len(todo), _STEP):
        chosen = todo[start : start + _STEP]
        pixels = given.maps[chosen].reshape(len(chosen), given.maps.shape[1], -1)
        whole = np.isfinite(pixels).all(axis=2)
        broken[chosen] = np.logical_not(np.logical_or(whole, np.isnan(pixels).all(axis=2))).any(axis=1)
        constant[chosen] = (pixels.min(axis=2) == pixels.max(axis=2)).any(axis=1)
        two_valued[chosen] = (
            has_two_values(pixels).any(axis=1) if given.two_valued is None else given.two_valued[chosen]
        )
    return OddMaps(*(np.flatnonzero(flags) for flags in (broken, constant, two_valued)))


def count_odd_maps(protocol: Protocol, odd: OddMaps, kept: Ints, counts: dict[str, Any], warnings: list[str]) -> None:
    """Count the kept clips with an odd map, and warn how the protocol treats such maps."""
    kinds = [
        ("broken_maps", odd.broken, "maps with NaN or infinity; these count as predicting nothing and score 0"),
        (
            "constant_maps",
            odd.constant,
            "constant maps; it depends on the protocol whether such a map predicts everything or nothing",
        ),
    ]
    if not judges_masks(protocol):
        able = some(
            [name for name, one in PROTOCOLS.items() if one.unit in (protocol.unit, "auto") and judges_masks(one)], 12
        )
        what = (
            f"maps of two values (masks), which {protocol.name} cannot judge: pixels tie at its threshold "
            f"({_THRESHOLDS.get(protocol.mask, protocol.mask)}), so all tied pixels are marked or none; use one of: {able}"
        )
        kinds.append((UNJUDGED, odd.two_valued, what))
    for name, which, what in kinds:
        clips = len(np.intersect1d(which, kept))
        if clips:
            counts[name] = clips
            warnings.append(f"{counted(clips, 'clip has', 'clips have')} {what}")


def result_of(
    protocol: Protocol,
    task: Task,
    counts: dict[str, Any],
    metrics: dict[str, Metric],
    warnings: list[str],
    extra: dict[str, Any],
) -> Result:
    order = [name for name in protocol.report if name in metrics]
    return Result(
        benchmark=task.truth.name,
        protocol=protocol,
        annotations_sha256=task.truth.sha256,
        counts=counts,
        metrics={name: metrics[name] for name in order},
        per_clip=[],
        warnings=[*task.truth.warnings, *warnings, *_of_scale(protocol, task)],
        extra={name: value for name, value in extra.items() if name != "best"},
    )


def _of_scale(protocol: Protocol, task: Task) -> list[str]:
    """A warning for maps that are not in [0, 1], where a protocol compares their values as they are with a fixed one.

    Raw maps of some models exceed 1 under protocols that their authors published, so there only a whole number is told: it
    comes from pictures.
    """
    high = task.given.ends[1]
    fixed = protocol.mask == "absolute" and protocol.normalise == "none" and protocol.unit != "sounds"
    if not fixed or not 1.001 < high < np.inf:
        return []
    if protocol.unit not in ("batch", "union") and high != round(high):
        return []
    how = "; grey pictures hold 0 to 255: write them as .npy, divided by 255" if high == round(high) else ""
    return [
        f"the maps have values up to {high:g}, and {protocol.name} compares them with {protocol.cut:g}: give 0 to 1{how}"
    ]
