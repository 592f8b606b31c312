"""One moving picture: positions and motion of its objects, and the exact boxes.

Position, size, motion and colours of an object are drawn independently of what it is and whether it sounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from avloc.synthetic.backgrounds import draw_background
from avloc.synthetic.melodies import Melody, pulse, random_melody
from avloc.synthetic.sprites import Xyxy, make_sprite, tight_box

WIDTH, HEIGHT, RATE, SECONDS = 256, 192, 10, 4
FRAMES = RATE * SECONDS
PAN = 12  # px of background outside each edge


@dataclass(frozen=True)
class Part:
    """One object of a scene. Paths have one row per frame; melody moves the object, and is heard if it sounds."""

    name: str
    sounding: bool
    melody: Melody
    sprite: NDArray[np.float32]
    centres: NDArray[np.float64]
    scales: NDArray[np.float64]
    angles: NDArray[np.float64]

    def layer(self, frame: int) -> tuple[NDArray, int, int]:
        """The part at a frame: premultiplied RGBA cropped to the picture, and the px of its corner (x, y)."""
        h, w = self.sprite.shape[:2]
        cos, sin = np.cos(self.angles[frame]) * self.scales[frame], np.sin(self.angles[frame]) * self.scales[frame]
        linear = np.array([[cos, -sin], [sin, cos]])
        reach = np.abs(linear) @ np.array([w, h]) / 2
        low = np.maximum(np.floor(self.centres[frame] - reach), 0).astype(int)
        high = np.minimum(np.ceil(self.centres[frame] + reach), (WIDTH, HEIGHT)).astype(int)
        shift = self.centres[frame] - 0.5 - low - linear @ np.array([(w - 1) / 2, (h - 1) / 2])
        size = np.maximum(high - low, 1)
        layer = cv2.warpAffine(self.sprite, np.column_stack([linear, shift]), (int(size[0]), int(size[1])))
        return layer, int(low[0]), int(low[1])


@dataclass(frozen=True)
class Scene:
    """A picture of FRAMES frames; parts are in drawing order, the last one in front."""

    parts: tuple[Part, ...]
    background: NDArray[np.uint8]
    pan: NDArray[np.int64]
    gain: float
    noise: NDArray[np.float32]
    noise_at: NDArray[np.int64]

    def frame(self, index: int) -> NDArray:
        """RGB uint8 (HEIGHT, WIDTH, 3), before any coding."""
        px, py = self.pan[index]
        picture = self.background[py : py + HEIGHT, px : px + WIDTH].astype(np.float32)
        for part in self.parts:
            layer, x, y = part.layer(index)
            place = picture[y : y + layer.shape[0], x : x + layer.shape[1]]
            # expanded to three colours first: broadcasting takes several times as long
            place *= cv2.cvtColor(1 - layer[..., 3], cv2.COLOR_GRAY2RGB)
            colour: NDArray[Any] = cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB)
            colour *= np.float32(255)
            place += colour
        nx, ny = self.noise_at[index]
        picture *= np.float32(self.gain)
        picture += cv2.cvtColor(self.noise[ny : ny + HEIGHT, nx : nx + WIDTH], cv2.COLOR_GRAY2RGB)
        return cv2.convertScaleAbs(np.maximum(picture, 0, out=picture))

    def boxes(self, index: int) -> Iterator[tuple[Part, Xyxy]]:
        """Each part with the tight box (px, end exclusive) of its own coverage > 0.5, ignoring what is in front of it."""
        for part in self.parts:
            layer, x, y = part.layer(index)
            x0, y0, x1, y1 = tight_box(layer[..., 3])
            if x1 > x0:
                yield part, (x0 + x, y0 + y, x1 + x, y1 + y)


def make_scene(names: Sequence[str], sounding: Sequence[bool], rng: Generator) -> Scene:
    order = rng.permutation(len(names))
    sizes = _box_sizes(len(names), rng)
    centres = _layout(sizes, rng)
    parts = []
    for place, which in enumerate(order):
        melody = random_melody(SECONDS, rng)
        width, height = sizes[place]
        sprite = make_sprite(names[which], int(width), int(height), rng.uniform(0.64, 0.74), rng)
        paths = _motion(centres[place], sizes[place], melody, rng)
        parts.append(Part(names[which], bool(sounding[which]), melody, sprite, *paths))
    noise = rng.standard_normal((HEIGHT + 64, WIDTH + 64), np.float32) * np.float32(rng.uniform(1, 5))
    return Scene(
        tuple(parts),
        draw_background(WIDTH + 2 * PAN, HEIGHT + 2 * PAN, rng),
        _pan(rng),
        rng.uniform(0.75, 1.2),
        noise,
        rng.integers(0, 64, (FRAMES, 2)),
    )


def _box_sizes(count: int, rng: Generator) -> NDArray[np.int64]:
    """(count, 2) width and height in px: log-uniform aspect ratio, uniform geometric mean, for any number of objects."""
    side = rng.uniform(0.4, 0.68, count) * HEIGHT
    stretch = np.exp(rng.uniform(-0.14, 0.14, count))
    return np.rint(np.column_stack([side * stretch, side / stretch])).astype(np.int64)


def _layout(sizes: NDArray, rng: Generator) -> NDArray[np.float64]:
    """Centres (count, 2) in px, no box more than 8 % outside: the first of 200 layouts with little overlap, or the best."""
    slack = 0.42 * sizes
    centres = rng.uniform(slack, np.array([WIDTH, HEIGHT]) - slack, (200, *sizes.shape))
    low, high = centres - sizes / 2, centres + sizes / 2
    areas = sizes.prod(1)
    worst = np.zeros(len(centres))
    for i in range(len(sizes)):
        for j in range(i):
            shared = np.clip(np.minimum(high[:, i], high[:, j]) - np.maximum(low[:, i], low[:, j]), 0, None).prod(1)
            worst = np.maximum(worst, shared / min(areas[i], areas[j]))
    good = worst < 0.12
    return centres[np.argmax(good) if good.any() else np.argmin(worst)]


def _motion(centre: NDArray, size: NDArray, melody: Melody, rng: Generator) -> tuple[NDArray, NDArray, NDArray]:
    """Centres (FRAMES, 2) px, scales and angles (rad): slow drift and sway, a hop and a swelling with every note."""
    t = np.arange(FRAMES) / RATE
    beat = pulse(melody, t)
    drift = rng.uniform(-5, 5, 2) * (t[:, None] / SECONDS - 0.5)
    sway = rng.uniform(0, 4, 2) * np.sin(2 * np.pi * (rng.uniform(0.1, 0.4, 2) * t[:, None] + rng.random(2)))
    hop = np.column_stack([np.zeros(FRAMES), -0.05 * size[1] * (beat - 0.4)])
    angles = np.deg2rad(rng.uniform(1, 6)) * np.sin(2 * np.pi * (rng.uniform(0.2, 0.6) * t + rng.random()))
    return centre + drift + sway + hop, 1 + 0.13 * (beat - 0.4), angles


def _pan(rng: Generator) -> NDArray[np.int64]:
    """The background's offset (FRAMES, 2) px within its margin."""
    ends = rng.uniform(0, 2 * PAN, (2, 2))
    return np.rint(ends[0] + np.linspace(0, 1, FRAMES)[:, None] * (ends[1] - ends[0])).astype(np.int64)
