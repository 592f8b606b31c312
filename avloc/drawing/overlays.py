"""What is drawn over the frame of a moment: ground truth, heat maps, maps of classes; as complete pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import Colour, Image, class_colours
from avloc.drawing.moments import VARIANTS, Moment, class_maps, loudest
from avloc.drawing.panels import Picture
from avloc.drawing.pictures import class_picture, heat_picture, scaled, truth_colours, value_range, with_boxes


@dataclass(frozen=True)
class Overlay:
    """One picture of a moment, not yet drawn.

    title, caption, alt: as of a Picture.
    heats: (n, h, w); none for the frame only, one in heat colours, or one for each of `hues`.
    limits: the values of the first and the last colour.
    objects: indices of the boxes that are outlined.
    tagged: whether the boxes have the names of their classes.
    """

    title: str
    caption: str
    alt: str
    heats: NDArray[np.float32] | None = None
    limits: tuple[float, float] = (0.0, 0.0)
    hues: tuple[Colour, ...] = ()
    objects: tuple[int, ...] = ()
    tagged: bool = False


def truth_overlays(moment: Moment) -> list[Overlay]:
    """The frame, and the frame with the boxes of its objects."""
    objects = f"sounding: {moment.names(moment.heard)}; silent: {moment.names(moment.silent)}"
    others = int((moment.labels < 0).sum())
    objects += f"; {others} without class" if others else ""
    everything = tuple(range(len(moment.boxes)))
    return [
        Overlay("Frame", "as it is stored", f"The frame {moment.choice.id}"),
        Overlay("Truth", objects, f"The frame with boxes of its objects: {objects}", objects=everything, tagged=True),
    ]


def map_overlays(moment: Moment) -> list[Overlay]:
    """The map of every variant, the model's first; of several maps, each position shows the maximum."""
    found = []
    for variant, usual in VARIANTS.items():
        if variant in moment.maps:
            title = moment.deaf if variant == "deaf" else usual
            heat = loudest(moment.maps[variant])
            words, limits = _range_words(heat), value_range(heat)
            shown = Overlay(title, words, f"{title} over the frame, {words}", heat[None], limits, (), _known(moment))
            found.append(shown)
    return found


def class_overlays(moment: Moment) -> list[Overlay]:
    """The maps of sounding classes, of silent classes in view, of the loudest other class, and all in one.

    They share one scale, so a class that the method does not hear stays dark. None if maps have no classes.
    """
    if moment.assignment is None:
        return []
    heats = class_maps(moment)
    limits = value_range(heats)
    asked = [(number, "sounding") for number in moment.heard] + [(number, "silent") for number in moment.silent]
    absent = [number for number in range(len(heats)) if number not in moment.heard + moment.silent]
    if absent:
        asked.append((max(absent, key=lambda number: value_range(heats[number])[1]), "highest of the others"))
    words = f"each position in the hue of its highest class; shared scale {limits[0]:.3g} to {limits[1]:.3g}"
    alt, hues = f"The maps of all classes in one, {words}", tuple(class_colours(len(heats)))
    found = [Overlay("All classes", words, alt, heats, limits, hues, _known(moment), tagged=True)]
    for number, what in asked:
        name, words = moment.classes[number], f"{what}; highest {value_range(heats[number])[1]:.3g}"
        own = tuple(np.flatnonzero(moment.labels == number).tolist())
        found.append(Overlay(name, words, f"Heat map of {name}, {words}", heats[number][None], limits, (), own))
    return found


def pictures(moment: Moment) -> list[Picture]:
    """Frame, ground truth and the map of every variant, drawn."""
    return [drawn(moment, overlay) for overlay in truth_overlays(moment) + map_overlays(moment)]


def class_pictures(moment: Moment) -> list[Picture]:
    return [drawn(moment, overlay) for overlay in class_overlays(moment)]


def drawn(moment: Moment, overlay: Overlay) -> Picture:
    image: Image
    if overlay.heats is None:
        image = scaled(moment.frame)
    elif overlay.hues:
        image = class_picture(moment.frame, overlay.heats, overlay.hues)
    else:
        image = heat_picture(moment.frame, overlay.heats[0], overlay.limits)
    if overlay.objects:
        kept = list(overlay.objects)
        colours = truth_colours(moment.labels[kept], moment.sounding[kept])
        names = tags(moment, overlay) if overlay.tagged else None
        image = with_boxes(image, moment.boxes[kept], colours, names, 3 if overlay.heats is None else 2)
    return Picture(overlay.title, image, overlay.caption, overlay.alt)


def tags(moment: Moment, overlay: Overlay) -> list[str]:
    """The names of an overlay's boxes, empty for objects without a class."""
    labels = moment.labels[list(overlay.objects)].tolist()
    return [moment.classes[label] if label >= 0 else "" for label in labels]


def _known(moment: Moment) -> tuple[int, ...]:
    """The objects with a class; the others would only clutter a map."""
    return tuple(np.flatnonzero(moment.labels >= 0).tolist())


def _range_words(heat: NDArray[np.float32]) -> str:
    low, high = value_range(heat)
    return f"colours from {low:.3g} to {high:.3g}" if high > low else f"{low:.3g} everywhere"
