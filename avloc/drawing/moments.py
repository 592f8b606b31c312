"""What is shown of one scored frame: the frame, its truth, the maps laid over it, and its sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.drawing.choose import Choice
from avloc.drawing.colours import Image, class_colours
from avloc.drawing.panels import Picture
from avloc.drawing.pictures import class_picture, heat_picture, scaled, truth_colours, value_range, with_boxes

VARIANTS = {
    "": "Heat map",
    "stage1": "Stage one's map",
    "wrong-sound": "With a wrong sound",
    "deaf": "Without sound",
}


@dataclass(frozen=True)
class Moment:
    """One frame and what was heard with it. boxes: (n, 4) xyxy in [0, 1], labels: (n,), sounding: (n,).

    maps: variant ("" is the model's) -> (K, h, w). deaf: what the variant of that name is called. assignment: (C, K) bool,
    which maps belong to which class, None where the maps have no classes. heard: the classes that sound, by number. waveform:
    (S,) int16, or the spectrogram (T, F) that the store has instead.
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
    """Where each frame of a split stands, (clip, frame), by its key and by ``<clip id>#<frame>``."""
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


def pictures(moment: Moment) -> list[Picture]:
    """Frame, truth, and the map of every variant that is there; of several maps a place shows its loudest."""
    colours = truth_colours(moment.labels, moment.sounding)
    truth = with_boxes(scaled(moment.frame), moment.boxes, colours, _tags(moment))
    objects = f"sounding: {moment.names(moment.heard)}; silent: {moment.names(moment.silent)}"
    others = int((moment.labels < 0).sum())
    objects += f"; {others} of no class" if others else ""
    shown = [
        Picture("Frame", scaled(moment.frame), "as it is stored", f"The frame {moment.choice.id}"),
        Picture("Truth", truth, objects, f"The frame with boxes of its objects: {objects}"),
    ]
    for variant, title in VARIANTS.items():
        if variant in moment.maps:
            title = moment.deaf if variant == "deaf" else title
            heat = _loudest(moment.maps[variant])
            image = _with_truth(moment, heat_picture(moment.frame, heat, value_range(heat)))
            shown.append(Picture(title, image, _range_words(heat), f"{title} over the frame, {_range_words(heat)}"))
    return shown


def class_pictures(moment: Moment) -> list[Picture]:
    """The maps of the classes that sound, of those in view and silent, of the loudest other one, and all in one.

    All of them share one scale, so a class that the method does not hear stays dark.
    """
    heats = class_maps(moment)
    limits = value_range(heats)
    asked = [(number, "sounding") for number in moment.heard] + [(number, "silent") for number in moment.silent]
    absent = [number for number in range(len(heats)) if number not in moment.heard + moment.silent]
    if absent:
        asked.append((max(absent, key=lambda number: value_range(heats[number])[1]), "loudest of the others"))
    colours = class_colours(len(heats))
    mixed = _with_truth(moment, class_picture(moment.frame, heats, colours), _tags(moment))
    words = f"each place in the hue of its loudest class; shared scale {limits[0]:.3g} to {limits[1]:.3g}"
    shown = [Picture("All classes", mixed, words, f"The maps of all classes in one, {words}")]
    for number, what in asked:
        image = _with_truth(moment, heat_picture(moment.frame, heats[number], limits), only=number)
        words = f"{what}; highest {value_range(heats[number])[1]:.3g}"
        shown.append(Picture(moment.classes[number], image, words, f"Heat map of {moment.classes[number]}, {words}"))
    return shown


def class_maps(moment: Moment) -> NDArray[np.float32]:
    """(C, h, w): of each class the loudest of its maps; a class without a map has the lowest value everywhere."""
    heats = moment.maps[""]
    assert moment.assignment is not None
    lowest = np.full(heats.shape[1:], value_range(heats)[0], np.float32)
    return np.stack([_loudest(heats[row]) if row.any() else lowest for row in moment.assignment])


def _loudest(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isfinite(maps), maps, -np.inf).max(0)


def _tags(moment: Moment) -> list[str]:
    return [moment.classes[label] if label >= 0 else "" for label in moment.labels]


def _with_truth(moment: Moment, image: Image, names: Sequence[str] | None = None, only: int | None = None) -> Image:
    """The boxes of objects that have a class, or of one class; the others would only clutter a map."""
    kept = np.flatnonzero(moment.labels >= 0 if only is None else moment.labels == only).tolist()
    colours = truth_colours(moment.labels[kept], moment.sounding[kept])
    return with_boxes(image, moment.boxes[kept], colours, None if names is None else [names[n] for n in kept], width=2)


def _range_words(heat: NDArray[np.float32]) -> str:
    low, high = value_range(heat)
    return f"colours from {low:.3g} to {high:.3g}" if high > low else f"{low:.3g} everywhere"
