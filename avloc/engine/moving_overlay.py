"""The overlay of a whole video: every picture with the map of its time, written as it is decoded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import Image
from avloc.drawing.film_writer import FilmWriter
from avloc.drawing.overlay import Overlay, Tag
from avloc.drawing.sound_strip import SoundStrip
from avloc.engine.found_boxes import FoundBox
from avloc.engine.stills import Stills
from avloc.engine.windows import Moment
from avloc.prepare.streams.loudness import Loudness, Span
from avloc.prepare.streams.source import Source

WEAK = 0.25  # of the scale of a video; peaks below it are not marked
SURE = 99.0  # percentile of the peaks of a video that is the top of its scale


@dataclass
class Scale:
    """The colour scale of a whole video: 0 at the typical value of its maps, 1 near the highest ones."""

    middles: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    def add(self, moment: Moment) -> None:
        if moment.shown:
            self.middles.append(float(np.median(moment.heat)))
            self.peaks.append(float(moment.heat.max()))

    @property
    def limits(self) -> tuple[float, float]:
        """(0, 1) if nothing was heard."""
        if not self.peaks:
            return 0.0, 1.0
        low, high = float(np.median(self.middles)), float(np.percentile(self.peaks, SURE))
        return low, max(high, low + 1e-6)

    def strong(self, boxes: Sequence[FoundBox]) -> tuple[FoundBox, ...]:
        """The boxes that are marked: without weak ones, and without silent ones if nothing sounds."""
        low, high = self.limits
        least = low + WEAK * (high - low)
        return tuple(box for box in boxes if not box.sounding or box.score >= least)


@dataclass(frozen=True)
class Drawn:
    """What is drawn at one time. heat: (h, w) in [0, 1], None if nothing sounds."""

    heat: NDArray[np.float32] | None
    tags: tuple[Tag, ...]


class Between:
    """Interpolates maps and boxes between two moments; times must rise."""

    def __init__(self, moments: Iterator[Moment], scale: Scale, quiet: Sequence[Span]) -> None:
        self._moments, self._scale, self._quiet = moments, scale, list(quiet)
        self._before: Moment | None = None
        self._after = next(moments, None)

    def at(self, time: float) -> Drawn:
        while self._after is not None and self._after.time <= time:
            self._before, self._after = self._after, next(self._moments, None)
        while self._quiet and self._quiet[0][1] <= time:
            self._quiet.pop(0)
        known = [one for one in (self._before, self._after) if one is not None and one.shown]
        silent = bool(self._quiet) and self._quiet[0][0] <= time
        if silent or not known or (self._before is not None and self._before.sounding is False):
            return Drawn(None, ())
        low, high = self._scale.limits
        share = 0.0
        if len(known) == 2:
            share = (time - known[0].time) / (known[1].time - known[0].time)
        heat = known[0].heat if not share else (1 - share) * known[0].heat + share * known[-1].heat
        nearest = known[-1] if share > 0.5 else known[0]
        other = known[0] if share > 0.5 else known[-1]
        weight = min(share, 1 - share)
        tags = [_tag(box, other, weight) for box in self._scale.strong(nearest.boxes)]
        return Drawn(((heat - low) / (high - low)).clip(0, 1).astype(np.float32), tuple(tags))


def _tag(box: FoundBox, other: Moment, weight: float) -> Tag:
    """The box, moved towards the same object in the other moment: one with the same name that overlaps."""
    edges = np.asarray(box.box)
    for one in other.boxes if weight else ():
        if one.name == box.name and one.sounding == box.sounding and _overlap(one.box, box.box):
            edges = (1 - weight) * edges + weight * np.asarray(one.box)
            break
    words = "" if box.name is None else f"{box.name} {box.score:.2f}" if box.sounding else f"{box.name}, silent"
    left, top, right, bottom = (float(edge) for edge in edges)
    return Tag((left, top, right, bottom), words, box.sounding)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def write_overlay(
    path: Path,
    source: Source,
    between: Between,
    overlay: Overlay,
    loudness: Loudness,
    quiet: Sequence[Span],
    waveform: tuple[NDArray[np.float32], int] | None = None,
    stills: Stills | None = None,
    tell: Callable[[float], None] | None = None,
) -> "Written":
    """The video of a source with its maps, as MP4 at `path`, a temporary name that the caller changes.

    waveform: the sound of a source of arrays. stills: receive the picture on display at each of their times, with the map
    of that time. tell: called with the time (s) of each picture when it is written.
    """
    strip = SoundStrip(loudness.outline, quiet, source.seconds, source.size)

    def drawn(image: Image, time: float) -> Image:
        shown = between.at(time)
        image = overlay(image, shown.heat, shown.tags)
        return image if overlay.view == "none" else strip(image, time)

    count = broken = 0
    film = source.film if source.has_sound else None
    with FilmWriter(path, source.size, source.frame_rate, source.aspect, source.tags, film, waveform) as writer:
        for picture in source.pictures():
            writer.write(drawn(picture.image, picture.start), picture.start, picture.stop)
            count += 1
            broken += picture.broken
            if stills is not None:
                for time in stills.due(picture.stop):
                    stills.keep(drawn(picture.image, max(time, picture.start)), time)
            if tell is not None:
                tell(picture.start)
        return Written(count, broken, writer.copied)


@dataclass(frozen=True)
class Written:
    """pictures: how many were written, broken: how many of them depend on pictures that could not be decoded. copied:
    the sound was copied, not encoded again.
    """

    pictures: int
    broken: int
    copied: bool
