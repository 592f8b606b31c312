"""The annotation of the clips in a source: boxes, videos and classes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from avloc.annotations.benchmarks import BENCHMARKS
from avloc.annotations.files import Files
from avloc.annotations.reading import laid_out, read_own_truth
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.joins import Matched, match
from avloc.leftovers import Join, joined
from avloc.prepare.parts.items import Entry

logger = logging.getLogger("avloc.prepare")

#: of a clip: left, top, right, bottom in [0, 1], label
Rows = list[tuple[float, float, float, float, int]]

#: the name for the user's own boxes
OWN = "own"

#: the classes of a store whose source has none
UNNAMED = ("sounding",)


def read_truth(benchmark: str | None, annotations: Path | None) -> Truth | None:
    """The boxes of a benchmark, or for "own" those of the user's own file; None if none were requested."""
    if (benchmark is None) != (annotations is None):
        missing = "annotations" if annotations is None else "benchmark"
        raise DataError(f"--{missing} is missing; give a benchmark's name and the path of its boxes together")
    if benchmark is None or annotations is None:
        return None
    if benchmark == OWN:
        return read_own_truth(annotations)
    if benchmark not in BENCHMARKS:
        raise DataError(
            f"benchmark {benchmark!r} is unknown; `avloc benchmarks` lists the names, and own is for your own boxes"
        )
    files = Files(annotations)
    with laid_out(files, benchmark):
        return BENCHMARKS[benchmark].read(files)


def marked(truth: Truth | None) -> dict[str, Rows]:
    """Boxes by id, cut at the frame as in the releases, with the numbers of their classes, -1 for none; an annotated id without
    boxes has an empty list."""
    if truth is None:
        return {}
    for warning in truth.warnings:
        logger.warning("%s: %s", truth.name or "annotation", warning)
    boxes: dict[str, Rows] = {name: [] for name in truth.ids}
    corners = np.clip(np.nan_to_num(truth.boxes, posinf=1.0, neginf=0.0), 0.0, 1.0)
    for clip, (x1, y1, x2, y2), label in zip(truth.box_clip, corners.tolist(), truth.box_class.tolist(), strict=True):
        boxes[truth.ids[clip]].append((x1, y1, x2, y2, label))
    return boxes


def of_clip(rows: Rows, labels: Sequence[int], classes: Sequence[str]) -> Rows:
    """The boxes of a clip; one without a class has the clip's (the first of several), or the only class of a store without
    names, or -1."""
    usual = min(labels, default=0 if tuple(classes) == UNNAMED else -1)
    return [(x1, y1, x2, y2, label if label >= 0 else usual) for x1, y1, x2, y2, label in rows]


class Marks:
    """A ground truth by the names of clips, in any accepted spelling; without one nothing is annotated.

    named: its classes, if any. joins: unmatched names of either side.
    """

    def __init__(self, truth: Truth | None, splits: Mapping[str, Sequence[Entry]]) -> None:
        self.named: tuple[str, ...] = () if truth is None else truth.classes
        self.joins: tuple[Join, ...] = ()
        self._boxes: dict[str, Rows] = {}
        self._videos: dict[str, str] = {}
        if truth is None:
            return
        found = match(truth.written, dict.fromkeys(entry.item for listed in splits.values() for entry in listed))
        boxes = marked(truth)
        for name, own, video in zip(truth.written, truth.ids, truth.videos, strict=True):
            if name in found.pairs:
                self._boxes[found.pairs[name]], self._videos[found.pairs[name]] = boxes[own], video
        self.joins = (marked_join(truth.name or "annotation", found, splits),)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of a store that has no others."""
        return self.named or UNNAMED

    def facts(self, name: str, labels: Sequence[int] = (), classes: Sequence[str] | None = None) -> dict[str, Any]:
        """The part of an item's facts from the annotation; boxes are None if the clip is not annotated. labels: of the clip, if
        they are known. classes: of the store, if it has others than the annotation."""
        rows = self._boxes.get(name)
        boxes = None if rows is None else of_clip(rows, labels, self.classes if classes is None else classes)
        return {"video": self._videos.get(name, name), "boxes": boxes}


def marked_join(what: str, found: Matched, splits: Mapping[str, Sequence[Entry]]) -> Join:
    """Matches annotated names with the clips of splits. A split without any annotation (for training) misses nothing."""
    there = set(found.pairs.values())
    partly = [[entry.item for entry in own] for own in splits.values() if any(entry.item in there for entry in own)]
    bare = set(found.unused)
    unused = tuple(dict.fromkeys(name for own in partly for name in own if name in bare))
    return joined(
        what,
        replace(found, unused=unused),
        missing="annotated ids match no clip",
        unused="clips have no annotation",
        ambiguous="annotated ids match more than one clip",
        shared="annotated ids match the same clip as another",
    )
