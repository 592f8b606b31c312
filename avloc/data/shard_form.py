"""The required form of a shard: shapes and types of its frames, sounds and columns.

n clips, m boxes: labels (n, C) bool; starts (n,) s; annotated (n, F) bool; ids, videos (n,) and keys (n, F) bytes;
boxes/clip (m,), the row, in order; boxes/frame, boxes/label (m,); boxes/sounding (m,) bool; boxes/xyxy (m, 4). In
stores with masks, also those of `avloc.data.masks`. Shards can have sources (k,) bytes, the files that were read; early
versions had none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.spectrograms import sound_form

#: kind of numpy's type, and the axes after the first: C classes, F frames
COLUMNS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "labels": ("b", ("C",)),
    "starts": ("f", ()),
    "annotated": ("b", ("F",)),
    "ids": ("S", ()),
    "videos": ("S", ()),
    "keys": ("S", ("F",)),
    "boxes/clip": ("iu", ()),
    "boxes/frame": ("iu", ()),
    "boxes/label": ("iu", ()),
    "boxes/sounding": ("b", ()),
    "boxes/xyxy": ("f", (4,)),
}
OF_MASKS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "masks/clip": ("iu", ()),
    "masks/frame": ("iu", ()),
    "masks/label": ("iu", ()),
    "masks/sounding": ("b", ()),
    "masks/end": ("iu", ()),
    "masks/bits": ("u", ()),
}
_ALL = {**COLUMNS, **OF_MASKS, "sources": ("S", ())}


@dataclass(frozen=True)
class Form:
    """frame: shape of the pixels of one. sound: shape of a clip's waveform or spectrogram, and its type. masked: whether
    clips have masks.
    """

    jpeg: bool
    frames: int
    frame: tuple[int, int, int]
    sound: tuple[int, ...]
    sound_type: str
    classes: int
    masked: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The required columns."""
        return (*COLUMNS, *(OF_MASKS if self.masked else ()))

    def axes(self, name: str) -> tuple[int, ...]:
        """The axes of a column after the first."""
        sizes = {"C": self.classes, "F": self.frames}
        return tuple(size if isinstance(size, int) else sizes[size] for size in _ALL[name][1])

    def refuse_column(self, name: str, shape: tuple[int, ...], kind: str, clips: int) -> None:
        """ValueError for a column with a wrong shape or type. kind: of numpy's type."""
        expected, axes = _ALL[name][0], self.axes(name)
        count = "m" if "/" in name or name == "sources" else clips
        if kind not in expected or shape[1:] != axes or not shape or (count == clips and shape[0] != clips):
            wanted = ", ".join(map(str, (count, *axes)))
            raise ValueError(f"{name} has the shape {shape} and type {kind!r}; expected ({wanted}) of {expected!r}")

    def refuse_sounds(self, shape: tuple[int, ...], kind: np.dtype) -> None:
        if shape[1:] != self.sound or kind != np.dtype(self.sound_type):
            wanted = ", ".join(map(str, self.sound))
            raise ValueError(f"sounds are {kind} {shape}, store.json expects {np.dtype(self.sound_type)} (n, {wanted})")

    def refuse_frame(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        """The frame, or ValueError."""
        if frame.shape != self.frame or frame.dtype != np.uint8:
            raise ValueError(f"a frame is {frame.dtype} {frame.shape}, store.json expects uint8 {self.frame}")
        return frame

    def refuse_values(self, name: str, values: NDArray[Any], clips: int) -> None:
        """ValueError for indices of frames, classes or clips that do not exist, and for times and boxes that are not finite."""
        limits = {"clip": (0, clips), "frame": (0, self.frames), "label": (-1, self.classes), "end": (0, 1 << 62)}
        what = name.partition("/")[2]
        if what in limits and len(values):
            low, high = limits[what]
            if values.min() < low or values.max() >= high:
                raise ValueError(f"{name} has {values.min()} to {values.max()}; expected {low} to {high - 1}")
            if what in ("clip", "end") and (np.diff(values.astype(np.int64)) < 0).any():
                raise ValueError(f"{name} is not in order")
        if name in ("starts", "boxes/xyxy") and not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity")


def form_of(settings: Mapping[str, Any]) -> Form:
    sound, kind = sound_form(settings)
    size = settings["size"]
    return Form(
        settings["frames"] == "jpeg",
        settings["frames_per_clip"],
        (size, size, 3),
        sound,
        kind,
        len(settings["classes"]),
        bool(settings.get("masks", False)),
    )
