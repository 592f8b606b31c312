"""Heat maps over time: a strip of frames for each video, with its sound below."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.drawing.panels import Picture, Row, panel
from avloc.drawing.pictures import heat_picture, value_range
from avloc.drawing.sound import sound_picture

COLUMNS, SIDE, GAP = 10, 160, 10  # pictures per strip, px of each, px between them
MARK = (255, 255, 255)


@dataclass(frozen=True)
class Stretch:
    """The stretch of a video that one frame of a clip represents, in seconds: its share of the clip's time."""

    clip: int
    pick: int
    start: float
    stop: float

    def __str__(self) -> str:
        return _times(self.start, self.stop)


def stretches_of(store: Store) -> list[Stretch]:
    """All frames, clip by clip."""
    part = store.seconds / store.frames_per_clip
    return [
        Stretch(clip, pick, float(start) + part * pick, float(start) + part * (pick + 1))
        for clip, start in enumerate(store.starts)
        for pick in range(store.frames_per_clip)
    ]


def strips(
    store: Store, maps: NDArray[np.float32], videos: int, title: str, classes: Sequence[str] | None = None
) -> bytes:
    """A row for each of the first `videos` videos: frames in order of time with their maps, and the sound, as PNG.

    maps: (M, K, h, w) of all frames, clip by clip. The maps of a video share one scale; of several maps, each position
    shows the maximum. Of many frames, ten are shown and marked in the sound. classes: the names of the maps.
    """
    stretches = stretches_of(store)
    rows = []
    for video in list(dict.fromkeys(store.videos))[:videos]:
        own = [n for n, stretch in enumerate(stretches) if store.videos[stretch.clip] == video]
        own.sort(key=lambda n: stretches[n].start)
        shown = [own[n] for n in np.unique(np.linspace(0, len(own) - 1, min(COLUMNS, len(own))).astype(int))]
        limits = value_range(np.stack([maps[n].max(0) for n in shown]))
        pictures = [_picture(store, stretches[n], maps[n], limits, classes) for n in shown]
        rows.append(Row(f"{video}: colours from {limits[0]:.3g} to {limits[1]:.3g}", pictures))
        marks = [stretches[n] for n in shown] if len(shown) < len(own) else []
        rows.append(Row("", [_sound(store, [stretches[n] for n in own], marks, len(pictures) * (SIDE + GAP) - GAP)]))
    return panel(title, rows)


def _picture(
    store: Store,
    stretch: Stretch,
    maps: NDArray[np.float32],
    limits: tuple[float, float],
    classes: Sequence[str] | None,
) -> Picture:
    frame = store.frames([stretch.clip], [stretch.pick])[0]
    highest = maps.max((1, 2))
    words = "nothing found" if np.isnan(highest).all() else f"highest {highest.max():.3g}"
    if classes is not None and len(classes) > 1:
        words += f", {classes[int(highest.argmax())]}"
    return Picture(str(stretch), heat_picture(frame, maps.max(0), limits, SIDE), words, f"{stretch}, {words}")


def _sound(store: Store, own: Sequence[Stretch], marks: Sequence[Stretch], width: int) -> Picture:
    """The sound of a video's clips, one after the other, with a line at each of `marks`."""
    clips = list(dict.fromkeys(stretch.clip for stretch in own))
    image = sound_picture(np.concatenate(list(store.sounds(clips))), store.rate, width)
    for stretch in marks:
        place = clips.index(stretch.clip) + (stretch.start - float(store.starts[stretch.clip])) / store.seconds
        image[:, min(int(place / len(clips) * width), width - 1)] = MARK
    first, last = own[0].start, own[-1].stop
    words = _times(first, last) + (", a line where a frame shown begins" if marks else "")
    return Picture("Sound", image, words, f"The sound, {words}")


def _times(start: float, stop: float) -> str:
    """To a hundredth of a second, as needed for four frames per second."""
    return f"{round(start, 2):g} to {round(stop, 2):g} s"
