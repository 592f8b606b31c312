"""What earlier calls of `avloc predict` wrote. A new call may replace its own input's result and the page, and nothing else."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from avloc.drawing.players_page import HEAD, is_players_page
from avloc.engine.found_files import read_head
from avloc.errors import AvlocError

ENDINGS = (".json", ".mp4", ".csv", ".h5", ".frames")  # of the files about an input; the last is a folder of stills
PAGE = "index.html"
_STILL = re.compile(r"\d{6,}\.\d\d\.jpg")


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
    places = [out / f"{name}{ending}" for ending in ENDINGS]
    there = [path for path in places if os.path.lexists(path)]
    if not there:
        return
    head = _head(places[0])
    ours = _written(out, name, head)
    for path in there:
        if path.suffix not in ours or not _as_written(path):
            raise _foreign(path)
    if head is not None and not _is_of(head, files):
        raise AvlocError(
            f"{places[0]}: is the result of another input, {head.get('source')}, which {files[0]} would overwrite; "
            "give another folder with --out"
        )


def is_result(path: Path) -> bool:
    """Whether `avloc predict` wrote a file: about an input, as a still of it, or as the page of a folder."""
    if path.name == PAGE:
        return _is_page(path)
    about = path.parent if path.parent.suffix == ".frames" else path
    if about.suffix not in ENDINGS:
        return False
    return about.suffix in _written(about.parent, about.stem, _head(about.with_suffix(".json")))


def refuse_overwriting_page(out: Path) -> None:
    """AvlocError if the folder has a page that `avloc predict` did not write."""
    page = out / PAGE
    if os.path.lexists(page) and not _is_page(page):
        raise _foreign(page)


def _foreign(path: Path) -> AvlocError:
    return AvlocError(
        f"{path}: was not written by `avloc predict` and would be overwritten; give another folder with --out"
    )


def _is_page(path: Path) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return is_players_page(file.read(HEAD))
    except OSError:
        return False


def _as_written(path: Path) -> bool:
    """Whether it is a file, or for stills a folder with nothing else in it."""
    if path.suffix != ".frames":
        return not path.is_dir()
    return path.is_dir() and not path.is_symlink() and all(_STILL.fullmatch(name) for name in os.listdir(path))


def _written(out: Path, name: str, head: Mapping[str, Any] | None) -> Collection[str]:
    """The endings of the files that an earlier call wrote about an input: those in its JSON, or all if it was killed."""
    if os.path.exists(unfinished(out, name)):  # Path.exists raises for a name that is too long
        return ENDINGS
    return () if head is None else {".json", *(Path(place).suffix for place in head.get("written", ()))}


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
