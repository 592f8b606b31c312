"""MUSIC-synthetic: four seconds of four different classes in a 2x2 mosaic, two of them heard.

Hu et al., NeurIPS 2020. Their generator is not in DTaoo/Discriminative-Sounding-Objects-Localization@7f40207, so cells,
gains and the choice of frames are our definition.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.naming import some
from avloc.prepare.media.sound import to_int16
from avloc.prepare.parts.items import Entry, Item, Listing

CELLS = 4


@dataclass(frozen=True)
class Pool:
    """The clips that mosaics of one split are made of.

    name: of the mosaics' split. source: the split of the source store. count: mosaics. training: gains vary and any
    clips can be combined; otherwise mosaics are made within groups that share no video, from frames with a sounding box
    if there are any.
    """

    name: str
    source: str
    count: int
    training: bool


def list_mosaics(store: Store, pools: Sequence[Pool], seed: int, jitter: float) -> Listing:
    """The recipes of all mosaics; each depends only on (seed, split, number).

    jitter: in training splits each sounding clip is scaled by a gain from U(1 - jitter, 1 + jitter).
    """
    items: dict[str, Item] = {}
    splits: dict[str, list[Entry]] = {}
    for pool in pools:
        splits[pool.name] = []
        for number, (video, recipe) in enumerate(_recipes(store, pool, seed, jitter)):
            name = f"{pool.name}_{number:06d}"
            items[name] = Item(name, pool.source, {"video": video or name, **recipe}, recipe)
            splits[pool.name].append(Entry(name))
    return Listing(items, splits)


def _recipes(store: Store, pool: Pool, seed: int, jitter: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """(group or "", recipe) of each mosaic."""
    part = store.split(pool.source)
    frames = _frames_by_video(part, pool)
    stream = zlib.crc32(pool.name.encode())
    groups = [frames] if pool.training else _groups(frames, np.random.default_rng([seed, stream]))
    for number in range(pool.count):
        random = np.random.default_rng([seed, stream, number])
        group = number % len(groups)
        recipe = _draw(part, groups[group], random, jitter if pool.training else 0.0)
        yield (
            "" if pool.training else f"{pool.name}_group_{group:04d}",
            {"drawn_from": pool.source, "seed": seed, **recipe},
        )


Videos = dict[int, dict[str, list[tuple[int, int]]]]  # class -> video -> (clip, frame)


def _frames_by_video(part: Store, pool: Pool) -> Videos:
    """The frames that can become a cell, of clips with one label."""
    allowed = np.ones((len(part), part.frames_per_clip), bool)
    if not pool.training and part.annotated.any():
        boxes = part.boxes
        allowed[:] = False
        allowed[boxes.clip[boxes.sounding], boxes.frame[boxes.sounding]] = True
    allowed &= part.labels.sum(1, keepdims=True) == 1
    frames: Videos = {}
    for clip, frame in zip(*np.nonzero(allowed), strict=True):
        label = int(part.labels[clip].argmax())
        frames.setdefault(label, {}).setdefault(part.videos[clip], []).append((int(clip), int(frame)))
    if len(frames) < CELLS:
        counts = some((f"{part.classes[label]} {len(videos)}" for label, videos in sorted(frames.items())), 8) or "none"
        raise DataError(
            f"{part.path}: split {pool.source!r} has videos of {len(frames)} classes to make mosaics of ({counts}), "
            f"expected at least {CELLS}; choose another pool for {pool.name!r}"
        )
    return frames


def _groups(frames: Videos, random: np.random.Generator) -> list[Videos]:
    """As many groups as possible, without common videos, each with at least four classes."""
    left = {label: list(random.permutation(sorted(videos))) for label, videos in sorted(frames.items())}
    chosen: list[list[tuple[int, str]]] = []
    while sum(bool(videos) for videos in left.values()) >= CELLS:
        # always take the classes with most videos left: no other order gives more groups
        labels = sorted(left, key=lambda label: (-len(left[label]), label))[:CELLS]
        chosen.append([(label, left[label].pop()) for label in labels])
    over = [(label, video) for label, videos in left.items() for video in videos]
    for n, member in enumerate(over):
        chosen[n % len(chosen)].append(member)
    groups: list[Videos] = []
    for members in chosen:
        group: Videos = {}
        for label, video in members:
            group.setdefault(label, {})[str(video)] = frames[label][str(video)]
        groups.append(group)
    return groups


def _draw(part: Store, frames: Videos, random: np.random.Generator, jitter: float) -> dict[str, Any]:
    labels = [int(label) for label in random.permutation(sorted(frames))[:CELLS]]
    picks = []
    for label in labels:
        videos = sorted(frames[label])
        choices = frames[label][videos[random.integers(len(videos))]]
        picks.append(choices[random.integers(len(choices))])
    sounding = sorted(int(cell) for cell in random.permutation(CELLS)[:2])
    gains = [round(float(gain), 6) for gain in random.uniform(1 - jitter, 1 + jitter, 2)]
    return {
        "tiles": [part.ids[clip] for clip, _ in picks],
        "frames": [frame for _, frame in picks],
        "classes": [part.classes[label] for label in labels],
        "sounding": sounding,
        "gains": gains,
    }


class MosaicReader:
    """Composes mosaics of size x size pixels; every cell is half as wide and half as high."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self._parts: dict[str, tuple[Store, dict[str, int]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "size": self.size, "_parts": {}}

    def read(self, item: Item) -> Iterator[Clip]:
        recipe = item.facts
        part, places = self._part(recipe["drawn_from"])
        clips = [places[clip] for clip in recipe["tiles"]]
        cells = part.frames(clips, recipe["frames"])
        sounds = part.sounds([clips[cell] for cell in recipe["sounding"]]) / 32767.0
        boxes = [
            box
            for cell, (clip, frame) in enumerate(zip(clips, recipe["frames"], strict=True))
            for box in _cell_boxes(part, clip, frame, cell, cell in recipe["sounding"])
        ]
        yield Clip(
            id=item.id,
            video=recipe["video"],
            split="",
            start=0.0,
            frames=_tile(cells, self.size)[None],
            frame_keys=(item.id,),
            waveform=to_int16(np.array(recipe["gains"]) @ sounds / len(sounds)),
            labels=tuple(sorted(part.classes.index(recipe["classes"][cell]) for cell in recipe["sounding"])),
            boxes=tuple(boxes),
            annotated=(all(part.annotated[clips[cell], recipe["frames"][cell]] for cell in recipe["sounding"]),),
        )

    def _part(self, split: str) -> tuple[Store, dict[str, int]]:
        if split not in self._parts:
            part = Store.open(self.path).split(split)
            self._parts[split] = part, {name: place for place, name in enumerate(part.ids)}
        return self._parts[split]


