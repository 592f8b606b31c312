"""Reading a whole store to see what is wrong with it."""

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from avloc.data.digest import clip_digest, content_digest, item_digest
from avloc.data.pictures import decode_jpeg
from avloc.data.store import Store
from avloc.errors import DataError

SILENT = 33  # of 32767: a thousandth of full scale
STILL = 8  # of 255: a codec that refreshes a still picture changes it by less


@dataclass
class Found:
    """What is wrong with the clips of a split. silent, frozen, flat, hollow: ids of clips (hollow: with a mask that marks no
    pixel). doubles: pairs of ids. changed: ids of items whose content is not what their digest says. verified, bare: items
    that are, items without a digest. seen: content -> the first clip that has it.
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


@dataclass(frozen=True)
class _Content:
    digest: bytes
    loud: bool
    still: bool


class Checker:
    """Reads each item once, also where splits share it."""

    def __init__(self, store: Store) -> None:
        self.jpeg = store.settings["frames"] == "jpeg"
        self.known: dict[tuple[int, int], list[_Content]] = {}

    def split(self, part: Store) -> Found:
        found, boxes = Found(), part.boxes
        left, top, right, bottom = boxes.xyxy.T if len(boxes) else np.empty((4, 0))
        inside = (left >= 0) & (top >= 0) & (right <= 1 + 1e-6) & (bottom <= 1 + 1e-6)
        wrong = ~((right > left) & (bottom > top) & inside)
        found.flat += [part.ids[clip] for clip in np.unique(boxes.clip[wrong])]
        for row, clips in part.lines():
            place = row["shard"], row["row"]
            try:
                if place not in self.known:
                    self.known[place] = self._read(part, clips)
                told = [part.about(clip) for clip in clips]
            except (DataError, ValueError):  # bytes that are no picture any more
                found.changed.append(row["id"])
                continue
            contents = self.known[place]
            for clip, content in zip(told, contents, strict=True):
                _look(found, clip.id, content)
                if not all(mask.pixels.any() for mask in clip.masks):
                    found.hollow.append(clip.id)
            if "sha256" not in row:
                found.bare += 1
                continue
            digests = [clip_digest(content.digest, clip) for clip, content in zip(told, contents, strict=True)]
            if item_digest(digests) == row["sha256"]:
                found.verified += 1
            else:
                found.changed.append(row["id"])
        return found

    def _read(self, part: Store, clips: range) -> list[_Content]:
        """Clips of one frame are still where all of their video show the same; one such clip alone cannot be told."""
        contents, pictures = [], []
        for clip in clips:
            stored, sound = part.stored(clip)
            frames = [decode_jpeg(frame) if self.jpeg else frame for frame in stored]
            still = len(frames) > 1 and all(_same(frame, frames[0]) for frame in frames[1:])
            contents.append(_Content(content_digest(stored, sound), _loud(sound), still))
            pictures.append(frames[0])
        if part.frames_per_clip == 1 and len(clips) > 1 and all(_same(picture, pictures[0]) for picture in pictures):
            contents = [replace(content, still=True) for content in contents]
        return contents


def _loud(sound: np.ndarray) -> bool:
    """Waveforms that are no longer silent somewhere; spectrograms that are not one value throughout."""
    return bool(np.abs(sound.astype(np.int32)).max(initial=0) >= SILENT) if sound.ndim == 1 else bool(np.ptp(sound) > 0)


def _look(found: Found, name: str, content: _Content) -> None:
    if not content.loud:
        found.silent.append(name)
    if content.still:
        found.frozen.append(name)
    if content.digest in found.seen:
        found.doubles.append((found.seen[content.digest], name))
    found.seen.setdefault(content.digest, name)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one.astype(np.int16) - other).max(initial=0) <= STILL)


def across(splits: dict[str, dict[bytes, str]]) -> dict[str, list[str]]:
    """ "A, B" -> the clips of B whose content A holds too."""
    found = {}
    for one, other in combinations(splits, 2):
        both = [name for digest, name in splits[other].items() if digest in splits[one]]
        if both:
            found[f"{one}, {other}"] = both
    return found
