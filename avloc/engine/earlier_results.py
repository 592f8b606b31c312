"""What earlier calls of `avloc predict` wrote: it may be replaced by a result of the same input, and nothing else may."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avloc.engine.found_files import read_head
from avloc.errors import AvlocError

ENDINGS = (".json", ".mp4", ".csv", ".h5")  # of the files about an input


def unfinished(out: Path, name: str) -> Path:
    """The mark that the files of an input are being written."""
    path = out / name
    return path.with_name(f".{path.name}.unfinished")


def states_of(files: Sequence[Path]) -> dict[str, list[int]]:
    """The size and the time of change of each file of an input, by which it is recognised elsewhere."""
    found = {}
    for path in files:
        state = os.stat(path)
        found[path.name] = [state.st_size, state.st_mtime_ns]
    return found


def places_of(files: Sequence[Path]) -> list[str]:
    """The absolute paths of the files of an input."""
    return [str(path.resolve()) for path in files]


def refuse_overwriting(out: Path, name: str, files: Sequence[Path]) -> None:
    """AvlocError if an input of these files, called `name`, would replace anything but its own earlier result."""
    there = [path for path in (out / f"{name}{ending}" for ending in ENDINGS) if path.exists()]
    if not there:
        return
    head = _head(out / f"{name}.json")
    if head is None and not unfinished(out, name).exists():
        raise AvlocError(
            f"{there[0]}: is not of `avloc predict` and would be overwritten; give another folder with --out"
        )
    if head is not None and not _is_of(head, files):
        raise AvlocError(
            f"{out / name}.json: is the result of another input, {head.get('source')}, which {files[0]} would overwrite; "
            "give another folder with --out"
        )


def _head(path: Path) -> dict[str, Any] | None:
    try:
        return read_head(path)
    except (OSError, ValueError, AttributeError):
        return None


def _is_of(head: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Whether it is a result of these files: they are at the same places, or were moved here unchanged."""
    places = head.get("places") or [head.get("source"), head.get("sound_file")]  # without places: of an earlier version
    if places_of([Path(place) for place in places if isinstance(place, str)]) == places_of(files):
        return True
    try:
        return bool(head["made_with"]["files"] == states_of(files))
    except (OSError, ValueError, KeyError, TypeError):
        return False
