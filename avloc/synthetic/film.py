"""A planned video: its pictures, boxes and sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.synthetic.drawings import DISTRACTORS
from avloc.synthetic.mixing import record
from avloc.synthetic.plan import PlannedVideo
from avloc.synthetic.scenes import FRAMES, HEIGHT, SECONDS, WIDTH, Part, Scene, make_scene
from avloc.synthetic.sounds import Wave

DISTRACTOR_COUNTS = {"solo": (1, 2), "pair": (0, 1), "duet": (0, 1), "mosaic": (1, 2)}


@dataclass(frozen=True)
class Film:
    """The one scene of a video, or the four of a mosaic, row by row: each like a solo's, at half the size."""

    plan: PlannedVideo
    scenes: tuple[Scene, ...]

    def frame(self, index: int) -> NDArray[np.uint8]:
        """RGB uint8 (HEIGHT, WIDTH, 3)."""
        if len(self.scenes) == 1:
            return self.scenes[0].frame(index)
        half = (WIDTH // 2, HEIGHT // 2)
        cells = [cv2.resize(scene.frame(index), half, interpolation=cv2.INTER_AREA) for scene in self.scenes]
        return np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        return (self.frame(index) for index in range(FRAMES))

    def boxes(self, index: int) -> Iterator[tuple[Part, tuple[float, float, float, float]]]:
        """Each object with its box xyxy in [0, 1] of the frame."""
        side = 1 if len(self.scenes) == 1 else 2
        for cell, scene in enumerate(self.scenes):
            row, column = divmod(cell, side)
            for part, (x0, y0, x1, y1) in scene.boxes(index):
                left, right = (x0 / WIDTH + column) / side, (x1 / WIDTH + column) / side
                top, bottom = (y0 / HEIGHT + row) / side, (y1 / HEIGHT + row) / side
                yield part, (left, top, right, bottom)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for scene in self.scenes for part in scene.parts)

    def waveform(self) -> Wave:
        sources = [(part.name, part.melody) for part in self.parts if part.sounding]
        return record(sources, SECONDS, self.plan.rng("sound"))


def make_film(plan: PlannedVideo) -> Film:
    rng = plan.rng("picture")
    fewest, most = DISTRACTOR_COUNTS[plan.kind]
    groups = [list(plan.instruments)]
    if plan.kind == "mosaic":
        groups = [[plan.instruments[i]] for i in rng.permutation(len(plan.instruments))]
    scenes = []
    for group in groups:
        others = rng.choice(sorted(DISTRACTORS), rng.integers(fewest, most + 1), replace=False)
        members = group + [(str(name), False) for name in others]
        scenes.append(make_scene([name for name, _ in members], [sounding for _, sounding in members], rng))
    return Film(plan, tuple(scenes))
