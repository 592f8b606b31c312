"""Running maps through protocols: what every unit scores, with the work shared by all protocols that can share it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.metrics import ciou_of_counts
from avloc.metrics.precision import average_precision_of_levels, average_precision_of_mask, average_precisions
from avloc.protocols.cuts import cuts_of, median_places, rank_place
from avloc.protocols.looks import Look, Survey, look_of, over_pieces, survey
from avloc.protocols.planes import count, pack, unpack
from avloc.protocols.protocol import Protocol
from avloc.protocols.units import Units, canvas_size, draw_truth, truth_key

CHUNK = 16  # maps looked at together: what stays in the caches at 224 x 224
Maps = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Given:
    """What is scored: maps (N, K, h, w) in the order of the truth's clips, and what came with them."""

    maps: Maps
    table: NDArray[np.bool_] | None = None  # (C, K)
    confidence: Floats | None = None  # (N,)
    objects: Maps | None = None  # (N, h, w)
    ends: tuple[float, float] = (0.0, 1.0)
    #: whether the caller said which map is of which class; sources then take the map of their class
    named: bool = False


@dataclass
class Measured:
    """Scores of the units (U,) under one protocol; `best` holds a column for each cut of the rule best."""

    ciou: Floats
    of_unit: dict[str, Floats] = field(default_factory=dict)
    best: Floats | None = None
    confidence: Floats | None = None  # (U,)
    overlaps: int = 0  # units without a pixel AP because boxes overlap


@dataclass
class Counts:
    """Pixels of masks (U, M): in each mask, and of each mask in each level of the truth (U, M, L)."""

    mask: Ints
    hits: Ints


@dataclass
class Drawn:
    """What is known of a truth: pixels of each level (U, L), and the weight of each level (L,)."""

    levels: Ints
    weights: Floats


