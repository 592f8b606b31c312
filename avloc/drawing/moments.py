"""What is shown for one scored frame: the frame, its ground truth, the maps over it, and its sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.drawing.choose import Choice
from avloc.drawing.colours import Image
from avloc.drawing.pictures import value_range

VARIANTS = {
    "": "Heat map",
    "stage1": "Stage one's map",
    "wrong-sound": "With a wrong sound",
    "deaf": "Without sound",
}


@dataclass(frozen=True)
class Moment:
    """One frame and its sound. boxes: (n, 4) xyxy in [0, 1], labels: (n,), sounding: (n,).

    maps: variant ("" is the model's) -> (K, h, w). deaf: titles of the variants. assignment: (C, K) bool, which maps
    belong to which class, None if the maps have no classes. heard: indices of the sounding classes. waveform: (S,)
    int16, or the spectrogram (T, F) if the store has that instead.
    """

    choice: Choice
    clip: str
    frame: Image
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    sounding: NDArray[np.bool_]
    heard: tuple[int, ...]
    classes: tuple[str, ...]
    maps: Mapping[str, NDArray[np.float32]]
    assignment: NDArray[np.bool_] | None
    waveform: NDArray[Any]
    rate: int
    deaf: str = VARIANTS["deaf"]

    def names(self, numbers: Sequence[int]) -> str:
        return ", ".join(self.classes[number] for number in numbers) or "none"

    @property
    def silent(self) -> tuple[int, ...]:
        """Classes in view that do not sound."""
        found = {int(label) for label in self.labels[~self.sounding] if label >= 0}
        return tuple(sorted(found - set(self.heard)))


def frame_places(store: Store) -> dict[str, tuple[int, int]]:
    """The position of each frame of a split, (clip, frame), by its key and by ``<clip id>#<frame>``."""
    places: dict[str, tuple[int, int]] = {}
    for clip, (name, keys) in enumerate(zip(store.ids, store.frame_keys, strict=True)):
        for pick, key in enumerate(keys):
            places[f"{name}#{pick}"] = (clip, pick)
            if key:
                places[key] = (clip, pick)
    return places


def moments(
    store: Store,
    places: Mapping[str, tuple[int, int]],
    chosen: Sequence[Choice],
    maps: Mapping[str, Mapping[str, NDArray[np.float32]]],
    assignment: NDArray[np.bool_] | None,
    deaf: str = VARIANTS["deaf"],
) -> list[Moment]:
    """The chosen frames. places: see frame_places. maps: variant -> id -> (K, h, w)."""
    clips, picks = np.array([places[choice.id] for choice in chosen], np.int64).reshape(-1, 2).T
    frames, sounds, boxes = store.frames(clips, picks), store.sounds(clips), store.boxes
    found = []
    for number, (choice, clip, pick) in enumerate(zip(chosen, clips, picks, strict=True)):
        mine = (boxes.clip == clip) & (boxes.frame == pick)
        found.append(
            Moment(
                choice=choice,
                clip=store.ids[clip],
                frame=frames[number],
                boxes=boxes.xyxy[mine],
                labels=boxes.label[mine],
                sounding=boxes.sounding[mine],
                heard=tuple(np.flatnonzero(store.labels[clip]).tolist()),
                classes=store.classes,
                maps={variant: of_id[choice.id] for variant, of_id in maps.items()},
                assignment=assignment,
                waveform=sounds[number],
                rate=store.rate,
                deaf=deaf,
            )
        )
    return found


def class_maps(moment: Moment) -> NDArray[np.float32]:
    """(C, h, w): for each class, the maximum of its maps; a class without a map has the lowest value everywhere."""
    heats = moment.maps[""]
    assert moment.assignment is not None
    lowest = np.full(heats.shape[1:], value_range(heats)[0], np.float32)
    return np.stack([loudest(heats[row]) if row.any() else lowest for row in moment.assignment])


def loudest(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maximum of several maps (K, h, w) at each position, ignoring values that are not finite."""
    return np.where(np.isfinite(maps), maps, -np.inf).max(0)
