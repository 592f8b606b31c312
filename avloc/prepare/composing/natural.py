"""Scenes that are unchanged photographs with their marked objects, as in VPO, for `--whole`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator

from avloc.errors import DataError
from avloc.prepare.composing.dealing import Dealer
from avloc.prepare.composing.looking import facts_of
from avloc.prepare.composing.scenes import Frame, Kind, Scenes, TooFew
from avloc.prepare.composing.sources import Found, Source, flat
from avloc.prepare.composing.splitting import Parts


@dataclass(frozen=True)
class Marked:
    """A photograph: (class or name of a thing, object) of everything marked in it, and the set of its classes."""

    objects: tuple[tuple[str, Source], ...]
    classes: tuple[str, ...]


class NaturalScenes(Scenes):
    """The kinds of `Scenes`, made from marked photographs; mosaics are still made of cut-out objects."""

    def __init__(
        self, kind: Kind, frame: Frame, dealer: Dealer, roots: Mapping[str, Any], photographs: Mapping[str, Marked]
    ) -> None:
        super().__init__(kind, frame, dealer, roots)
        self.photographs = photographs
        self.sort = {"solo": "one", "pair": "several", "duet": "several", "interactive": "several"}.get(kind, "any")
        if kind == "mosaic":
            return
        self.classes = [name for name in self.classes if f"{self.sort}/{name}" in dealer.names("photographs")]
        if not self.classes:
            what = {"one": "one class", "several": "two classes or more", "any": "any class"}[self.sort]
            raise TooFew(f"{dealer.part}:{kind}: no photograph has objects of {what}; remove it from --count")

    def _whole(self, random: Generator, level: float) -> dict[str, Any]:
        own, shown = self._photograph(random)
        return self._natural(shown, [self._own([own], level, random)])

    _solo = _whole
    _pair = _whole

    def _duet(self, random: Generator, level: float) -> dict[str, Any]:
        own, shown = self._photograph(random)
        both = sorted([own, self._other(own, shown, random)])
        return self._natural(shown, [self._own(both, level, random)])

    def _interactive(self, random: Generator, level: float) -> dict[str, Any]:
        own, shown = self._photograph(random)
        both = sorted([own, self._other(own, shown, random)])
        return self._natural(shown, [{"of": name, **self._own([name], level, random)} for name in both])

    def _absent_objects(self, random: Generator) -> tuple[set[str], dict[str, Any]]:
        _, shown = self._photograph(random)
        return set(self.photographs[shown.file].classes), self._natural(shown, [])

    def _photograph(self, random: Generator) -> tuple[str, Source]:
        """The class whose turn it is, with a photograph of it."""
        own = self._turn(random)
        return own, self.dealer.deal("photographs", f"{self.sort}/{own}")[0]

    def _other(self, own: str, shown: Source, random: Generator) -> str:
        return str(random.choice([name for name in self.photographs[shown.file].classes if name != own]))

    def _natural(self, shown: Source, heard: list[dict[str, Any]]) -> dict[str, Any]:
        """Boxes in pixels of the frame; all objects of a sounding class sound."""
        assert shown.size is not None
        scale = [self.frame.size / side for side in shown.size] * 2
        objects = []
        for name, one in self.photographs[shown.file].objects:
            assert one.crop is not None
            box = [round(side * by, 3) for side, by in zip(one.crop, scale, strict=True)]
            objects.append({"class": name, "box": box} | ({} if one.mask is None else {"mask": one.mask}))
        return {"picture": facts_of(shown, self.roots), "objects": objects, "heard": heard}


def marked_photographs(
    found: Found, of_class: Mapping[str, str], pools: Mapping[str, Parts]
) -> tuple[dict[str, Marked], Parts]:
    """All fully annotated photographs, and for each part the photographs that show a class: under "any/CLASS",
    "one/CLASS" if it is the only class, and "several/CLASS".

    of_class: the class of each name; other names are silent things.
    """
    objects: dict[str, list[tuple[str, Source]]] = {}
    for source in [*flat(found.by_name), *found.small]:
        if source.size is not None and source.file not in found.unclear:
            objects.setdefault(source.file, []).append((of_class.get(source.name, source.name), source))
    known = set(of_class.values())
    marked = {
        file: Marked(tuple(own), tuple(sorted({name for name, _ in own if name in known})))
        for file, own in sorted(objects.items())
    }
    if not marked:
        raise DataError("--whole: no picture has marked objects; use it with COCO, Pascal VOC or Open Images")
    parts: Parts = {part: {} for part in pools["pictures"]}
    for part, own in pools["pictures"].items():
        for file in dict.fromkeys(source.file for source in flat(own)):
            if file in marked:
                _sort(parts[part], file, marked[file])
    return marked, parts


def _sort(into: dict[str, list[Source]], file: str, photograph: Marked) -> None:
    size: Sequence[int] | None = photograph.objects[0][1].size
    assert size is not None
    source = Source(file, "", file, None, (size[0], size[1]))
    for name in photograph.classes:
        for sort in ("any", "one" if len(photograph.classes) == 1 else "several"):
            into.setdefault(f"{sort}/{name}", []).append(source)
