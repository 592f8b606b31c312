"""The annotation of the clips in a source: boxes, videos and classes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    return boxes | _rows(truth.ids, truth.box_clip, truth.boxes, truth.box_class)


def silent(truth: Truth | None) -> dict[str, Rows]:
    """Boxes of objects that are in view and do not sound, as in `marked`; only the ids that have some."""
    if truth is None or truth.silent_boxes is None or truth.silent_clip is None:
        return {}
    labels = np.full(len(truth.silent_clip), -1) if truth.silent_class is None else truth.silent_class
    return _rows(truth.ids, truth.silent_clip, truth.silent_boxes, labels)


def _rows(ids: Sequence[str], clips: NDArray[Any], boxes: NDArray[Any], labels: NDArray[Any]) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    corners = np.clip(np.nan_to_num(boxes, posinf=1.0, neginf=0.0), 0.0, 1.0)
    for clip, (x1, y1, x2, y2), label in zip(clips, corners.tolist(), labels.tolist(), strict=True):
        found.setdefault(ids[clip], []).append((x1, y1, x2, y2, label))
    return found


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
        self._silent: dict[str, Rows] = {}
        self._videos: dict[str, str] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        if truth is None:
            return
        found = match(truth.written, dict.fromkeys(entry.item for listed in splits.values() for entry in listed))
        boxes, quiet = marked(truth), silent(truth)
        for number, (name, own) in enumerate(zip(truth.written, truth.ids, strict=True)):
            if name in found.pairs:
                clip = found.pairs[name]
                self._boxes[clip], self._silent[clip] = boxes[own], quiet.get(own, [])
                self._videos[clip], self._notes[clip] = truth.videos[number], _notes(truth, number, clip)
        self.joins = (marked_join(truth.name or "annotation", found, splits),)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of a store that has no others."""
        return self.named or UNNAMED

    def facts(self, name: str, labels: Sequence[int] = (), classes: Sequence[str] | None = None) -> dict[str, Any]:
        """The part of an item's facts from the annotation; boxes are None if the clip is not annotated, silent is missing if it
        has no boxes of silent objects. labels: of the clip, if they are known. classes: of the store, if it has others than the
        annotation."""
        rows = self._boxes.get(name)
        boxes = None if rows is None else of_clip(rows, labels, self.classes if classes is None else classes)
        quiet = self._silent.get(name)
        return {"video": self._videos.get(name, name), "boxes": boxes, **({"silent": quiet} if quiet else {})}

    def notes(self, name: str) -> dict[str, Any]:
        """The part of the manifest's line from the annotation."""
        return self._notes.get(name, {})


def _notes(truth: Truth, number: int, clip: str) -> dict[str, Any]:
    """The scene of an annotated clip and its kind of sound, as composed stores record them."""
    scene = "" if truth.scenes is None else truth.scenes[number]
    sound = "own" if truth.sound is None else truth.sound[number]
    heard = [] if sound == "own" else [{"clip": clip, "sound": sound, "parts": []}]
    return {**({"scene": scene} if scene else {}), **({"heard": heard} if heard else {})}


def by_video(
    truth: Truth | None, names: Sequence[str]
) -> tuple[dict[str, dict[str, Rows]], dict[str, dict[str, Rows]], tuple[Join, ...]]:
    """Video -> the rest of an id VIDEO/FRAME or VIDEO/SECOND -> boxes, of what sounds and of what does not; and the join that
    matches the videos with `names`."""
    if truth is None:
        return {}, {}, ()
    found: list[dict[str, dict[str, Rows]]] = []
    for boxes in (marked(truth), silent(truth)):
        found.append({})
        for key, rows in boxes.items():
            video, _, within = key.partition("/")
            found[-1].setdefault(video, {})[within] = rows
    own = match(found[0], names)
    join = joined(truth.name or "annotation", own, "annotated videos are not listed")
    sounding, quiet = ({own.pairs[video]: one[video] for video in one if video in own.pairs} for one in found)
    return sounding, quiet, (join,)


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
