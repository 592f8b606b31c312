"""What the manifest of a composed store says of its clips beside what its shards hold."""

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


def _of_clips(store: Store, key: str, otherwise: Any) -> list[Any]:
    return [row.get(key, otherwise) for row, clips in store.lines() for _ in clips]
