"""What the importers of published layouts share: one picture and one stretch of sound for each listed name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.annotations.files import id_list
from avloc.annotations.pickles import read_plain_pickle
from avloc.annotations.vggsounder import is_sounder
from avloc.config import words
from avloc.data.clip import Box, Clip
from avloc.data.pictures import decode_jpeg
from avloc.errors import DataError
from avloc.naming import first_double, some, utf8_name
from avloc.prepare.media.container import MediaError, refuse_unreadable
from avloc.prepare.media.sound import WHOLE
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Entry

AMBIGUOUS = "ambiguous name"  # the reason of an item whose name is that of several files


@dataclass(frozen=True)
class Moments:
    """How pictures and sounds become clips: `size` pixels, the middle `samples` at `rate` Hz.

    repeat: a sound that is too short is repeated, as the published loaders do; otherwise it is counted as too short.
    first: the first `samples`, not the middle ones. decoding: how files are decoded; with tail "pad" a sound that is too short
    ends with silence.
    """

    size: int
    rate: int
    samples: int
    repeat: bool = False
    first: bool = False
    decoding: Decoding = field(default_factory=Decoding)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    def clip(
        self, name: str, path: str, facts: Mapping[str, Any], picture: NDArray, sound: NDArray[np.int16] | None
    ) -> Clip:
        """A clip with the labels and boxes of `facts` (see `Marks.facts`). picture: (h, w, 3) uint8 RGB. sound: (n,), None
        where there is no waveform."""
        boxes = facts.get("boxes")
        return Clip(
            id=name,
            video=facts.get("video", name),
            split="",
            start=0.0 if sound is None else max(len(sound) // 2 - self.samples // 2, 0) / self.rate,
            frames=self.square(picture)[None],
            frame_keys=(name,),
            waveform=np.empty(0, np.int16) if sound is None else self.middle(path, sound),
            labels=tuple(sorted({*facts.get("labels", ()), *(label for *_, label in boxes or ())})),
            boxes=tuple(Box((x1, y1, x2, y2), 0, label, True) for x1, y1, x2, y2, label in boxes or ()),
            annotated=(boxes is not None,),
        )

    def square(self, picture: NDArray) -> NDArray[np.uint8]:
        """The aspect is not kept, as in the published preparations; where it shrinks, by areas."""
        if picture.shape[:2] == (self.size, self.size):
            return picture
        way = cv2.INTER_AREA if min(picture.shape[:2]) > self.size else cv2.INTER_CUBIC
        return cv2.resize(picture, (self.size, self.size), interpolation=way).astype(np.uint8, copy=False)

    def middle(self, path: str, sound: NDArray[np.int16]) -> NDArray[np.int16]:
        """The stretch of a sound that becomes a clip; MediaError where it is too short. WHOLE of it may be silence."""
        if not len(sound):
            raise MediaError(path, "no sound", "it has no samples")
        lacking = self.samples - len(sound)
        if lacking > 0 and self.repeat:
            sound = np.tile(sound, self.samples // len(sound) + 1)
        elif lacking > 0:
            if lacking > WHOLE * self.rate and self.decoding.tail != "pad":
                found, wanted = (f"{samples / self.rate:.3f} s" for samples in (len(sound), self.samples))
                raise MediaError(path, "sound too short", f"{found} of {wanted}; --short repeat repeats it")
            sound = np.pad(sound, (0, lacking))
        start = 0 if self.first else len(sound) // 2 - self.samples // 2
        return sound[start : start + self.samples]


def refuse_ambiguous(path: str, facts: Mapping[str, Any], key: str = "ambiguous") -> None:
    """MediaError where the facts name several files that could each be meant."""
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


def read_lists(lists: Sequence[str]) -> dict[str, tuple[Path, list[str]]]:
    """ "SPLIT=FILE" to the ids in each file, one a line or in the first column, or in a pickled list."""
    found: dict[str, tuple[Path, list[str]]] = {}
    for text in words(lists):
        split, equals, file = text.partition("=")
        if not (split and equals and file) or split in found or "/" in split:
            raise DataError(f"lists {text!r}: expected SPLIT=FILE, each split once")
        found[split] = Path(file), _pickled_ids(Path(file)) if file.endswith(".pkl") else id_list(Path(file))
        if not found[split][1]:
            raise DataError(f"{file}: no id in it; expected one a line")
    return found


def list_names(lists: Mapping[str, tuple[Path, list[str]]]) -> str:
    """The files of the lists in words; "" where there are none."""
    return some(utf8_name(file.name) for file, _ in lists.values())


def _pickled_ids(path: Path) -> list[str]:
    """A pickled list of ids, as DSOL has them of AudioSet-instrument."""
    found = read_plain_pickle(path)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise DataError(f"{path}: expected a list of ids; found {type(found).__name__}")
    double = first_double(found)
    if double is not None:
        raise DataError(f"{path}: id {double!r} stands there more than once")
    return found


def entries(path: Path, names: Sequence[str]) -> list[Entry]:
    if is_sounder(path):  # its lines are labels, not clips
        return [Entry(name, utf8_name(path.name)) for name in names]
    return [Entry(name, f"{utf8_name(path.name)}:{number}") for number, name in enumerate(names, 1)]
