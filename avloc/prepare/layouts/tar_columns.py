"""Tar shards as arrays: the samples, the positions of their members, and their descriptions."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import BoxTable
from avloc.endings import SOUNDS, STILLS, VIDEOS
from avloc.errors import DataError
from avloc.files import file_size
from avloc.naming import counted, some
from avloc.prepare.layouts.sample_about import About
from avloc.prepare.layouts.shard_names import LAYOUT, find_shards, split_of, stem_of
from avloc.prepare.layouts.tar_samples import Found, first_of, parts_of, samples_of
from avloc.prepare.layouts.tar_shards import Place
from avloc.prepare.parts.marks import UNNAMED

log = logging.getLogger("avloc.data")
NOWHERE: Place = (-1, -1)


@dataclass(frozen=True)
class Columns:
    """N samples with a picture and a sound, in the order of their shards.

    root, shards: the files, relative to the root. sizes: bytes of each. told: dataset.json of an export, else empty.
    splits: names. split, shard, row: (N,) the split, the shard and the position in it of each sample.
    places: (N, F + 2, 2) offset and number of bytes of the F pictures, the video and the sound of each; -1 for none.
    ids, videos, keys: names, keys (N, F). starts: (N,) s. labels: (N, C) bool. annotated: (N, F) bool.
    """

    root: Path
    shards: tuple[str, ...]
    sizes: tuple[int, ...]
    told: dict[str, Any]
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    split: NDArray[np.int64]
    shard: NDArray[np.int64]
    row: NDArray[np.int64]
    places: NDArray[np.int64]
    ids: list[str]
    videos: list[str]
    keys: list[tuple[str, ...]]
    starts: NDArray[np.float64]
    labels: NDArray[np.bool_]
    annotated: NDArray[np.bool_]
    boxes: BoxTable

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the samples by names, annotation and sizes, independently of their folder and of the settings of
        sound.

        The bytes of pictures and sounds are not read.
        """
        table = self.boxes
        said = [self.told, self.classes, self.splits, self.ids, self.videos, self.keys]
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        arrays = (
            self.split, self.places[:, :, 1], self.starts, self.labels, self.annotated,
            table.clip, table.frame, table.label, table.sounding, table.xyxy,
        )  # fmt: skip
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


@dataclass(slots=True)
class _Row:
    """One sample. pictures, film, sound: positions of its bytes. about: from its JSON, without masks. classes, labels:
    all that it names, masks included, and those that sound. wrong: why it is unusable.
    """

    shard: int
    row: int
    split: str
    key: str
    id: str
    pictures: tuple[Place, ...]
    film: Place
    sound: Place
    about: About
    classes: set[str]
    labels: set[str]
    wrong: str


def read_columns(source: Path) -> Columns:
    """Lists a folder of shards, one shard, or a pattern of them, without reading pictures or sounds.

    Samples without a picture or a sound, or with a broken annotation, are left out, counted and named in the log.
    DataError for a shard that is missing, compressed, truncated or damaged: its contents are unknown.
    """
    root, shards, told = find_shards(source)
    splits = {name: split for split, own in told.get("splits", {}).items() for name in own["shards"]}
    rows: list[_Row] = []
    passed: Counter[str] = Counter()
    for number, shard in enumerate(shards):
        if not shard.lower().endswith(".tar"):
            raise DataError(
                f"{root / shard}: compressed, so single samples cannot be read; expected plain tar: decompress it, "
                "or use `avloc prepare import --layout webdataset`"
            )
        found = list(samples_of(root, shard, splits.get(shard) or split_of(shard), passed))
        if found and not found[-1].sample.key:  # stands for the part that could not be read
            raise DataError(
                f"{root / shard}: {found[-1].sample.wrong}; download the shard again, or use "
                "`avloc prepare import --layout webdataset`, which skips the missing samples"
            )
        rows += [_row(number, place, one) for place, one in enumerate(found)]
    for why, count in sorted(passed.items()):
        apart = counted(count, "member does", "members do")
        log.warning("%s: %s not belong to a sample: %s", source, apart, why)
    _name(rows, shards)
    frames = told.get("frames_per_clip") or _usual_frames(rows)
    return _columns(root, shards, told, _whole(source, rows, frames), frames)


def _row(shard: int, row: int, found: Found) -> _Row:
    parts = found.sample.parts
    pictures = tuple(parts[part] for _, part in parts_of(found.sample, STILLS))
    film, sound = (_place(first_of(found.sample, kind)) for kind in (VIDEOS, SOUNDS))
    about = found.about
    classes, labels = about.classes, about.sounding
    about.masks, about.notes = [], {}  # training needs neither, and they are long
    return _Row(
        shard, row, found.split, found.sample.key, about.id or "", pictures, film, sound, about, classes, labels,
        found.sample.wrong,
    )  # fmt: skip