def _tile(cells: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(4, H, W, 3), row-major, to (size, size, 3)."""
    half = size // 2
    shrinking = half < cells.shape[1]
    cells = np.stack(
        [
            cv2.resize(cell, (half, half), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
            for cell in cells
        ]
    )
    return cells.reshape(2, 2, half, half, 3).transpose(0, 2, 1, 3, 4).reshape(size, size, 3)


def _cell_boxes(part: Store, clip: int, frame: int, cell: int, heard: bool) -> Iterator[Box]:
    """The boxes of a cell, in the mosaic; in a cell without sound nothing sounds."""
    table = part.boxes
    row, column = divmod(cell, 2)
    first, last = np.searchsorted(table.clip, [clip, clip + 1])
    for m in range(first, last):
        if table.frame[m] == frame:
            x1, y1, x2, y2 = (float(v) for v in (table.xyxy[m] + [column, row, column, row]) / 2)
            yield Box((x1, y1, x2, y2), 0, int(table.label[m]), heard and bool(table.sounding[m]))


def shared_videos(store: Store, pools: Sequence[Pool]) -> Mapping[tuple[str, str], int]:
    """Log how many videos two pools have in common, if any."""
    videos = {pool.name: set(store.split(pool.source).videos) for pool in pools}
    names = list(videos)
    pairs = [(a, b) for n, a in enumerate(names) for b in names[n + 1 :]]
    return {(a, b): len(videos[a] & videos[b]) for a, b in pairs if videos[a] & videos[b]}
