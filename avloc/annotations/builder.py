"""Builds a ground truth row by row, and reports problems of its boxes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.box_faults import box_warnings
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.joins import match
from avloc.naming import brief, counted, some

_MOST = 1e300  # a number beyond this is not a broken coordinate but a broken file


@dataclass
class Builder:
    """Collects clips and their boxes; class names are collected on the way, unless given."""

    name: str
    classes: Sequence[str] | None = None
    ids: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    rows: list[tuple[int, Any, Any, str | None, int, int]] = field(default_factory=list)
    silent: list[tuple[int, Any, str | None]] = field(default_factory=list)

    def clip(self, name: str, video: str, label: str | None = None) -> int:
        """A new clip; boxes added later belong to it."""
        if not isinstance(name, str) or not name:
            raise DataError(f"{self.name}: clip {len(self.ids)} has the id {name!r}; expected text")
        self._named(name, label)
        self.ids.append(name)
        self.videos.append(video)
        self.labels.append(label)
        return len(self.ids) - 1

    def box(
        self,
        xyxy: Sequence[float] | NDArray[np.float64],
        label: str | None = None,
        xywh: Sequence[float] | None = None,
        source: int = 0,
        annotator: int = 0,
    ) -> None:
        """A box of the last clip, in [0, 1]."""
        self._named(self.ids[-1], label)
        self._numbers(xyxy)
        self.rows.append((len(self.ids) - 1, xyxy, xywh, label, source, annotator))

    def silent_box(self, xyxy: Sequence[float] | NDArray[np.float64], label: str | None = None) -> None:
        """A box of the last clip around a silent object, in [0, 1]."""
        self._named(self.ids[-1], label)
        self._numbers(xyxy)
        self.silent.append((len(self.ids) - 1, xyxy, label))

    def xywh(self, xywh: Sequence[float], label: str | None = None, source: int = 0) -> None:
        """A box given by corner, width and height."""
        self._numbers(xywh)
        x, y, w, h = xywh
        self.box((x, y, x + w, y + h), label, xywh, source)

    def _named(self, clip: str, label: object) -> None:
        if label is not None and not isinstance(label, str):
            raise DataError(f"{self.name}: clip {clip} has the class {label!r}; expected text")

    def _numbers(self, box: object) -> None:
        numbers = box if isinstance(box, list | tuple | np.ndarray) else ()
        known = all(
            isinstance(n, int | float) and not isinstance(n, bool) and abs(n) <= _MOST for n in numbers if n == n
        )
        if len(numbers) != 4 or not known:
            raise DataError(f"{self.name}: clip {self.ids[-1]}: box {str(box)[:60]}; expected four finite numbers")

    def truth(self, by_class: bool = False, **fields: Any) -> Truth:
        """The ground truth, with a warning for each kind of box that is empty or outside its frame.

        by_class: the sources of a clip are its sounding classes, whatever sources its boxes were given.
        """
        classes = self._all_classes()
        number = {label: place for place, label in enumerate(classes)}

        # rows: (clip, corners, extent, class, source, annotator); silent: (clip, corners, class)
        clips, corners, extents, labels, sources, annotators = zip(*self.rows, strict=True) if self.rows else [()] * 6
        has_extent = bool(extents) and all(extent is not None for extent in extents)
        labelled = any(label is not None for label in self.labels)
        silent: dict[str, Any] = {}
        if self.silent:
            silent_clips, silent_corners, silent_labels = zip(*self.silent, strict=True)
            silent["silent_boxes"] = np.array(silent_corners, np.float64)
            silent["silent_clip"] = np.array(silent_clips, np.int64)
            silent["silent_class"] = np.array([_number(number, label) for label in silent_labels], np.int64)

        truth = Truth(
            ids=self.ids,
            videos=self.videos,
            boxes=np.array(corners, np.float64).reshape(-1, 4),
            box_clip=np.array(clips, np.int64),
            box_class=np.array([_number(number, label) for label in labels], np.int64),
            classes=classes,
            box_source=None if by_class else np.array(sources, np.int64),
            box_annotator=np.array(annotators, np.int64),
            xywh=np.array(extents, np.float64).reshape(-1, 4) if has_extent else None,
            clip_class=np.array([-1 if label is None else number[label] for label in self.labels])
            if labelled
            else None,
            name=self.name,
            **silent,
            **fields,
        )
        truth.warnings += box_warnings(truth.boxes)
        if truth.silent_boxes is not None:
            truth.warnings += [f"of silent objects {warning}" for warning in box_warnings(truth.silent_boxes)]
        return truth

    def _all_classes(self) -> tuple[str, ...]:
        """The given classes, or all names found, sorted; DataError for a name that is not among the given ones."""
        labels = (*self.labels, *(row[3] for row in self.rows), *(row[2] for row in self.silent))
        names = {label for label in labels if label is not None}
        classes = tuple(self.classes) if self.classes is not None else tuple(sorted(names))
        unknown = sorted(names - set(classes))
        if unknown:
            raise DataError(f"{self.name}: class {brief(unknown[0])!r} is not one of {some(classes, 8)}")
        return classes


def _number(numbers: Mapping[str, int], label: str | None) -> int:
    """The index of a box's class, -1 for a box without one."""
    return numbers.get(label, -1) if label else -1


def words(name: str) -> str:
    """A class name for comparison: lower case, with one underscore for each run of other characters than letters and digits."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def restrict(truth: Truth, ids: Iterable[str], source: str) -> Truth:
    """The ground truth of a list of ids, in the order of the list; names without annotation are counted.

    A name can omit the suffix of an id (the .jpg of the DSOL frames), as in `id_list`. If no name is that of a clip,
    they can be names of videos, which mean all of their clips.
    """
    wanted, what = list(ids), "id"
    number = {name: place for place, name in enumerate(truth.written)}
    found = match(wanted, number)
    kept = [number[found.pairs[name]] for name in wanted if name in found.pairs]
    if not kept and not found.doubtful:
        what, clips = "video", dict[str, list[int]]()
        for place, name in enumerate(truth.videos):
            clips.setdefault(name, []).append(place)
        found = match(wanted, clips)
        kept = [place for name in wanted if name in found.pairs for place in clips[found.pairs[name]]]
    if not kept:
        raise DataError(
            f"{source}: none of its {len(wanted)} ids is annotated; the first is {brief(wanted[0])!r}, "
            f"the first annotated one {brief(truth.ids[0])!r}"
        )
    part = truth.take(kept)
    part.warnings = box_warnings(part.boxes)
    doubtful = found.doubtful
    part.unannotated = len(found.missing) + len(doubtful)
    if found.missing:
        part.warnings.append(
            f"{counted(len(found.missing), f'{what} of the list has', f'{what}s of the list have')} no annotation, such as "
            f"{brief(found.missing[0])}; left out"
        )
    if doubtful:
        name, several = next(iter(doubtful.items()))
        part.warnings.append(
            f"{counted(len(doubtful), f'{what} of the list matches', f'{what}s of the list match')} several, such as "
            f"{brief(name)} ({some(several)}); left out"
        )
    return part
