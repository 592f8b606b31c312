"""Scores every unit under many protocols; protocols share all the work that they have in common.

Protocols that resize alike form a look. For each look, the maps are resized and surveyed (their extremes and order
statistics), which gives the thresholds of every rule. Then the maps are resized again, and the pixels that reach each
threshold are counted, in all and inside the ground truth. Rules that cut and draw alike are counted once. Scores follow
from the counts, so no mask is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from avloc.metrics import ciou_of_counts
from avloc.metrics.precision import average_precision_of_levels, average_precision_of_mask
from avloc.protocols.normalise import Rows, ap_values
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.scoring.fast.bit_planes import unpack
from avloc.scoring.fast.compiled import loops, quick_average_precisions
from avloc.scoring.fast.counting import count_masks
from avloc.scoring.fast.given import Given, Maps, has_two_values, unit_maps
from avloc.scoring.fast.resized_maps import Look, Survey, look_of, over_pieces
from avloc.scoring.fast.thresholds import ap_kind, cuts_of, masks_of, median_places, rank_place, rule_key
from avloc.scoring.fast.truth_masks import DrawnTruth

#: maps looked at together: more would not fit into a core's cache at 224 x 224; fewer mean more calls of numpy
CHUNK = 12
_CUT = 2048  # maps whose thresholds are looked for together
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Measured:
    """The scores of the units (U,) under one protocol; `best` has a column for each cut of the mask rule `best`."""

    ciou: Floats
    of_unit: dict[str, Floats] = field(default_factory=dict)
    best: Floats | None = None
    confidence: Floats | None = None  # (U,)
    overlaps: int = 0  # units without a pixel AP because boxes overlap
    flat: int = 0  # units without a pixel AP because the map is constant


@dataclass
class Counts:
    """How many pixels each of the M masks of a rule has (U, M), and how many of them are in each level of the ground truth
    (U, M, L)."""

    protocol: Protocol  # any of those that cut and draw alike
    mask: Ints
    hits: Ints


class Measuring:
    """The maps of the units to score (`todo`), and how they are measured. chunk: how many maps are processed together."""

    def __init__(self, drawn: DrawnTruth, given: Given, unit: str, todo: Ints, chunk: int) -> None:
        self.drawn, self.given, self.unit = drawn, given, unit
        self.units, self.todo, self.chunk = drawn.units, todo, chunk
        self.loops = loops(given.maps)
        self.sure: set[Look] = set()  # looks of which some protocol reports a metric of confidences
        self.broken, self.constant, self.two_valued = (np.zeros(len(self.units), bool) for _ in range(3))
        for chosen in self._chunks():
            maps = unit_maps(self.units, chosen, given, unit)
            pixels = maps.reshape(len(maps), -1)
            self.broken[chosen] = np.logical_not(np.isfinite(pixels).all(axis=1))
            self.constant[chosen] = pixels.min(axis=1) == pixels.max(axis=1)
            known = given.two_valued
            self.two_valued[chosen] = has_two_values(pixels) if known is None else known[self.units.clip[chosen]]

    def _chunks(self) -> Iterator[Ints]:
        return (self.todo[start : start + self.chunk] for start in range(0, len(self.todo), self.chunk))

    def pieces(self) -> Iterator[tuple[Ints, Maps, Maps | None]]:
        """Some units at a time, their maps, with zeros for maps that hold NaN or infinity, and their object maps."""
        return ((chosen, *self._cleared(chosen)) for chosen in self._chunks())

    def _cleared(self, chosen: Ints) -> tuple[Maps, Maps | None]:
        maps, objects = unit_maps(self.units, chosen, self.given, self.unit), self.given.objects
        if self.broken[chosen].any():
            maps = np.where(self.broken[chosen, None, None], np.float32(0), maps)
        return maps, None if objects is None else objects[self.units.clip[chosen]]

    def measure(self, protocols: list[Protocol]) -> list[Measured]:
        """The scores of every unit under each protocol. A unit without a prediction scores 0, and a map with NaN or infinity
        marks nothing."""
        found: list[Measured | None] = [None] * len(protocols)
        looks: dict[Look, list[int]] = {}
        self.sure = {
            self._named(protocol) for protocol in protocols if {"ap", "auroc", "max_f1"} & set(protocol.report)
        }
        for number, protocol in enumerate(protocols):
            look = look_of(protocol, canvas_size(protocol, self.drawn.frames), self.given.maps.shape[2:])
            looks.setdefault(look, []).append(number)
        for look, numbers in looks.items():
            members = [protocols[number] for number in numbers]
            for number, measured in zip(numbers, self._look(look, members), strict=True):
                found[number] = measured
        return [measured for measured in found if measured is not None]

    def _unknown(self, look: Look, protocols: list[Protocol]) -> tuple[Survey, dict[tuple, Ints]]:
        """An empty survey with room for what these protocols need to know of each map, and the areas of their ground truths
        that they need for it."""
        places: set[int] = set()
        areas: dict[tuple, Ints] = {}
        for protocol in protocols:
            if protocol.mask in ("rank", "rank-or-one"):
                places.add(rank_place(protocol, look.pixels))
            elif protocol.mask == "median":
                places.update(median_places(look.pixels))
            elif protocol.mask in ("area", "top"):
                areas[self.drawn.key(protocol)] = self.drawn.levels(protocol)[0][:, 0]
        sure = any(self._named(protocol) in self.sure for protocol in protocols)
        return Survey.empty(len(self.units), places, areas, sure and self.given.confidence is None), areas

    def _named(self, protocol: Protocol) -> Look:
        """The look by the protocol's own resize, whatever size the maps have. If a protocol reports a metric of confidences,
        all protocols with the same named look get a confidence."""
        return look_of(protocol, canvas_size(protocol, self.drawn.frames))

    def _look(self, look: Look, protocols: list[Protocol]) -> list[Measured]:
        """Cut the maps once for all protocols of a look that cut and draw alike, and score what was cut.

        Maps are resized twice, first to know their thresholds and then to count: that takes less time than to look for the
        thresholds of a few maps at a time, and less memory than to keep all of them.
        """
        known, areas = self._unknown(look, protocols)
        rules = [(self.drawn.key(protocol), *rule_key(protocol)) for protocol in protocols]
        counts: dict[tuple, Counts] = {}
        aps: dict[tuple, dict[str, Floats]] = {}  # by ground truth and normalisation
        for protocol, rule in zip(protocols, rules, strict=True):
            if rule not in counts:
                counts[rule] = self._uncounted(protocol)
            if protocol.pixel_ap == "continuous":
                aps.setdefault(rule[0], {})[ap_kind(protocol)] = np.full(len(self.units), np.nan)

        def survey(chosen: Ints) -> None:
            known.look_at(chosen, look.rows(*self._cleared(chosen)), areas, self.loops)

        over_pieces(survey, self._chunks())
        cuts = {rule: self._cuts(into.protocol, known, look.pixels, rule[0]) for rule, into in counts.items()}

        def cut(chosen: Ints) -> None:
            own = {rule: values[:, chosen] for rule, values in cuts.items()}
            self._count(look, chosen, look.rows(*self._cleared(chosen)), counts, own, aps)

        over_pieces(cut, self._chunks())
        return [
            self._scores(protocol, counts[rule], look.pixels, known, aps.get(rule[0], {}).get(ap_kind(protocol)))
            for protocol, rule in zip(protocols, rules, strict=True)
        ]

    def _cuts(self, protocol: Protocol, known: Survey, pixels: int, area_key: tuple) -> Rows:
        """(M, U) the lowest marked value of each mask of the units to do; some thousand at a time, which bounds memory."""
        cuts = np.full((masks_of(protocol), len(self.units)), np.inf, np.float32)
        for start in range(0, len(self.todo), _CUT):
            some = self.todo[start : start + _CUT]
            cuts[:, some] = cuts_of(protocol, known.of(some), pixels, area_key, self.given.ends)
        return cuts

    def _count(
        self,
        look: Look,
        chosen: Ints,
        rows: Rows,
        counts: dict[tuple, Counts],
        cuts: dict[tuple, Rows],
        aps: dict[tuple, dict[str, Floats]],
    ) -> None:
        """Count the pixels of every mask of some maps, and take the AP of their values where it is asked for.

        Rules that compare with the same ground truth are counted together.
        """
        by_truth = sorted(counts, key=lambda rule: rule[0])
        for key, group in groupby(by_truth, key=lambda rule: rule[0]):
            members = list(group)
            planes = self.drawn.of(counts[members[0]].protocol, chosen)
            for kind, of_kind in aps.get(key, {}).items():
                marked = unpack(planes.bits[:, 0], look.width).reshape(len(chosen), -1)
                of_kind[chosen] = quick_average_precisions(self.loops, marked, ap_values(kind, rows))
            every = np.concatenate([cuts[rule] for rule in members])
            masks, hits = count_masks(look.height, look.width, rows, every, planes, self.loops)
            masks[:, self.broken[chosen]] = 0
            hits[:, self.broken[chosen]] = 0
            for rule in members:
                into, amount = counts[rule], len(cuts[rule])
                into.mask[chosen] = masks[:amount].T
                into.hits[chosen, :, : hits.shape[2]] = hits[:amount].swapaxes(0, 1)
                masks, hits = masks[amount:], hits[amount:]

    def _uncounted(self, protocol: Protocol) -> Counts:
        shape = (len(self.units), masks_of(protocol))
        levels = len(self.drawn.levels(protocol)[1])
        return Counts(protocol, np.zeros(shape, np.int64), np.zeros((*shape, levels), np.int64))

    def _scores(self, protocol: Protocol, counts: Counts, pixels: int, known: Survey, aps: Floats | None) -> Measured:
        """cIoU and what else a protocol reports of a unit, from counts of pixels."""
        levels, weights = self.drawn.levels(protocol)
        total, area = levels @ weights, levels[:, 0]
        hits, mask = counts.hits, counts.mask
        measured = Measured(np.zeros(len(area)))
        if protocol.mask == "top":
            tied = mask[:, 1] - mask[:, 0]  # at the threshold: they share what is left of the area
            share = np.clip((area - mask[:, 0]) / np.maximum(tied, 1), 0, 1)
            got = hits[:, 0] + share[:, None] * (hits[:, 1] - hits[:, 0])
            measured.ciou = ciou_of_counts(got @ weights, total, mask[:, 0] + share * tied - got[:, 0])
        else:
            masks = ciou_of_counts(hits @ weights, total[:, None], mask - hits[:, :, 0])
            measured.ciou = masks[:, 0]
            measured.best = masks if protocol.mask == "best" else None
            if protocol.normalise == "minmax-nan" and protocol.mask != "absolute":
                # the release's mask of a constant map is NaN itself, where its mask by a fixed cut is empty
                measured.ciou = np.where((known.low == known.high) & ~self.broken, np.nan, measured.ciou)
        if protocol.pixel_ap == "binary":
            measured.of_unit["pixel_ap"] = average_precision_of_mask(hits[:, 0, 0], mask[:, 0], area, pixels)
        elif protocol.pixel_ap == "swapped":
            swapped = average_precision_of_levels(list(hits[:, 0].T), list(levels.T), mask[:, 0], pixels)
            measured.of_unit["pixel_ap"] = swapped
        elif aps is not None:
            flat = (known.low == known.high) & ~self.broken & (protocol.normalise == "inverted-nan")
            self._continuous(protocol, measured, levels, aps, flat)
        if "smooth_iou" in protocol.report:
            inter = hits[:, -1, 0]
            measured.of_unit["smooth_iou"] = (inter + 1e-4) / (mask[:, -1] + area - inter + 1e-4)
        if known.confidence is not None and self._named(protocol) in self.sure:
            fixed = protocol.normalise.startswith("fixed") and protocol.ogl_alpha >= 1
            sure = (known.confidence + 1 / protocol.tau) / (2 / protocol.tau) if fixed else known.confidence
            measured.confidence = np.where(self.broken, -np.inf, sure)
        return measured

    def _continuous(
        self, protocol: Protocol, measured: Measured, levels: Ints, aps: Floats, flat: NDArray[np.bool_]
    ) -> None:
        """AP of the pixels' values; where counted boxes overlap, or a constant (flat) map became 0/0, the release
        fails and leaves the unit out, so NaN here."""
        values: Floats = np.where(self.broken, 0.0, aps)
        unseen = np.ones(len(values), bool)
        unseen[self.todo] = False
        values[unseen] = 0.0
        values[flat & ~unseen] = np.nan
        measured.flat = int((flat & ~unseen).sum())
        if protocol.truth == "counts" and levels.shape[1] > 1:
            overlap = levels[:, 1] > 0
            values[overlap] = np.nan
            measured.overlaps = int(overlap.sum())
        measured.of_unit["pixel_ap"] = values
