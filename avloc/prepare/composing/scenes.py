"""What happens in a scene of each kind: which objects, which of them sound, and which other sounds are heard.

Number and size of objects, their places, the level and the sounding place are drawn before any class or file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.random import Generator

from avloc.errors import DataError
from avloc.prepare.composing.dealing import Dealer
from avloc.prepare.composing.looking import HOP, Look, facts_of
from avloc.prepare.composing.mixing import draw_start
from avloc.prepare.composing.placing import Box, draw_layout, placed
from avloc.prepare.composing.sources import Source

Kind = Literal["whole", "solo", "pair", "duet", "mosaic", "interactive", "absent"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CLASSES_NEEDED = {"pair": 2, "duet": 2, "mosaic": 4, "interactive": 2, "absent": 2}
THINGS = 2  # silent things beside a source, at most
#: relative frequency of each kind of absent sound: a class that is not in view, a recording whose object is never in view,
#: white or tilted noise, silence
ABSENT = {"other": 10, "ambient": 5, "noise": 3, "silence": 3}
APART = 3.0  # dB, largest difference in level of two sounds
CELLS = ((0, 0), (1, 0), (0, 1), (1, 1))


@dataclass(frozen=True)
class Frame:
    """size: pixels. samples at rate Hz. area: smallest and largest share of the frame. level: dB."""

    size: int
    rate: int
    samples: int
    area: tuple[float, float]
    level: tuple[float, float]

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


class TooFew(DataError):
    """There are too few classes for this kind of scene."""


class Scenes:
    """Draws the recipes of one kind of scene in one part, one after the other."""

    def __init__(self, kind: Kind, frame: Frame, dealer: Dealer, roots: Mapping[str, Any]) -> None:
        self.kind, self.frame, self.dealer, self.roots = kind, frame, dealer, roots
        self.classes = dealer.names("pictures")
        self.things, self.noises = dealer.names("things"), dealer.names("noises")
        needed = CLASSES_NEEDED.get(kind, 1)
        if len(self.classes) < needed:
            raise TooFew(
                f"{dealer.part}:{kind}: needs {needed} classes, found {len(self.classes)}; remove it from --count, or "
                "add more classes"
            )
        self._turns: list[str] = []

    def draw(self, name: str, random: Generator) -> dict[str, Any]:
        """The recipe of a scene: its background, its objects with their boxes in pixels, and its sound. name: of the
        clip; for interactive scenes, the prefix before its classes.
        """
        level = float(random.uniform(*self.frame.level))
        scene: Callable[[Generator, float], dict[str, Any]] = getattr(self, f"_{self.kind}")
        found = scene(random, level)
        for number, heard in enumerate(found["heard"]):
            suffix = f"_{heard.pop('of')}" if self.kind == "interactive" else ""
            found["heard"][number] = {"clip": name + suffix, **heard}
        return found

    # kinds

    def _whole(self, random: Generator, level: float) -> dict[str, Any]:
        name = self._turn(random)
        source, _ = self.dealer.deal("pictures", name)
        size = self.frame.size
        return self._scene(random, [(name, source, (0, 0, size, size))], [self._own([name], level, random)])

    def _solo(self, random: Generator, level: float) -> dict[str, Any]:
        objects = self._with_things(random)
        own = next(name for name, _, _ in objects if name in self.classes)
        return self._scene(random, objects, [self._own([own], level, random)])

    def _pair(self, random: Generator, level: float) -> dict[str, Any]:
        sounding = int(random.integers(2))
        objects = self._two(random)
        return self._scene(random, objects, [self._own([objects[sounding][0]], level, random)])

    def _duet(self, random: Generator, level: float) -> dict[str, Any]:
        objects = self._two(random)
        return self._scene(random, objects, [self._own([name for name, _, _ in objects], level, random)])

    def _interactive(self, random: Generator, level: float) -> dict[str, Any]:
        objects = self._two(random)
        heard = [{"of": name, **self._own([name], level, random)} for name, _, _ in objects]
        return self._scene(random, objects, heard)

    def _mosaic(self, random: Generator, level: float) -> dict[str, Any]:
        cells = sorted(int(cell) for cell in random.permutation(len(CELLS))[:2])
        names = [str(name) for name in random.permutation(self.classes)[: len(CELLS)]]
        half = self.frame.size // 2
        objects = []
        for name, (column, row) in zip(names, CELLS, strict=True):
            box = (column * half, row * half, (column + 1) * half, (row + 1) * half)
            objects.append((name, self.dealer.deal("pictures", name)[0], box))
        return self._scene(random, objects, [self._own([names[cell] for cell in cells], level, random)])

    def _absent(self, random: Generator, level: float) -> dict[str, Any]:
        sort = self._absent_sort(random)
        seen, found = self._absent_objects(random)
        others = [name for name in self.dealer.names("sounds") if name not in seen]
        if sort == "other" and not others:
            sort = "noise"
        heard: dict[str, Any] = {"sound": sort, "level": round(level, 3), "parts": []}
        if sort == "noise":
            heard["noise"] = {"tilt": round(float(random.uniform(0, 2)), 3), "seed": int(random.integers(2**31))}
        elif sort == "other":
            heard["parts"] = [self._part("sounds", str(random.choice(others)), 0.0, random)]
        elif sort == "ambient":
            heard["parts"] = [self._part("noises", str(random.choice(self.noises)), 0.0, random)]
        return {**found, "heard": [heard]}

    # their parts

    def _absent_objects(self, random: Generator) -> tuple[set[str], dict[str, Any]]:
        """Draw the objects as in a solo or a pair, so that the picture does not reveal that none of them sounds."""
        objects = self._with_things(random) if random.random() < 0.5 else self._two(random)
        return {name for name, _, _ in objects}, self._scene(random, objects, [])

    def _absent_sort(self, random: Generator) -> str:
        weights = {sort: weight for sort, weight in ABSENT.items() if sort != "ambient" or self.noises}
        total = sum(weights.values())
        return str(random.choice(list(weights), p=[weight / total for weight in weights.values()]))

    def _with_things(self, random: Generator) -> list[tuple[str, Source, Box]]:
        """One object of a class and up to two silent things; their places are independent of which is which."""
        count = int(random.integers(THINGS + 1)) if self.things else 0
        layout = draw_layout(count + 1, self.frame.area, random)
        own = int(random.integers(count + 1))
        names = [self._turn(random) if place == own else str(random.choice(self.things)) for place in range(count + 1)]
        return self._stand(
            layout, [("pictures" if place == own else "things", name) for place, name in enumerate(names)]
        )

    def _two(self, random: Generator) -> list[tuple[str, Source, Box]]:
        """Two objects of two classes."""
        layout = draw_layout(2, self.frame.area, random)
        first = self._turn(random)
        second = str(random.choice([name for name in self.classes if name != first]))
        names = [first, second] if random.random() < 0.5 else [second, first]
        return self._stand(layout, [("pictures", name) for name in names])

    def _stand(self, layout: Any, wanted: list[tuple[str, str]]) -> list[tuple[str, Source, Box]]:
        dealt = [self.dealer.deal(what, name) for what, name in wanted]
        boxes = placed(layout, [look.aspect for _, look in dealt], self.frame.size)
        return [(name, source, box) for (_, name), (source, _), box in zip(wanted, dealt, boxes, strict=True)]

    def _turn(self, random: Generator) -> str:
        """Classes take turns, in rounds that are shuffled each time."""
        if not self._turns:
            self._turns = [str(name) for name in random.permutation(self.classes)]
        return self._turns.pop()

    def _own(self, names: list[str], level: float, random: Generator) -> dict[str, Any]:
        """The sounds of these classes."""
        apart = random.uniform(-APART, APART, len(names)) if len(names) > 1 else np.zeros(1)
        parts = [self._part("sounds", name, float(gain), random) for name, gain in zip(names, apart, strict=True)]
        return {"sound": "own", "level": round(level, 3), "parts": parts}

    def _part(self, what: str, name: str, gain: float, random: Generator) -> dict[str, Any]:
        draw = float(random.random())
        source, look = self.dealer.deal(what, name)
        return {"class": name, **facts_of(source, self.roots), "start": self._start(look, draw), "gain": round(gain, 3)}

    def _start(self, look: Look, draw: float) -> float:
        assert look.profile is not None
        length = look.samples / self.frame.rate
        return round(draw_start(look.profile, HOP, length, self.frame.seconds, draw), 4)

    def _scene(
        self, random: Generator, objects: list[tuple[str, Source, Box]], heard: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """If there are no pictures for it, the background is drawn, from its own seed; tiles that fill the frame cover it."""
        drawn = int(random.integers(2**31))
        background: dict[str, Any] = {"seed": drawn}
        if self.dealer.names("backgrounds") and self.kind not in ("whole", "mosaic"):
            background = facts_of(self.dealer.deal("backgrounds", "backgrounds")[0], self.roots)
        return {
            "background": background,
            "objects": [
                {"class": name, **facts_of(source, self.roots), "box": list(box)} for name, source, box in objects
            ],
            "heard": heard,
        }
