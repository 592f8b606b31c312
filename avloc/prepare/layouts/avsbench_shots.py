"""Frames of AVSBench: which picture, mask and sound belong together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avloc.leftovers import Join
from avloc.prepare.layouts.avsbench_files import Found, Numbered, strange_pictures


@dataclass(frozen=True)
class Row:
    """A video of the csv: its folder, and the id of its n-th frame without n."""

    where: str
    split: str
    video: str
    frames: str
    masks: str
    sound: str
    key: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shot:
    """One frame: second counts from 0. picture, mask: relative paths, None if there is no such file. labels: of the
    video, by name; key: the id. ambiguous: files or folders that all match the frame.
    """

    key: str
    video: str
    second: int
    picture: str | None
    mask: str | None
    sound: str | None
    labels: tuple[str, ...]
    where: str
    ambiguous: tuple[str, ...] = ()


@dataclass
class Shots:
    """All frames by split, in the order of the csv; classes of the store; root: paths are relative to it. found:
    matches of the rows. strange: pictures in the folders that are not frames.
    """

    subset: str
    root: Path
    classes: tuple[str, ...]
    splits: dict[str, list[Shot]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def add(
        self,
        split: str,
        row: Row,
        pictures: Numbered,
        masks: Numbered,
        sound: str | None,
        numbers: range,
        unclear: Sequence[str],
    ) -> None:
        """The frames of a video. unclear: paths that could all be the video's."""
        self.strange += [*pictures.strange, *masks.strange]
        for second, number in enumerate(numbers):
            own = next((own for own in (pictures.several(number), masks.several(number)) if len(own) > 1), unclear)
            shot = Shot(
                f"{row.key}{number}", row.video, second, pictures.get(number), masks.get(number), sound, row.labels,
                row.where, tuple(own),
            )  # fmt: skip
            self.splits.setdefault(split, []).append(shot)

    def joins(self, splits: Sequence[str]) -> tuple[Join, ...]:
        """The unmatched rows of these splits, and the unmatched files."""
        return (*(found.join(splits) for found in self.found), strange_pictures(self.root.name, self.strange))
