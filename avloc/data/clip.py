"""Clip, Box and Mask: one stored moment and its annotation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """One object in one frame of a clip.

    xyxy: left, top, right, bottom, in [0, 1].
    frame: which of the clip's frames, from 0.
    label: index into the store's classes; -1 is an object of none of them.
    """

    xyxy: tuple[float, float, float, float]
    frame: int
    label: int
    sounding: bool


@dataclass(frozen=True, eq=False)
class Mask:
    """The pixels of one object in one frame of a clip.

    frame: which of the clip's frames, from 0.
    label: index into the store's classes; -1 is an object of none of them.
    pixels: (H, W) bool, as large as the store's frames.
    """

    frame: int
    label: int
    sounding: bool
    pixels: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Clip:
    """One moment of a video: F frames and S samples of sound.

    id: unique within a split.
    video: the video or, for composed clips, the group that shares sources; clips of one `video` are not independent.
    split: the list that names the video; empty until the clip is in a store.
    start: seconds from the first frame of the video.
    frames: (F, H, W, 3) uint8, RGB.
    frame_keys: F names of the frames in an annotation, empty if there is none.
    waveform: (S,) int16, mono.
    labels: indices into the store's classes: the classes that sound.
    annotated: F flags, whether the frame was annotated, even if nothing was found in it.
    spectrogram: (T, F) float32 instead of the waveform, which is then empty.
    masks: pixels of objects, in addition to their boxes; only in stores with masks.
    jpegs: the F frames as JPEG bytes, if a store of JPEG frames should keep these bytes instead of encoding again.
    """

    id: str
    video: str
    split: str
    start: float
    frames: NDArray[np.uint8]
    frame_keys: tuple[str, ...]
    waveform: NDArray[np.int16]
    labels: tuple[int, ...]
    boxes: tuple[Box, ...] = ()
    annotated: tuple[bool, ...] = ()
    spectrogram: NDArray[np.float32] | None = None
    masks: tuple[Mask, ...] = ()
    jpegs: tuple[NDArray[np.uint8], ...] = ()


@dataclass(frozen=True, eq=False)
class BoxTable:
    """The boxes of many clips, with one array per column, ordered by clip.

    clip: (M,) int64, position of the clip in its split. frame, label: (M,) int64. sounding: (M,) bool.
    xyxy: (M, 4) float32, in [0, 1].
    """

    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    label: NDArray[np.int64]
    sounding: NDArray[np.bool_]
    xyxy: NDArray[np.float32]

    @staticmethod
    def empty() -> "BoxTable":
        none = np.empty(0, np.int64)
        return BoxTable(none, none, none, np.empty(0, bool), np.empty((0, 4), np.float32))

    def __len__(self) -> int:
        return len(self.clip)

    def of_clip(self, index: int) -> tuple[Box, ...]:
        """The boxes of one clip."""
        rows = range(*np.searchsorted(self.clip, [index, index + 1]).tolist())
        return tuple(
            Box(tuple(self.xyxy[row].tolist()), int(self.frame[row]), int(self.label[row]), bool(self.sounding[row]))
            for row in rows
        )
