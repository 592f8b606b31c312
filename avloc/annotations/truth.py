"""The ground truth of a test set as plain arrays: its clips, boxes and classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.box_faults import box_warnings, is_box
from avloc.errors import DataError
from avloc.given_arrays import rows_of
from avloc.naming import brief, first_double


class Drawable(Protocol):
    """Can draw the pixels of sounding objects in one picture: (h, w) bool."""

    def drawn(self) -> NDArray[np.bool_]: ...


@dataclass
class Truth:
    """The ground truth: boxes of N clips. A clip here is the unit of prediction: a frame, or a frame with its sound.

    ids, videos: (N,) names; boxes: (M, 4) xyxy, fractions of the frame; box_clip: (M,) which clip each box is on;
    box_class: (M,) index into `classes`, -1 for none; a clip without boxes is a negative.
    """

    ids: list[str]
    videos: list[str]
    boxes: NDArray[np.floating]
    box_clip: NDArray[np.int64]
    box_class: NDArray[np.int64]
    classes: tuple[str, ...] = ()
    #: (M,) who drew the box; only kept, since the published consensus counts boxes and not annotators
    box_annotator: NDArray[np.int64] | None = None
    #: (M,) which of the clip's sources the box belongs to, 0 for the first; None: one source for each class of the clip
    box_source: NDArray[np.int64] | None = None
    #: (M, 4) the corner and extent as the file wrote them, for protocols that truncate x*size + w*size
    xywh: NDArray[np.floating] | None = None
    #: how many boxes must agree on a pixel for its full weight; 1 is the union, Flickr-SoundNet has 2
    votes: int = 1
    #: (N,) the class under which a clip is reported, -1 for none; None: the class of its boxes
    clip_class: NDArray[np.int64] | None = None
    #: (N, P, h, w) bool, pixel masks of the sources, if annotated; then boxes are not drawn
    masks: NDArray[np.bool_] | None = None
    #: (N, P) the class of each mask, -1 for none; None: unknown
    mask_class: NDArray[np.int64] | None = None
    #: whether box protocols use the boxes although there are masks, which then are for pixel protocols only
    boxed: bool = False
    #: (N, h, w) the class of each pixel, one more than its index into `classes`; 0 is the background
    labels: NDArray[np.uint8] | None = None
    #: (N,) the pixels of sounding objects at the size of each clip's own picture, drawn when needed
    pictures: "Sequence[Drawable] | None" = None
    #: (N, 2) width and height of each clip's own picture in pixels, for a protocol that rounds in these
    picture_sizes: NDArray[np.int64] | None = None
    #: names of parts of the set, with (N,) which clips are in each; a clip may be in several
    parts: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    #: (L, 4) xyxy of silent objects in view, and (L,) which clip each is on; None if unknown
    silent_boxes: NDArray[np.floating] | None = None
    silent_clip: NDArray[np.int64] | None = None
    #: (L,) the class of each of them, -1 for none; None if unknown
    silent_class: NDArray[np.int64] | None = None
    #: (N,) the scene a clip belongs to, for interactive localization, "" for none; None if there are no scenes
    scenes: list[str] | None = None
    #: (N,) the sound of a clip: own, or another (silence, noise, ambient, other), which makes it a negative
    sound: list[str] | None = None
    #: whether each source has its own frame (two mixed clips) or all are on one frame
    mixed: bool = False
    #: the same clips with the boxes of their partners' rows, where clips are mixed by a list of pairs
    partners: "Truth | None" = None
    #: (N,) the id of the clip that each is mixed with, if a list pairs them
    partner_ids: list[str] | None = None
    #: (N,) the ids with all their folders, if the file has more folders than needed to distinguish the clips
    long_ids: list[str] | None = None
    #: ids of the list that the annotation does not have
    unannotated: int = 0
    name: str = ""
    sha256: str = ""
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        where = f"truth {self.name}".strip()
        if np.asarray(self.boxes).dtype.kind not in "fiu":
            raise DataError(f"{where}: boxes of type {np.asarray(self.boxes).dtype}; expected numbers")
        self.boxes = np.asarray(self.boxes, np.float64).reshape(-1, 4)
        self.box_clip = np.asarray(self.box_clip, np.int64).reshape(-1)
        self.box_class = np.asarray(self.box_class, np.int64).reshape(-1)
        if self.silent_boxes is not None:
            self.silent_boxes = np.asarray(self.silent_boxes, np.float64).reshape(-1, 4)
            self.silent_clip = np.asarray(self.silent_clip, np.int64).reshape(-1)
        if len(self.ids) != len(self.videos):
            raise DataError(f"{where}: {len(self.ids)} ids but {len(self.videos)} videos; one video for each id")
        if not len(self.boxes) == len(self.box_clip) == len(self.box_class):
            counts = f"{len(self.boxes)} boxes, {len(self.box_clip)} clips, {len(self.box_class)} classes of boxes"
            raise DataError(f"{where}: {counts}; expected the same number of each")
        if len(self.box_clip) and not (self.box_clip.min() >= 0 and self.box_clip.max() < len(self.ids)):
            raise DataError(f"{where}: box_clip points outside the {len(self.ids)} clips")
        if len(self.box_class) and not (
            self.box_class.min() >= -1 and self.box_class.max() < max(1, len(self.classes))
        ):
            raise DataError(f"{where}: box_class points outside the {len(self.classes)} classes")
        if self.mask_class is not None and (self.masks is None or self.masks.shape[:2] != self.mask_class.shape):
            found = None if self.masks is None else self.masks.shape
            raise DataError(f"{where}: classes of masks {self.mask_class.shape} for masks of shape {found}")
        double = first_double(self.ids)
        if double is not None:
            raise DataError(f"{where}: duplicate id {brief(double)!r}")

    @classmethod
    def of_boxes(
        cls,
        boxes: Mapping[str, Sequence[Sequence[float]]],
        classes: Mapping[str, str] | None = None,
        videos: Mapping[str, str] | None = None,
        votes: int = 1,
    ) -> "Truth":
        """A ground truth from the boxes of each clip: {id: [[x1, y1, x2, y2], ...]}, fractions of the frame.

        A clip without boxes is a negative. classes, videos: of each clip, by its id. votes: how many boxes must agree on a
        pixel for its full weight. Boxes that extend a little beyond the frame are clipped, and a warning counts them;
        DataError for text, pixels, or a far corner before the near one.
        """
        if not isinstance(boxes, Mapping):
            raise DataError(f"truth: boxes of type {type(boxes).__name__}; expected {{id: [[x1, y1, x2, y2], ...]}}")
        every = [rows_of(own, f"truth: clip {brief(str(name))!r}: boxes") for name, own in boxes.items()]
        rows = [(number, box) for number, own in enumerate(every) for box in own]
        wrong = next((row for row in rows if not is_box(row[1])), None)
        if wrong is not None:
            where = f"truth: clip {brief(list(boxes)[wrong[0]])!r}"
            raise DataError(f"{where}: box {brief(repr(wrong[1]))}; expected x1, y1, x2, y2, fractions of the frame")
        names = sorted({(classes or {})[name] for name in boxes if name in (classes or {})})
        label = [names.index(classes[name]) if classes and name in classes else -1 for name in boxes]
        clip = np.array([number for number, _ in rows], np.int64)
        corners = np.array([box for _, box in rows], np.float64).reshape(-1, 4)
        return cls(
            ids=list(boxes),
            videos=[(videos or {}).get(name, name) for name in boxes],
            boxes=corners,
            box_clip=clip,
            box_class=np.array(label, np.int64)[clip],
            classes=tuple(names),
            votes=votes,
            warnings=box_warnings(corners),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def written(self) -> list[str]:
        """(N,) the ids with all known folders, by which the clips are matched."""
        return self.ids if self.long_ids is None else self.long_ids

    @property
    def sounding(self) -> NDArray[np.bool_]:
        """(N,) whether something sounds in the clip; False for a negative."""
        marked = np.bincount(self.box_clip, minlength=len(self)) > 0
        return marked if self.masks is None else marked | self.masks.any(axis=(1, 2, 3))

    @property
    def sources(self) -> NDArray[np.int64]:
        """(M,) the source of its clip that each box belongs to, in order of first appearance of the class."""
        if self.box_source is not None:
            return np.asarray(self.box_source, np.int64)
        seen: dict[int, dict[int, int]] = {}
        pairs = zip(self.box_clip.tolist(), self.box_class.tolist(), strict=True)
        return np.array([_rank(seen.setdefault(clip, {}), label) for clip, label in pairs], np.int64).reshape(-1)

    @property
    def reported_class(self) -> NDArray[np.int64]:
        """(N,) the class under which a clip is reported: its own, else that of its first box, else -1."""
        if self.clip_class is not None:
            return self.clip_class
        labels = np.full(len(self), -1, np.int64)
        labels[self.box_clip[::-1]] = self.box_class[::-1]
        return labels

    def take(self, clips: Sequence[int] | NDArray[np.int64]) -> "Truth":
        """The ground truth of only these clips, in this order."""
        clips = np.asarray(clips, np.int64)
        place = np.full(len(self), -1, np.int64)
        place[clips] = np.arange(len(clips))
        kept = np.flatnonzero(place[self.box_clip] >= 0)
        kept = kept[np.argsort(place[self.box_clip[kept]], kind="stable")]

        silent_boxes, silent_clip, silent_class = self.silent_boxes, self.silent_clip, self.silent_class
        if silent_boxes is not None and silent_clip is not None:
            there = np.flatnonzero(place[silent_clip] >= 0)
            there = there[np.argsort(place[silent_clip[there]], kind="stable")]
            silent_boxes, silent_clip = silent_boxes[there], place[silent_clip[there]]
            silent_class = None if silent_class is None else silent_class[there]

        def of_box(values: NDArray | None) -> NDArray | None:
            return None if values is None else np.asarray(values)[kept]

        return replace(
            self,
            ids=[self.ids[clip] for clip in clips],
            videos=[self.videos[clip] for clip in clips],
            partner_ids=None if self.partner_ids is None else [self.partner_ids[clip] for clip in clips],
            long_ids=None if self.long_ids is None else [self.long_ids[clip] for clip in clips],
            boxes=self.boxes[kept],
            box_clip=place[self.box_clip[kept]],
            box_class=self.box_class[kept],
            box_annotator=of_box(self.box_annotator),
            box_source=of_box(self.box_source),
            xywh=of_box(self.xywh),
            silent_boxes=silent_boxes,
            silent_clip=silent_clip,
            silent_class=silent_class,
            scenes=None if self.scenes is None else [self.scenes[clip] for clip in clips],
            sound=None if self.sound is None else [self.sound[clip] for clip in clips],
            clip_class=None if self.clip_class is None else self.clip_class[clips],
            masks=None if self.masks is None else self.masks[clips],
            mask_class=None if self.mask_class is None else self.mask_class[clips],
            labels=None if self.labels is None else self.labels[clips],
            pictures=None if self.pictures is None else [self.pictures[clip] for clip in clips],
            picture_sizes=None if self.picture_sizes is None else self.picture_sizes[clips],
            parts={name: inside[clips] for name, inside in self.parts.items()},
            partners=None if self.partners is None else self.partners.take(clips),
            warnings=list(self.warnings),
        )


def _rank(seen: dict[int, int], label: int) -> int:
    return seen.setdefault(label, len(seen))
