"""HDF5 files of coarse-to-fine (Qian et al., ECCV 2020): Video.h5, Spec.h5, and optionally Roi.h5, labels_a.npy,
labels_v.npy.

Frames: dataset ``video``, uint8 (N, 256, 256, 3) RGB. Sounds: ``audio``, float32 (N, T, 64), the natural logarithm of
mel powers of 22,050 Hz. AVE has an axis of ten seconds after N; each second becomes a clip. The padding at the ends of
a sound depends on the version of librosa that wrote it, which is not recorded: the first and last of T may differ from
those that a view computes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth
from avloc.data.clip import Clip
from avloc.data.spectrograms import Spectrograms
from avloc.errors import DataError
from avloc.prepare.layouts.hdf5_rows import read_row, shape_of
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.id_lists import entries
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import Marks
from avloc.prepare.parts.moments import Moments

RATE, HOP, BANDS, SIDE = 22_050, 441, 64, 256
LAYOUT = "expected Video.h5 with video (N, 256, 256, 3) and Spec.h5 with audio (N, T, 64)"
_KNOWN = {
    "rate": RATE, "n_fft": 882, "hop": HOP, "mels": BANDS, "fmin": 0.0, "fmax": None, "power": 2.0, "decibels": False,
    "offset": 2.220446e-16, "peak": False,
}  # fmt: skip


@dataclass(frozen=True)
class Held:
    """rows: N. seconds: clips per row, 0 if the files have no such axis. times: T."""

    rows: int
    seconds: int
    times: int

    @property
    def spectrograms(self) -> Spectrograms:
        return Spectrograms(self.times, BANDS, "LogMel", _KNOWN)

    @property
    def length(self) -> float:
        """Seconds of a clip: T = 1 + its samples / hop, rounded down."""
        return (self.times - 1) * HOP / RATE


def list_coarse_to_fine(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None
) -> tuple[tuple[str, ...], Listing, Held]:
    """The rows as items: a list with a name for each row makes one split; else rows are numbered in the split "all"."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; {LAYOUT}")
    held = _held(root)
    if len(lists) > 1:
        raise DataError(f"{root}: its files are a single split; give one --lists SPLIT=FILE with all of its ids")
    split, (file, names) = (
        next(iter(lists.items())) if lists else ("all", (root, [f"{n:06d}" for n in range(held.rows)]))
    )
    if len(names) != held.rows:
        raise DataError(f"{root}: {held.rows} rows, but {file} lists {len(names)} clips; expected one for each row")
    listed = entries(file, names) if lists else [Entry(name, f"Video.h5:{row}") for row, name in enumerate(names)]
    clips = [Entry(f"{name}/{second}") for name in names for second in range(held.seconds)] or listed
    marks = Marks(truth, {split: clips})
    items = {}
    for row, name in enumerate(names):
        facts = {"row": row, "seconds": held.seconds, **marks.facts(name)}
        own = {str(second): marks.facts(f"{name}/{second}") for second in range(held.seconds)}
        if any(each["boxes"] is not None for each in own.values()):
            facts["of_seconds"] = {second: each["boxes"] for second, each in own.items()}
        if quiet := {second: each["silent"] for second, each in own.items() if "silent" in each}:
            facts["silent_of_seconds"] = quiet
        items[name] = Item(name, f"Video.h5:{row}", facts, marks.notes(name))
    return marks.classes, Listing(items, {split: listed}, marks.joins), held


def _held(root: Path) -> Held:
    seen, heard = _shape(root / "Video.h5", "video"), _shape(root / "Spec.h5", "audio")
    if seen[-3:] != (SIDE, SIDE, 3) or len(seen) not in (4, 5):
        raise DataError(f"{root / 'Video.h5'}: video has the shape {seen}; {LAYOUT}, or (N, 10, ...) of both")
    if heard[-1] != BANDS or len(heard) != len(seen) - 1:
        raise DataError(
            f"{root / 'Spec.h5'}: audio has the shape {heard}, video {seen}; {LAYOUT}, or (N, 10, ...) of both"
        )
    if heard[:-2] != seen[:-3]:
        raise DataError(f"{root}: video has the shape {seen} and audio {heard}; expected a spectrogram for each frame")
    return Held(seen[0], seen[1] if len(seen) == 5 else 0, heard[-2])


def _shape(path: Path, name: str) -> tuple[int, ...]:
    if not path.is_file():
        raise DataError(f"{path}: missing; {LAYOUT}")
    return shape_of(path, name, f"of numbers (it holds {{}}); {LAYOUT}")


@dataclass(frozen=True)
class CoarseToFineReader:
    root: Path
    moments: Moments

    def files(self, item: Item) -> tuple[str, ...]:
        """The files that all items are read from."""
        return "Video.h5", "Spec.h5"

    def read(self, item: Item) -> Iterator[Clip]:
        row, seconds = item.facts["row"], item.facts["seconds"]
        pictures = read_row(self.root / "Video.h5", "video", row, item.path)
        levels = read_row(self.root / "Spec.h5", "audio", row, item.path)
        if not pictures.any() and not levels.any():
            raise MediaError(item.path, "empty row", "all zeros: files that ended early")
        if not seconds:
            yield self._clip(item, item.facts, pictures, levels)
        for second in range(seconds):
            own = {"boxes": item.facts.get("of_seconds", {}).get(str(second))}
            own["silent"] = item.facts.get("silent_of_seconds", {}).get(str(second), ())
            clip = self._clip(item, {**item.facts, **own}, pictures[second], levels[second])
            key = f"{item.id}/{second}"
            yield replace(clip, id=f"{item.id}/{second:03d}", frame_keys=(key,), start=float(second))

    def _clip(self, item: Item, facts: Mapping[str, Any], picture: NDArray[Any], levels: NDArray[Any]) -> Clip:
        clip = self.moments.clip(item.id, item.path, facts, picture.astype(np.uint8), None)
        return replace(clip, spectrogram=levels.astype(np.float32))