def _place(member: list[Any] | None) -> Place:
    return NOWHERE if member is None else (member[1], member[2])


def _name(rows: list[_Row], shards: list[str]) -> None:
    """As in an import: keys if samples have no id, prefixed by the shard if keys occur in several shards."""
    keys = Counter(row.key for row in rows if not row.id)
    double = any(count > 1 for count in keys.values())
    for row in rows:
        row.id = row.id or (f"{stem_of(shards[row.shard])}/{row.key}" if double else row.key)


def _usual_frames(rows: list[_Row]) -> int:
    """The most frequent number of pictures per sample; of equally frequent ones, the smaller."""
    counts = Counter(len(row.pictures) for row in rows if not row.wrong)
    counts.pop(0, None)  # of videos, from which frames are taken
    return min(counts, key=lambda number: (-counts[number], number), default=1)


def _whole(source: Path, rows: list[_Row], frames: int) -> list[_Row]:
    """The usable ones."""
    kept: list[_Row] = []
    left: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for row in rows:
        why = row.wrong.partition(":")[0] or _lacks(row, frames)
        if not why and (row.split, row.id) in seen:
            why = "id twice"
        seen.add((row.split, row.id))
        if why:
            left.setdefault(why, []).append(row.id)
        else:
            kept.append(row)
    reasons = "; ".join(f"{why}: {some(ids, 5)}" for why, ids in left.items())
    count = sum(map(len, left.values()))
    if not kept:
        raise DataError(
            f"{source}: none of its {count} samples can be used ({reasons or 'it contains none'}); {LAYOUT}"
        )
    if left:
        log.warning("%s: %d of %d samples are left out: %s", source, count, len(rows), reasons)
    return kept


def _lacks(row: _Row, frames: int) -> str:
    """Why a sample is unusable; empty if it is usable."""
    if not row.pictures and row.film == NOWHERE:
        return "missing frame"
    if row.pictures and len(row.pictures) != frames:
        return "another number of frames"
    if row.sound == NOWHERE and row.film == NOWHERE:
        return "missing sound"
    about = row.about
    counts = [len(given) for given in (about.frame_keys, about.annotated) if given]
    wrong = any(box[1] >= frames for box in about.boxes) or any(count != frames for count in counts)
    return "broken annotation" if wrong else ""


def _columns(root: Path, shards: list[str], told: Mapping[str, Any], rows: list[_Row], frames: int) -> Columns:
    own = sorted({name for row in rows for name in row.classes})
    classes = tuple(dict.fromkeys((*told.get("classes", own), *own))) or UNNAMED
    number = {name: place for place, name in enumerate(classes)}
    splits = tuple(dict.fromkeys(row.split for row in rows))
    of_split = {name: place for place, name in enumerate(splits)}
    places = np.full((len(rows), frames + 2, 2), -1, np.int64)
    labels = np.zeros((len(rows), len(classes)), bool)
    annotated = np.zeros((len(rows), frames), bool)
    for n, row in enumerate(rows):
        places[n, : len(row.pictures)] = row.pictures or -1
        places[n, -2:] = row.film, row.sound
        labels[n, [number[name] for name in row.labels]] = True
        if row.about.annotated is not None:
            annotated[n] = row.about.annotated or True
    return Columns(
        root, tuple(shards), tuple(file_size(root / shard) or 0 for shard in shards), dict(told), classes, splits,
        np.array([of_split[row.split] for row in rows], np.int64), np.array([row.shard for row in rows], np.int64),
        np.array([row.row for row in rows], np.int64), places, [row.id for row in rows],
        [row.about.video or row.id for row in rows], [_keys(row, frames) for row in rows],
        np.array([row.about.start for row in rows], np.float64), labels, annotated, _boxes(rows, number),
    )  # fmt: skip


def _boxes(rows: list[_Row], number: Mapping[str, int]) -> BoxTable:
    """The boxes of all samples: clip, frame, class (-1 for none), whether it sounds, and the box."""
    clip, frame, label, sounding, xyxy = [], [], [], [], []
    for n, row in enumerate(rows):
        for box, of_frame, name, sounds in row.about.boxes:
            clip.append(n)
            frame.append(of_frame)
            label.append(-1 if name is None else number[name])
            sounding.append(sounds)
            xyxy.append(box)
    return BoxTable(
        np.array(clip, np.int64),
        np.array(frame, np.int64),
        np.array(label, np.int64),
        np.array(sounding, bool),
        np.array(xyxy, np.float32).reshape(-1, 4),
    )


def _keys(row: _Row, frames: int) -> tuple[str, ...]:
    return tuple(row.about.frame_keys or ([row.id] if frames == 1 else [""] * frames))
