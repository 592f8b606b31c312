"""The tree of AVATAR's annotation: which frames are annotated, and the picture of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import DataError
from avloc.joins import sorted_out
from avloc.leftovers import Join, joined
from avloc.naming import utf8_name
from avloc.walking import files_in, listed

FOLDER = "metadata"
EXPECTED = "metadata/VIDEO/FRAME.json and FRAME.jpg next to it, where VIDEO is ID_START"
STILLS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class AnnotatedFrames:
    """frames: (video, JSON file) in order. pictures: those of each JSON file, by its path. join: unmatched files of both."""

    frames: list[tuple[str, Path]]
    pictures: Mapping[Path, Sequence[Path]]
    join: Join


def annotated_frames(source: Path) -> AnnotatedFrames:
    """The frames in metadata/VIDEO; FRAME is a number."""
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; expected {EXPECTED}")
    root = source / FOLDER if (source / FOLDER).is_dir() else source
    frames: list[tuple[str, Path]] = []
    pictures: dict[Path, list[Path]] = {}
    strange: list[str] = []
    for video in (name for name in listed(root) if (root / name).is_dir()):
        stills: dict[str, list[Path]] = {}
        own = []
        for path in files_in(root / video, ".json", *STILLS):
            if path.suffix.lower() != ".json":
                stills.setdefault(path.stem, []).append(path)
            elif path.stem.isdecimal():
                own.append(path)
            elif root != source:  # other files of the data set can be beside the annotations, but not among them
                strange.append(f"{video}/{path.name}")
        frames += [(video, path) for path in own]
        pictures |= {path: stills.pop(path.stem, []) for path in own}
        if own:
            strange += [f"{video}/{path.name}" for several in stills.values() for path in several]
    names = {path: f"{path.parent.name}/{path.name}" for _, path in frames}
    bare = {name for path, name in names.items() if not pictures[path]}
    several = {names[path]: tuple(one.name for one in own) for path, own in pictures.items() if len(own) > 1}
    join = joined(
        FOLDER,
        sorted_out(names.values(), bare, several, map(utf8_name, strange)),
        missing="annotations have no picture",
        unused="files match no annotated frame",
        ambiguous="annotations have several pictures",
    )
    return AnnotatedFrames(frames, pictures, join)
