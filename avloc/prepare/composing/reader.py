"""Makes the clips of a scene from its recipe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Box, Clip, Mask
from avloc.prepare.composing.looking import hear, read_picture, source_of
from avloc.prepare.composing.masks import drawn_mask
from avloc.prepare.composing.mixing import cut_out, mixed, noise
from avloc.prepare.composing.mixing import levelled as at_level
from avloc.prepare.composing.rendering import filled, paste, resized
from avloc.prepare.composing.scenes import Frame
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.sound import to_int16
from avloc.prepare.parts.items import Item
from avloc.synthetic.backgrounds import draw_background

DRAWN = (256, 192)  # px, at which backgrounds are drawn


class Shown(NamedTuple):
    """An object of a scene. box: in [0, 1]. label: -1 for a silent thing. pixels: (size, size) bool of an object cut
    out by alpha or mask, None for a tile or a box only.
    """

    box: tuple[float, float, float, float]
    label: int
    pixels: NDArray[np.bool_] | None


@dataclass(frozen=True)
class SceneReader:
    """roots: folder of each role's files. classes: of the store. repeat: repeat short sounds instead of padding them.
    masks: also store the pixels of cut-outs.
    """

    roots: Mapping[str, Path]
    classes: tuple[str, ...]
    frame: Frame
    repeat: bool
    masks: bool = False

    @property
    def root(self) -> Path:
        """The folder of the pictures: the source of the store."""
        return self.roots["pictures"]

    def files(self, item: Item) -> list[str]:
        """The pictures of a scene, relative to `root`; they identify a source that was moved."""
        recipe = item.facts
        shown = [recipe.get("picture"), *recipe.get("objects", ())]
        named = [one["file"].partition(":") for one in shown if one and "file" in one]
        return [inside for role, _, inside in named if role == "pictures"]

    def read(self, item: Item) -> Iterator[Clip]:
        """One clip for each sound of the scene; its objects are the same in all."""
        recipe = item.facts
        if "unusable" in recipe:
            raise MediaError(item.path, *recipe["unusable"])
        picture, objects = self._picture(recipe)
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
                boxes=tuple(Box(one.box, 0, one.label, one.label in own) for one in objects),
                annotated=(True,),
                masks=tuple(
                    Mask(0, one.label, one.label in own, one.pixels)
                    for one in objects
                    if self.masks and one.pixels is not None
                ),
            )

    def _picture(self, recipe: Mapping[str, Any]) -> tuple[NDArray[np.uint8], list[Shown]]:
        """(size, size, 3), and its objects."""
        size = self.frame.size
        if "picture" in recipe:
            photograph = read_picture(source_of(recipe["picture"]), self.roots)
            canvas = resized(photograph.rgb, size, size)
            whole = photograph.rgb.shape[1], photograph.rgb.shape[0]
            return canvas, [
                Shown(self._shares(one["box"]), self._label(one["class"]), self._marked(one.get("mask"), whole))
                for one in recipe["objects"]
            ]
        background = recipe["background"]
        if "file" in background:
            canvas = filled(read_picture(source_of(background), self.roots), size)
        else:
            canvas = _drawn(background["seed"], size)
        canvas = np.ascontiguousarray(canvas)
        objects = []
        for one in recipe["objects"]:
            box, pixels = paste(canvas, read_picture(source_of(one), self.roots), tuple(one["box"]))
            objects.append(Shown(self._shares(box), self._label(one["class"]), pixels))
        return canvas, objects

    def _marked(self, mask: Any, whole: tuple[int, int]) -> NDArray[np.bool_] | None:
        """A segmentation of a photograph of that width and height, in the frame; None if it is unusable or vanishes
        when the photograph shrinks: then only its box is stored.
        """
        if mask is None or not self.masks:
            return None
        try:
            drawn = drawn_mask(mask, *whole)
        except (ValueError, TypeError, KeyError):
            return None
        pixels = resized(drawn, self.frame.size, self.frame.size) > 127
        return pixels if pixels.any() else None

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
