"""Checks a whole store for problems, shard by shard in watched processes.

A damaged file can make the library that reads it hang or crash: then the shard is reported.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip, Mask
from avloc.data.digest import clip_digest, content_digest, item_digest
from avloc.data.pictures import decode_jpeg
from avloc.data.scenes import heard_of
from avloc.data.shard_files import backend, shard_path
from avloc.data.shard_form import Form
from avloc.data.shards import Shards
from avloc.data.store import Store
from avloc.files import why
from avloc.prepare.pool.process import Tell
from avloc.prepare.writing.stored_clips import clips_about, masks_marked, with_masks
from avloc.prepare.writing.watched import LIMIT, broken, watched

SILENT = 33  # of 32767: a thousandth of full scale
STILL = 8  # of 255: a codec that refreshes a still picture changes it by less

Place = tuple[int, int, str | None]  # first row and clips of an item, and its digest


@dataclass(frozen=True)
class Content:
    """A clip. flat: it has a box without area, or outside the frame. hollow: it has a mask without pixels."""

    digest: bytes
    loud: bool
    still: bool
    flat: bool
    hollow: bool


@dataclass(frozen=True)
class Looked:
    """An item. contents: of its clips, None where they cannot be read. good: they have the digest of the manifest, None where
    that has none. labels: (C,) clips in which each class sounds. boxes, masks, annotated: boxes and masks, and frames somebody
    looked at. silent_frames: annotated ones in which nothing is marked as sounding.
    """

    contents: list[Content] | None
    good: bool | None
    labels: NDArray[np.int64]
    boxes: int
    masks: int
    annotated: int
    silent_frames: int


def read_shards(store: Store) -> tuple[dict[tuple[int, int], Looked], dict[int, str]]:
    """The result for each item, by its shard and first row; and for unreadable shards, the reason.

    Each item is read once, even if splits share it.
    """
    places: dict[int, dict[int, Place]] = {}
    for row, _ in store.lines():
        places.setdefault(row["shard"], {})[row["row"]] = row["row"], len(row["clips"]), row.get("sha256")
    kind, form = store.settings.get("store", "hdf5"), store.form
    tasks: dict[int, tuple[Any, ...]] = {
        shard: (store.path, form, kind, shard, list(own.values()), {}) for shard, own in sorted(places.items())
    }
    found: dict[tuple[int, int], Looked] = {}
    unreadable: dict[int, str] = {}
    for shard, answer in watched(look_at_shard, tasks, LIMIT):
        if isinstance(answer, str):
            unreadable[shard] = answer
        else:
            found |= {(shard, row): looked for row, looked in answer.items()}
    return found, dict(sorted(unreadable.items()))


def look_at_shard(
    store: Path,
    form: Form,
    kind: str,
    shard: int,
    items: Sequence[Place],
    spared: Mapping[int, tuple[str, str]],
    tell: Tell,
) -> dict[int, Looked] | str:
    """The results of the items by their first row, or why the shard is unreadable. spared: see `write_items`."""
    path, again = shard_path(store, shard, kind), f"run the `avloc prepare` command of {store} again"
    if spared:
        return broken(path, spared, again)
    tell("at", 0)
    unreadable = Shards(store, form, kind).broken({shard: max(row + count for row, count, _ in items)})
    if unreadable:
        return unreadable[shard]
    found = {}
    with closing(backend(path)[1](path, form)) as file:
        for row, count, digest in items:
            try:
                found[row] = _item(file, form, row, count, digest)
            except (OSError, ValueError) as error:
                return f"{path}: broken or of another store ({why(error)}); {again}"
            tell("at", 0)
    tell("at", None)
    return found


def _item(file: Any, form: Form, row: int, count: int, digest: str | None) -> Looked:
    clips = clips_about(file, row, count)
    labels = np.zeros(form.classes, np.int64)
    for clip in clips:
        labels[list(clip.labels)] += 1
    marked = masks_marked(file, form, row, count)[1]
    silent = 0
    for clip, masks in zip(clips, marked, strict=True):
        marks: list[Box | Mask] = [*clip.boxes, *masks]
        sounding = {mark.frame for mark in marks if mark.sounding}
        silent += sum(looked and frame not in sounding for frame, looked in enumerate(clip.annotated))
    counts = sum(len(clip.boxes) for clip in clips), sum(map(len, marked)), sum(sum(clip.annotated) for clip in clips)
    try:
        contents, digests = _contents(file, form, row, with_masks(file, form, row, clips))
    except (OSError, ValueError):  # bytes that are not a valid picture
        return Looked(None, None if digest is None else False, labels, *counts, silent)
    return Looked(contents, None if digest is None else item_digest(digests) == digest, labels, *counts, silent)


def _contents(file: Any, form: Form, row: int, clips: Sequence[Clip]) -> tuple[list[Content], list[bytes]]:
    """Clips with one frame are frozen if all clips of their video show the same; for a single clip this is unknown."""
    contents, digests, stills = [], [], []
    first = None
    for n, clip in enumerate(clips, row):
        stored, sound = [file.frame(n, pick) for pick in range(form.frames)], file.sound(n)
        frames = [form.refuse_frame(decode_jpeg(frame) if form.jpeg else frame) for frame in stored]
        digest = content_digest(stored, sound)
        digests.append(clip_digest(digest, clip))
        first = frames[0] if first is None else first
        stills.append(_same(frames[0], first))
        still = len(frames) > 1 and all(_same(frame, frames[0]) for frame in frames[1:])
        hollow = not all(mask.pixels.any() for mask in clip.masks)
        contents.append(Content(digest, _loud(sound), still, any(map(_is_flat, clip.boxes)), hollow))
    if form.frames == 1 and len(clips) > 1 and all(stills):
        contents = [replace(content, still=True) for content in contents]
    return contents, digests


@dataclass
class Found:
    """Problems of the clips of a split. silent, frozen, flat, hollow: ids of clips (hollow: with a mask without
    pixels). doubles: pairs of ids. changed: ids of items whose content does not match their digest. verified, bare:
    number of items that match, and without a digest. seen: content -> the first clip that has it.
    """

    silent: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    flat: list[str] = field(default_factory=list)
    hollow: list[str] = field(default_factory=list)
    doubles: list[tuple[str, str]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    verified: int = 0
    bare: int = 0
    seen: dict[bytes, str] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any], looked: Looked) -> None:
        """An item of the split, by its line of the manifest."""
        if looked.contents is None:
            self.changed.append(row["id"])
            return
        for name, content in zip(row["clips"], looked.contents, strict=True):
            self._add_clip(name, as_meant(content, row, name))
        if looked.good is None:
            self.bare += 1
        elif looked.good:
            self.verified += 1
        else:
            self.changed.append(row["id"])

    def _add_clip(self, name: str, content: Content) -> None:
        if not content.loud:
            self.silent.append(name)
        if content.still:
            self.frozen.append(name)
        if content.flat:
            self.flat.append(name)
        if content.hollow:
            self.hollow.append(name)
        if content.digest in self.seen:
            self.doubles.append((self.seen[content.digest], name))
        self.seen.setdefault(content.digest, name)


def _loud(sound: NDArray[Any]) -> bool:
    """Waveforms above silence, or spectrograms that are not constant."""
    return bool(np.abs(sound.astype(np.int32)).max(initial=0) >= SILENT) if sound.ndim == 1 else bool(np.ptp(sound) > 0)


def _is_flat(box: Any) -> bool:
    left, top, right, bottom = box.xyxy
    inside = left >= 0 and top >= 0 and right <= 1 + 1e-6 and bottom <= 1 + 1e-6
    return not (right > left and bottom > top and inside)


def as_meant(content: Content, row: Mapping[str, Any], name: str) -> Content:
    """Without problems that are intended in composed clips: sharing a picture with others of the scene, or silence."""
    silent = any(one["clip"] == name and one["sound"] == "silence" for one in heard_of(row))
    return replace(content, still=content.still and "scene" not in row, loud=content.loud or silent)


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool(np.abs(one.astype(np.int16) - other).max(initial=0) <= STILL)


def across(splits: dict[str, dict[bytes, str]]) -> dict[str, list[str]]:
    """ "A, B" -> the clips of B whose content is also in A."""
    found = {}
    for one, other in combinations(splits, 2):
        both = [name for digest, name in splits[other].items() if digest in splits[one]]
        if both:
            found[f"{one}, {other}"] = both
    return found
