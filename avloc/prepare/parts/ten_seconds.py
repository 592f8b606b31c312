"""Data sets of ten-second videos that are cut into seconds: AVE and AudioSet-instrument."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.errors import DataError
from avloc.prepare.parts.items import Listing
from avloc.prepare.parts.moments import Moments
from avloc.prepare.parts.recipe import Recipe
from avloc.prepare.parts.recordings import EachSecond

SECONDS = 10  # of a video


@dataclass(frozen=True)
class Cutting:
    """seconds: of a clip. fps: frames stored for each. at, pad: see `EachSecond`."""

    seconds: int
    fps: int
    at: float
    pad: bool

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 60 or not 0 <= self.at <= 1:
            raise DataError(
                f"fps is {self.fps} and at is {self.at}; expected 1 to 60 frames per second, and a position from 0 to 1"
            )
        if not 1 <= self.seconds <= SECONDS:
            raise DataError(f"seconds is {self.seconds}; expected whole seconds of a clip, 1 to {SECONDS}")

    def recipe(
        self, data: str, source: Path, classes: Sequence[str], listing: Listing, moments: Moments, **facts: Any
    ) -> Recipe:
        """facts: further settings of the store."""
        reader = EachSecond(source, moments, SECONDS // self.seconds, self.seconds, self.fps, self.at, self.pad)
        facts = {**facts, "at": self.at, "pad": self.pad}
        return Recipe(data, source, classes, listing, reader, moments, facts, reader.frames)
