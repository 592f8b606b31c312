"""How one picture and one stretch of sound become a clip, shared by all data sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.data.pictures import decode_jpeg
from avloc.prepare.media.container import MediaError, refuse_unreadable
from avloc.prepare.media.sound import WHOLE
from avloc.prepare.parts.decoding import Decoding

AMBIGUOUS = "ambiguous name"  # the reason for an item whose name matches several files


@dataclass(frozen=True)
class Moments:
    """How pictures and sounds become clips: `size` pixels, the middle `samples` at `rate` Hz.

    short: for a sound that is too short, ``fail`` counts it as an error, ``repeat`` repeats it and takes the middle,
    and ``start`` repeats it from its start, as the loaders of EZ-VSL, SLAVC and FNAC do. first: use the first `samples`
    instead of the middle ones. decoding: how files are decoded; with tail "pad" a sound that is too short ends with
    silence.
    """

    size: int
    rate: int
    samples: int
    short: str = "fail"
    first: bool = False
    decoding: Decoding = field(default_factory=Decoding)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @property
    def repeats(self) -> bool:
        """Whether sounds that are too short are repeated."""
        return self.short != "fail"

    def clip(
        self, name: str, path: str, facts: Mapping[str, Any], picture: NDArray, sound: NDArray[np.int16] | None
    ) -> Clip:
        """A clip with the labels and boxes of `facts` (see `Marks.facts`). picture: (h, w, 3) uint8 RGB. sound: (n,),
        None if there is no waveform.
        """
        boxes = facts.get("boxes")
        every = [(row, True) for row in boxes or ()] + [(row, False) for row in facts.get("silent", ())]
        return Clip(
            id=name,
            video=facts.get("video", name),
            split="",
            start=0.0 if sound is None else max(len(sound) // 2 - self.samples // 2, 0) / self.rate,
            frames=self.square(picture)[None],
            frame_keys=(name,),
            waveform=np.empty(0, np.int16) if sound is None else self.middle(path, sound),
            labels=tuple(sorted({*facts.get("labels", ()), *(label for *_, label in boxes or () if label >= 0)})),
            boxes=tuple(Box((x1, y1, x2, y2), 0, label, sounds) for (x1, y1, x2, y2, label), sounds in every),
            annotated=(boxes is not None,),
        )

    def square(self, picture: NDArray) -> NDArray[np.uint8]:
        """The aspect ratio is not kept, as in the published preparations; shrinking averages areas."""
        if picture.shape[:2] == (self.size, self.size):
            return picture
        way = cv2.INTER_AREA if min(picture.shape[:2]) > self.size else cv2.INTER_CUBIC
        return cv2.resize(picture, (self.size, self.size), interpolation=way).astype(np.uint8, copy=False)

    def begin(self, samples: int) -> int:
        """The sample of a sound of this length at which its clip begins."""
        return 0 if self.first else max(samples // 2 - self.samples // 2, 0)

    def middle(self, path: str, sound: NDArray[np.int16]) -> NDArray[np.int16]:
        """The stretch of a sound that becomes a clip; MediaError if it is too short. Up to WHOLE of it may be silence."""
        if not len(sound):
            raise MediaError(path, "no sound", "it has no samples")
        lacking = self.samples - len(sound)
        first = self.first or (lacking > 0 and self.short == "start")
        if lacking > 0 and self.repeats:
            sound = np.tile(sound, self.samples // len(sound) + 1)
        elif lacking > 0:
            if lacking > WHOLE * self.rate and self.decoding.tail != "pad":
                found, wanted = (f"{samples / self.rate:.3f} s" for samples in (len(sound), self.samples))
                raise MediaError(path, "sound too short", f"{found} of {wanted}; use --short repeat to repeat it")
            sound = np.pad(sound, (0, lacking))
        start = 0 if first else len(sound) // 2 - self.samples // 2
        return sound[start : start + self.samples]


def refuse_ambiguous(path: str, facts: Mapping[str, Any], key: str = "ambiguous") -> None:
    """MediaError if the facts name several files that all match."""
    if key in facts:
        raise MediaError(path, AMBIGUOUS, " or ".join(facts[key]))


def read_picture(root: Path, name: str) -> NDArray[np.uint8]:
    """(h, w, 3) RGB."""
    path = root / name
    refuse_unreadable(path, "missing frame")
    try:
        return decode_jpeg(np.fromfile(path, np.uint8))
    except ValueError:
        raise MediaError(name, "not a picture") from None
