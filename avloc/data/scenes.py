"""What the manifest of a composed store says of its clips beside what its shards hold."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from avloc.data.store import Store


def scenes_of(store: Store) -> list[str] | None:
    """The scene of each clip, "" for clips on their own; None where no clip has one."""
    found = _of_clips(store, "scene", "")
    return found if any(found) else None


def sounds_of(store: Store) -> list[str] | None:
    """Which sound each clip was given: its own, or another that nothing in view makes; None where all have their own."""
    found: list[str] = []
    for row, clips in store.lines():
        kinds = {one["clip"]: one["sound"] for one in row.get("heard", ())}
        found += [kinds.get(store.ids[clip], "own") for clip in clips]
    return found if any(kind != "own" for kind in found) else None


def files_of(row: Mapping[str, Any]) -> Iterator[str]:
    """The files that a line of the manifest says its clips were composed of."""
    whole = [row.get("background"), row.get("picture")]
    for part in [*whole, *row.get("objects", ()), *(part for one in row.get("heard", ()) for part in one["parts"])]:
        if part and "file" in part:
            yield part["file"]


def shared_files(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """ "train, test" -> files that clips of both parts were composed of, which should be none."""
    parts: dict[str, dict[str, None]] = {}
    for row in rows:
        if "part" in row and row["status"] == "ok":
            parts.setdefault(row["part"], {}).update(dict.fromkeys(files_of(row)))
    found = {}
    for one, other in combinations(parts, 2):
        both = [file for file in parts[other] if file in parts[one]]
        if both:
            found[f"{one}, {other}"] = both
    return found


def _of_clips(store: Store, key: str, otherwise: Any) -> list[Any]:
    return [row.get(key, otherwise) for row, clips in store.lines() for _ in clips]
