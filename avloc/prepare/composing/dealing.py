"""Deals sources in shuffled rounds, so that all are used equally often. Unusable sources are left out and named."""

import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avloc.errors import DataError
from avloc.prepare.composing.looking import Look, look_at
from avloc.prepare.composing.sources import Source
from avloc.prepare.composing.splitting import Parts
from avloc.prepare.media.container import MediaError

logger = logging.getLogger(__name__)


@dataclass
class Looks:
    """Opens each source once. bad: unusable sources, with the split that was being drawn."""

    roots: Mapping[str, Path]
    rate: int
    known: dict[Source, Look | None] = field(default_factory=dict)
    bad: dict[str, tuple[str, MediaError]] = field(default_factory=dict)

    def of(self, source: Source, split: str) -> Look | None:
        if source not in self.known:
            try:
                self.known[source] = look_at(source, self.roots, self.rate)
            except MediaError as error:
                self.known[source] = None
                self.bad.setdefault(source.file, (split, error))
        return self.known[source]


class Dealer:
    """The sources of the parts, dealt for one kind of scene, independently of the other kinds.

    least: the number of usable sources that each class needs in a part.
    """

    def __init__(self, pools: Mapping[str, Parts], looks: Looks, part: str, split: str, seed: int, least: int) -> None:
        self.pools, self.looks, self.part, self.split, self.least = pools, looks, part, split, least
        self.seed = seed
        self._rounds: dict[tuple[str, str], list[Source]] = {}
        self._numbers: dict[tuple[str, str], int] = {}

    def names(self, what: str) -> list[str]:
        """The names with sources of this sort in the part."""
        return sorted(name for name, own in self.pools[what][self.part].items() if own)

    def deal(self, what: str, name: str) -> tuple[Source, Look]:
        """The next source; DataError if too few are usable."""
        key = what, name
        while True:
            if not self._rounds.get(key):
                self._rounds[key] = self._shuffled(what, name)
            source = self._rounds[key].pop()
            look = self.looks.of(source, self.split)
            if look is not None:
                return source, look
            self._refuse_few(what, name)

    def _shuffled(self, what: str, name: str) -> list[Source]:
        own = self.pools[what][self.part].get(name, [])
        number = self._numbers[what, name] = self._numbers.get((what, name), -1) + 1
        text = f"{self.split}/{what}/{name}/{number}"
        order = np.random.default_rng([self.seed, zlib.crc32(text.encode())]).permutation(len(own))
        return [own[place] for place in order]

    def _refuse_few(self, what: str, name: str) -> None:
        own = self.pools[what][self.part][name]
        unusable = [source for source in own if source in self.looks.known and self.looks.known[source] is None]
        least = self.least if what in ("pictures", "sounds") else 1
        if len(own) - len(unusable) < least:
            file, (_, error) = next(item for item in self.looks.bad.items() if item[0] == unusable[0].file)
            raise DataError(
                f"{self.part}: {name} has {len(own) - len(unusable)} usable {what}, expected at least {least}; "
                f"{len(unusable)} are unusable, such as {file} ({error.reason})"
            )


def refuse_few(pools: Mapping[str, Parts], classes: Sequence[str], parts: Sequence[str], least: int) -> None:
    """DataError for a class with too few pictures or sounds in a composed part; the message lists all such classes."""
    short = [
        f"{name} has {count} {what} in {part}"
        for what in ("pictures", "sounds")
        for part in parts
        for name in classes
        if (count := len(pools[what][part].get(name, ()))) < least
    ]
    if short:
        more = f" (and {len(short) - 1} more such)" if len(short) > 1 else ""
        raise DataError(
            f"{short[0]}{more}; expected at least {least} of each class: add more, change --splits, leave the class out "
            "with --classes, or lower --min"
        )
