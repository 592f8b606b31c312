"""Makes the clips of a scene from its recipe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip
from avloc.prepare.composing.looking import hear, read_picture, source_of
from avloc.prepare.composing.mixing import cut_out, mixed, noise
from avloc.prepare.composing.mixing import levelled as at_level
from avloc.prepare.composing.rendering import filled, paste, resized
from avloc.prepare.composing.scenes import Frame
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.sound import to_int16
from avloc.prepare.parts.items import Item
from avloc.synthetic.backgrounds import draw_background

DRAWN = (256, 192)  # px, at which backgrounds are drawn


@dataclass(frozen=True)
class SceneReader:
    """roots: where each role's files lie. classes: of the store. repeat: short sounds, rather than padding them."""

    roots: Mapping[str, Path]
    classes: tuple[str, ...]
    frame: Frame
    repeat: bool

    @property
    def root(self) -> Path:
        """Where the pictures lie: the source of the store."""
        return self.roots["pictures"]

    def files(self, item: Item) -> list[str]:
        """The pictures of a scene below `root`, by which a source that was moved is known."""
        recipe = item.facts
        shown = [recipe.get("picture"), *recipe.get("objects", ())]
        named = [one["file"].partition(":") for one in shown if one and "file" in one]
        return [inside for role, _, inside in named if role == "pictures"]

    def read(self, item: Item) -> Iterator[Clip]:
        """A clip for each sound of the scene; its objects are the same in all."""
        recipe = item.facts
        if "unusable" in recipe:
            raise MediaError(item.path, *recipe["unusable"])
        picture, boxes = self._picture(recipe)
        for heard in recipe["heard"]:
            names = [part["class"] for part in heard["parts"]] if heard["sound"] == "own" else []
            own = tuple(sorted({self.classes.index(name) for name in names}))
            starts = [part["start"] for part in heard["parts"]]
            yield Clip(
                id=heard["clip"],
                video=item.id,
                split="",
                start=max(starts[0], 0.0) if len(starts) == 1 else 0.0,
                frames=picture[None],
                frame_keys=(heard["clip"],),
                waveform=self._sound(heard),
                labels=own,
                boxes=tuple(Box(box, 0, label, label in own) for box, label in boxes),
                annotated=(True,),
            )

    def _picture(self, recipe: Mapping[str, Any]) -> tuple[NDArray[np.uint8], list[tuple[Any, int]]]:
        """(size, size, 3), and of each object its box as shares of the frame and its label, -1 of a silent thing."""
        size = self.frame.size
        if "picture" in recipe:
            photograph = read_picture(source_of(recipe["picture"]), self.roots)
            canvas = resized(photograph.rgb, size, size)
            return canvas, [(self._shares(one["box"]), self._label(one["class"])) for one in recipe["objects"]]
        background = recipe["background"]
        if "file" in background:
            canvas = filled(read_picture(source_of(background), self.roots), size)
        else:
            canvas = _drawn(background["seed"], size)
        canvas = np.ascontiguousarray(canvas)
        boxes = []
        for one in recipe["objects"]:
            shown = paste(canvas, read_picture(source_of(one), self.roots), tuple(one["box"]))
            boxes.append((self._shares(shown), self._label(one["class"])))
        return canvas, boxes

    def _shares(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        left, top, right, bottom = (min(side / self.frame.size, 1.0) for side in box)
        return left, top, right, bottom

    def _label(self, name: str) -> int:
        return self.classes.index(name) if name in self.classes else -1

    def _sound(self, heard: Mapping[str, Any]) -> NDArray[np.int16]:
        samples, rate = self.frame.samples, self.frame.rate
        if heard["sound"] == "silence":
            return np.zeros(samples, np.int16)
        if "noise" in heard:
            wave = noise(samples, heard["noise"]["tilt"], np.random.default_rng(heard["noise"]["seed"]))
            return to_int16(at_level(wave, heard["level"]))
        waves = [
            cut_out(hear(part["file"], self.roots, rate), part["start"], samples, rate, self.repeat)
            for part in heard["parts"]
        ]
        return to_int16(mixed(waves, [part["gain"] for part in heard["parts"]], heard["level"]))


def _drawn(seed: int, size: int) -> NDArray[np.uint8]:
    width, height = DRAWN
    drawn = draw_background(width, height, np.random.default_rng(seed))
    return resized(drawn[:, (width - height) // 2 : (width + height) // 2], size, size)
