"""store.json: what a store says of itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avloc.data.spectrograms import spectrograms_of
from avloc.errors import AvlocError, DataError
from avloc.files import read_json
from avloc.naming import some

FORMAT = 1
FRAMES = ("jpeg", "raw")  # how they are kept
_NEEDED = ("classes", "rate", "seconds", "samples", "frames_per_clip", "size", "frames", "splits")


def read_settings(file: Path) -> dict[str, Any]:
    """DataError, naming the file, for settings that are missing, broken, or of another format."""
    try:
        settings = read_json(file)
    except AvlocError as error:
        raise DataError(f"{error}; run the `avloc prepare` command of {file.parent} again") from None
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        found = settings.get("format") if isinstance(settings, dict) else None
        raise DataError(f"{file}: found store format {found}, this version reads {FORMAT}; prepare it again")
    missing = [key for key in _NEEDED if key not in settings]
    if missing:
        raise DataError(f"{file}: {missing[0]} is missing; prepare the store again")
    try:
        spectrograms_of(settings)
    except DataError as error:
        raise DataError(f"{file}: {error}; prepare the store again") from None
    return settings


def refuse_other(option: str, value: str, choices: Sequence[str]) -> None:
    """DataError unless the value of an option is one of its choices."""
    if value not in choices:
        raise DataError(f"{option} is {value!r}; expected {' or '.join(map(repr, choices))}")


def splits_of(path: Path, splits: Mapping[str, int], name: str) -> list[str]:
    """The splits that a name with pluses joins, "train_whole+train_solo"; DataError for one that is not there.

    splits: clips in each split of the store at `path`.
    """
    names = [name] if name in splits else name.split("+")
    missing = [one for one in names if one not in splits]
    if missing:
        there = some((f"{split} ({clips} clips)" for split, clips in splits.items()), 8)
        raise DataError(f"{path}: no split {missing[0]!r}; it holds {there}")
    return names