class Measuring:
    """The maps of some units, and the protocols that look at them one by one."""

    def __init__(
        self, units: Units, truth: Truth, given: Given, unit: str, todo: Ints, frames: int, chunk: int
    ) -> None:
        self.units, self.truth, self.given, self.unit = units, truth, given, unit
        self.todo, self.frames, self.chunk = todo, frames, chunk
        self.broken, self.constant = np.zeros(len(units), bool), np.zeros(len(units), bool)
        for chosen, maps in self._maps():
            pixels = maps.reshape(len(maps), -1)
            self.broken[chosen] = np.logical_not(np.isfinite(pixels).all(axis=1))
            self.constant[chosen] = pixels.min(axis=1) == pixels.max(axis=1)

    def _maps(self) -> Iterator[tuple[Ints, Maps]]:
        for start in range(0, len(self.todo), self.chunk):
            chosen = self.todo[start : start + self.chunk]
            yield chosen, unit_maps(self.units, chosen, self.given, self.unit)

    def pieces(self) -> Iterator[tuple[Ints, Maps, Maps | None]]:
        """Units, their maps with broken ones cleared, and their object maps."""
        objects = self.given.objects
        for chosen, maps in self._maps():
            clean = (
                np.where(self.broken[chosen, None, None], np.float32(0), maps) if self.broken[chosen].any() else maps
            )
            yield chosen, clean, None if objects is None else objects[self.units.clip[chosen]]

    def measure(self, protocols: list[Protocol]) -> list[Measured]:
        """What each protocol gives each unit; units without prediction score 0, broken maps hear nothing."""
        by_key = {truth_key(protocol, self.truth, self.frames): protocol for protocol in protocols}
        drawn = {key: self._draw(protocol) for key, protocol in by_key.items()}
        found: list[Measured | None] = [None] * len(protocols)
        looks: dict[Look, list[int]] = {}
        for number, protocol in enumerate(protocols):
            looks.setdefault(look_of(protocol, canvas_size(protocol, self.frames)), []).append(number)
        for look, numbers in looks.items():
            members = [protocols[number] for number in numbers]
            known = self._survey(look, members, drawn)
            for number, measured in zip(numbers, self._look(look, members, known, drawn), strict=True):
                found[number] = measured
        return [measured for measured in found if measured is not None]

    def _draw(self, protocol: Protocol) -> Drawn:
        """Pixels of the truth of every unit, drawn once to learn the areas."""
        levels, weights = [], np.ones(1)
        for start in range(0, len(self.units), 256):
            planes = draw_truth(
                protocol, self.truth, self.units, np.arange(start, min(start + 256, len(self.units))), self.frames
            )
            levels.append(np.stack(planes.levels, axis=1))
            weights = planes.weights if len(planes.weights) > len(weights) else weights
        most = max((part.shape[1] for part in levels), default=1)
        whole = [np.pad(part, ((0, 0), (0, most - part.shape[1]))) for part in levels]
        return Drawn(np.concatenate(whole) if whole else np.zeros((0, 1), np.int64), np.full(most, weights[0]))

    def _survey(self, look: Look, protocols: list[Protocol], drawn: dict[tuple, Drawn]) -> Survey:
        places: set[int] = set()
        areas: dict[tuple, Ints] = {}
        for protocol in protocols:
            if protocol.mask in ("rank", "rank-or-one"):
                places.add(rank_place(protocol, look.pixels))
            elif protocol.mask == "median":
                places.update(median_places(look.pixels))
            elif protocol.mask in ("area", "top"):
                key = truth_key(protocol, self.truth, self.frames)
                areas[key] = drawn[key].levels[:, 0]
        sure = any({"ap", "auroc", "max_f1"} & set(protocol.report) for protocol in protocols)
        return survey(look, len(self.units), self.pieces, places, areas, sure and self.given.confidence is None)

    def _look(self, look: Look, protocols: list[Protocol], known: Survey, drawn: dict[tuple, Drawn]) -> list[Measured]:
        """Cut the maps for every protocol of a look, and score what was cut."""
        keys = [truth_key(protocol, self.truth, self.frames) for protocol in protocols]
        cuts = [cuts_of(p, known, look.pixels, key, self.given.ends) for p, key in zip(protocols, keys, strict=True)]
        counts = [self._empty(len(own), drawn[key]) for own, key in zip(cuts, keys, strict=True)]
        continuous = {key for p, key in zip(protocols, keys, strict=True) if p.pixel_ap == "continuous"}
        aps = {key: np.full(len(self.units), np.nan) for key in continuous}

        def one(piece: tuple[Ints, Maps, Maps | None]) -> None:
            chosen, maps, objects = piece
            rows = look.rows(maps, objects)
            planes = {}
            for protocol, key, own, into in zip(protocols, keys, cuts, counts, strict=True):
                if key not in planes:
                    planes[key] = draw_truth(protocol, self.truth, self.units, chosen, self.frames).bits
                    if key in aps:
                        marked = unpack(planes[key][:, 0], look.width).reshape(len(chosen), -1)
                        aps[key][chosen] = average_precisions(marked, rows)
                for number, cut in enumerate(own):
                    heard = rows >= cut[chosen, None]
                    heard[self.broken[chosen]] = False
                    mask = pack(heard.reshape(-1, look.height, look.width))
                    into.mask[chosen, number] = count(mask)
                    for level in range(planes[key].shape[1]):
                        into.hits[chosen, number, level] = count(mask & planes[key][:, level])

        over_pieces(one, self.pieces())
        return [
            self._scores(protocol, into, drawn[key], look.pixels, known, aps.get(key))
            for protocol, key, into in zip(protocols, keys, counts, strict=True)
        ]

    def _empty(self, masks: int, drawn: Drawn) -> Counts:
        units = len(self.units)
        return Counts(np.zeros((units, masks), np.int64), np.zeros((units, masks, len(drawn.weights)), np.int64))

    def _scores(
        self, protocol: Protocol, counts: Counts, drawn: Drawn, pixels: int, known: Survey, aps: Floats | None
    ) -> Measured:
        """cIoU and what else a protocol reports of a unit, from counts of pixels."""
        weights, levels = drawn.weights, drawn.levels
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
        if protocol.pixel_ap == "binary":
            measured.of_unit["pixel_ap"] = average_precision_of_mask(hits[:, 0, 0], mask[:, 0], area, pixels)
        elif protocol.pixel_ap == "swapped":
            swapped = average_precision_of_levels(list(hits[:, 0].T), list(levels.T), mask[:, 0], pixels)
            measured.of_unit["pixel_ap"] = swapped
        elif aps is not None:
            self._continuous(protocol, measured, drawn, aps)
        if "smooth_iou" in protocol.report:
            inter = hits[:, -1, 0]
            measured.of_unit["smooth_iou"] = (inter + 1e-4) / (mask[:, -1] + area - inter + 1e-4)
        if known.confidence is not None:
            fixed = protocol.normalise.startswith("fixed") and protocol.ogl_alpha >= 1
            sure = (known.confidence + 1 / protocol.tau) / (2 / protocol.tau) if fixed else known.confidence
            measured.confidence = np.where(self.broken, -np.inf, sure)
        return measured

    def _continuous(self, protocol: Protocol, measured: Measured, drawn: Drawn, aps: Floats) -> None:
        """AP of the pixels' values; where counted boxes overlap the release fails and leaves the unit out, so NaN
        here."""
        values: Floats = np.where(self.broken, 0.0, aps)
        unseen = np.ones(len(values), bool)
        unseen[self.todo] = False
        values[unseen] = 0.0
        if protocol.truth == "counts" and drawn.levels.shape[1] > 1:
            overlap = drawn.levels[:, 1] > 0
            values[overlap] = np.nan
            measured.overlaps = int(overlap.sum())
        measured.of_unit["pixel_ap"] = values


def unit_maps(units: Units, chosen: Ints, given: Given, unit: str) -> Maps:
    """The map of each chosen unit (u, h, w) out of (N, K, h, w): the clip's, the source's, or the sum of the
    class's."""
    clip, part = units.clip[chosen], units.part[chosen]
    if unit == "source" and given.named:
        part = units.label[chosen]
    elif unit != "class":
        return given.maps[clip, part]
    assert given.table is not None
    summed = np.zeros((len(clip), *given.maps.shape[2:]), np.float32)
    for label in np.unique(part):
        rows = np.flatnonzero(part == label)
        for cluster in np.flatnonzero(given.table[label]):
            summed[rows] += given.maps[clip[rows], cluster]
    return summed
