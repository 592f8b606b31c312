"""store.json: the settings of a store."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.data.manifest import explained
from avloc.data.spectrograms import spectrograms_of
from avloc.errors import AvlocError, DataError
from avloc.files import Unreadable, read_json, regular
from avloc.naming import some
from avloc.room import ask_for_room

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = 1
FRAMES = ("jpeg", "raw")  # how they are kept


def read_settings(file: Path) -> dict[str, Any]:
    """DataError, naming file, line and key, for settings that are missing, damaged, of another format, or invalid."""
    try:
        settings = read_json(file)
    except Unreadable as error:
        raise DataError(str(error)) from None
    except AvlocError as error:
        raise DataError(f"{error}; run the `avloc prepare` command of {file.parent} again") from None
    found = settings.get("format") if isinstance(settings, dict) else None
    if found != FORMAT or isinstance(found, bool):
        what = f"store format {found!r:.40}" if isinstance(settings, dict) else f"a {type(settings).__name__}"
        raise DataError(f"{file}: found {what}, this version reads {FORMAT}; prepare it again")
    wrong = _wrong(settings)
    if wrong is not None:
        key, what = wrong
        raise DataError(f"{_place(file, key)}: {what}; prepare the store again")
    return settings


def _wrong(settings: dict[str, Any]) -> tuple[str, str] | None:
    """The first invalid key, and why."""
    from pydantic import ValidationError

    try:
        _model().validate_python(settings)
    except ValidationError as error:
        return str((*error.errors()[0]["loc"], "")[0]), explained(error)
    try:
        held = spectrograms_of(settings)
    except DataError as error:
        return "sound", str(error)
    rate, seconds, samples = settings["rate"], settings["seconds"], settings["samples"]
    if held is None and abs(samples - seconds * rate) > 1:
        return "samples", f"samples: found {samples}; {seconds:g} s at {rate} Hz are {round(seconds * rate)}"
    return None


@cache
def _model() -> "TypeAdapter[Any]":
    ask_for_room()
    from pydantic import TypeAdapter

    from avloc.data.settings_model import Settings

    return TypeAdapter(Settings)


def _place(file: Path, key: str) -> str:
    """The file, with the line of a key if it starts one."""
    lines = regular(file).read_text("utf-8-sig").splitlines()
    number = next((n for n, line in enumerate(lines, 1) if re.match(rf'\s*"{re.escape(key)}"\s*:', line)), None)
    return f"{file}:{number}" if number else str(file)


def refuse_other(option: str, value: str, choices: Sequence[str]) -> None:
    """DataError unless the value of an option is among its choices."""
    if value not in choices:
        raise DataError(f"{option} is {value!r}; expected {' or '.join(map(repr, choices))}")


def splits_of(path: Path, splits: Mapping[str, int], name: str) -> list[str]:
    """The splits that a name with pluses joins, "train_whole+train_solo"; DataError for an unknown one.

    splits: clips in each split of the store at `path`.
    """
    names = [name] if name in splits else name.split("+")
    missing = [one for one in names if one not in splits]
    if missing:
        there = some((f"{split} ({clips} clips)" for split, clips in splits.items()), 8)
        raise DataError(f"{path}: no split {missing[0]!r}; it holds {there}")
    return names
