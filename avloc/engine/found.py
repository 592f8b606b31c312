"""What a model found in one video or picture: heat maps over time, boxes, and silent intervals."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.drawing.overlay import Colours, Overlay, View
from avloc.engine.found_boxes import FoundBox
from avloc.engine.moving_overlay import Between, Scale, write_overlay
from avloc.engine.windows import Moment
from avloc.errors import AvlocError
from avloc.files import replacing, write_bytes
from avloc.naming import brief, printable
from avloc.prepare.streams.loudness import Loudness, Span
from avloc.prepare.streams.source import Source

PICTURES = 6  # pictures of `show`


class Shown:
    """A picture that notebooks display; `save` writes it as PNG."""

    def __init__(self, png: bytes) -> None:
        self.png = png

    def _repr_png_(self) -> bytes:
        return self.png

    def save(self, path: str | Path) -> None:
        write_bytes(Path(path), self.png)

    def __repr__(self) -> str:
        return f"Shown(PNG of {len(self.png)} bytes; .save('picture.png') writes it)"


@dataclass(repr=False)
class Found:
    """N heat maps of one video or picture.

    times: (N,) s. maps: (N, K, h, w), higher is louder, zeros where it is silent; K maps, named by `classes` if they have
    names. boxes: for each time those that stand out, most confident first. silent: (N,) bool, nothing is heard. sounding: (N,)
    bool, something is heard and, if the model is calibrated, it comes from something in view. levels: (N,) dBFS.
    quiet: the silent intervals (s). scale: the values of the maps at the ends of the colour scale.
    """

    name: str
    method: str
    seconds: float
    times: NDArray[np.float64]
    maps: NDArray[np.float32]
    boxes: list[tuple[FoundBox, ...]]
    silent: NDArray[np.bool_]
    sounding: NDArray[np.bool_]
    levels: NDArray[np.float64]
    quiet: list[Span]
    scale: tuple[float, float]
    classes: tuple[str, ...] | None
    calibrated: bool
    every: float
    _loudness: Loudness = field(repr=False)
    _open: Callable[[], AbstractContextManager[Source]] = field(repr=False)
    _moments: list[Moment] = field(repr=False)
    _waveform: tuple[NDArray[np.float32], int] | None = field(repr=False, default=None)

    def save(self, path: str | Path, view: View = "heat", colours: Colours = "inferno", opacity: float = 0.6) -> Path:
        """Write the video with its maps and its own sound as MP4; the file is complete or missing."""
        path = Path(path)
        if path.suffix.lower() != ".mp4":
            raise AvlocError(f"{path}: expected a name that ends in .mp4")
        overlay = overlay_of(view, colours, opacity)
        scale = self._scale()
        with self._open() as source:
            for read in (source.name, *(() if source.film is None else (str(source.film.path),))):
                if os.path.exists(read) and os.path.exists(path) and os.path.samefile(read, path):
                    raise AvlocError(f"{path} is the input itself; choose another name")
            between = Between(iter(self._moments), scale, self.quiet)
            with replacing(path) as temporary:
                write_overlay(temporary, source, between, overlay, self._loudness, self.quiet, self._waveform)
        return path

    def show(self, pictures: int = PICTURES, view: View = "heat") -> Shown:
        """Some pictures with their maps, in order of time, and the sound, for a notebook or `.save(...)`."""
        from avloc.drawing.panels import Picture, Row, panel

        picks = np.unique(np.linspace(0, len(self.times) - 1, min(max(pictures, 1), len(self.times))).astype(int))
        overlay, scale = overlay_of(view), self._scale()
        between = Between(iter(self._moments), scale, self.quiet)
        cells = []
        with self._open() as source:
            width, height = source.size
            small = 200 / max(width, height, 1)
            for pick, image in zip(picks.tolist(), images_at(source, self.times[picks].tolist()), strict=True):
                drawn = between.at(float(self.times[pick]))
                image = _resized(image, (max(round(width * small), 1), max(round(height * small), 1)))
                words = "silent" if self.silent[pick] else ", ".join(tag.words for tag in drawn.tags if tag.words)
                cells.append(Picture(f"{self.times[pick]:g} s", overlay(image, drawn.heat, drawn.tags), words, words))
        return Shown(panel(f"{brief(printable(self.name), 60)}, {self.method}", [Row("", cells)]))

    def _scale(self) -> Scale:
        scale = Scale()
        for moment in self._moments:
            scale.add(moment)
        return scale

    def __repr__(self) -> str:
        maps = "x".join(map(str, self.maps.shape[1:]))
        lines = [
            f"Found in {brief(printable(self.name), 80)} by {self.method}: {self.seconds:.1f} s, {len(self.times)} maps "
            f"of {maps}, one every {self.every:g} s"
        ]
        if self.classes is not None:
            lines.append(f"  classes: {brief(', '.join(self.classes), 100)}")
        silent = sum(stop - start for start, stop in self.quiet)
        if silent:
            lines.append(f"  silent: {silent:.1f} s")
        if self.calibrated:
            foreign = int((~self.silent & ~self.sounding).sum())
            lines.append(f"  not from something in view: {foreign} of {int((~self.silent).sum())} maps")
        best = max(
            ((box, time) for time, boxes in zip(self.times, self.boxes, strict=True) for box in boxes if box.sounding),
            key=lambda pair: pair[0].score,
            default=None,
        )
        if best is not None:
            box, time = best
            named = "" if box.name is None else f" ({box.name})"
            edges = ", ".join(f"{edge:.2f}" for edge in box.box)
            lines.append(f"  highest: {box.score:.3g}{named} at {time:g} s, box {edges}")
        return "\n".join(lines)


def overlay_of(view: str, colours: str = "inferno", opacity: float = 0.6) -> Overlay:
    """AvlocError for an unknown view, colours or opacity."""
    from typing import get_args

    for name, value, known in (("view", view, get_args(View)), ("colours", colours, get_args(Colours))):
        if value not in known:
            raise AvlocError(f"{name} is {value!r}; expected one of {', '.join(known)}")
    if not 0 <= opacity <= 1:
        raise AvlocError(f"opacity is {opacity:g}; expected a number from 0 to 1")
    return Overlay(view, colours, opacity)  # type: ignore[arg-type]


def images_at(source: Source, times: Sequence[float]) -> Any:
    """The pictures (H, W, 3) on display at rising times."""
    left = list(times)
    last = None
    for picture in source.pictures():
        while left and picture.start > left[0] + 1e-3 and last is not None:
            yield last
            left.pop(0)
        if not left:
            return
        last = picture.image
    for _ in left:
        yield last


def _resized(image: Any, size: tuple[int, int]) -> Any:
    import cv2

    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
