"""Information about the clips of a composed store that is only in its manifest."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from avloc.data.store import Store


def scenes_of(store: Store) -> list[str] | None:
    """The scene of each clip, "" for clips without one; None if no clip has one."""
    found = _of_clips(store, "scene", "")
    return found if any(found) else None


def sounds_of(store: Store) -> list[str] | None:
    """The kind of sound of each clip: its own, or another that nothing in view makes; None if all have their own."""
    found: list[str] = []
    for row, clips in store.lines():
        kinds = {str(one["clip"]): str(one["sound"]) for one in heard_of(row)}
        found += [kinds.get(store.ids[clip], "own") for clip in clips]
    return found if any(kind != "own" for kind in found) else None


def heard_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sound of each clip of a composed line: its ``clip``, ``sound`` and ``parts``; empty if the line has another form."""
    heard = row.get("heard")
    named = heard if isinstance(heard, list) else []
    return [one for one in named if isinstance(one, dict) and {"clip", "sound"} <= one.keys()]


def seen_in(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(class, file) of the objects in a composed picture; in an unchanged photograph, all are of its file."""
    photograph = row.get("picture")
    usual = photograph.get("file") if isinstance(photograph, dict) else None
    return _of_class(row.get("objects"), usual)


def heard_from(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(class, file) of the recordings in a composed sound."""
    for one in heard_of(row):
        yield from _of_class(one.get("parts"), None)


def _of_class(parts: Any, usual: Any) -> Iterator[tuple[str, str]]:
    for one in parts if isinstance(parts, list) else ():
        if isinstance(one, dict) and isinstance(file := one.get("file", usual), str):
            yield str(one.get("class", "")), file


def files_of(row: Mapping[str, Any]) -> Iterator[str]:
    """The files that the clips of a manifest line were composed of."""
    for part in (
        row.get("background"),
        row.get("picture"),
        row.get("objects"),
        [one.get("parts") for one in heard_of(row)],
    ):
        yield from _files_in(part)


def _files_in(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _files_in(one)
    elif isinstance(part, dict) and isinstance(part.get("file"), str):
        yield part["file"]


def shared_files(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """ "train, test" -> files used in clips of both parts; there should be none."""
    parts: dict[str, dict[str, None]] = {}
    for row in rows:
        if isinstance(row.get("part"), str) and row["status"] == "ok":
            parts.setdefault(row["part"], {}).update(dict.fromkeys(files_of(row)))
    found = {}
    for one, other in combinations(parts, 2):
        both = [file for file in parts[other] if file in parts[one]]
        if both:
            found[f"{one}, {other}"] = both
    return found


def _of_clips(store: Store, key: str, otherwise: Any) -> list[Any]:
    return [str(row.get(key, otherwise)) for row, clips in store.lines() for _ in clips]
