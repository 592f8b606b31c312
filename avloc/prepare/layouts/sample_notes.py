"""What the manifest of a store records about a clip besides its place, as the key "avloc" of KEY.json."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from avloc.data.manifest import checked_outcomes
from avloc.data.scenes import heard_of
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.naming import as_json

KEY = "avloc"
ORIGINAL = "original"  # the item and the file that the clip was first prepared from
#: fields of a line that every store has of its own
OWN = (
    "id",
    "split",
    "source",
    "where",
    "status",
    "clips",
    "row",
    "shard",
    "times",
    "sha256",
    "reason",
    "detail",
    "passing",
)
#: fields about a whole item, which only its first clip has, so that no sum counts them twice
OF_ITEMS = ("left_out", "rest", "padded", "channels")


def notes_of(part: Store) -> Iterator[dict[str, Any]]:
    """The notes of each clip, in order."""
    for row, clips in part.lines():
        for clip in clips:
            yield _of_clip(row, part.ids[clip], clip == clips[0])


def _of_clip(row: Mapping[str, Any], clip: str, first: bool) -> dict[str, Any]:
    left = OWN if first else (*OWN, *OF_ITEMS)
    notes = {name: value for name, value in row.items() if name not in left}
    if heard := heard_of(row):
        notes["heard"] = [one for one in heard if one["clip"] == clip]
    if repaired := _repaired(notes.pop("repaired", {}), clip, first):
        notes["repaired"] = repaired
    return {ORIGINAL: {"id": row["id"], "source": row.get("source", "")}, **notes}


def _repaired(told: Mapping[str, Any], clip: str, first: bool) -> dict[str, Any]:
    """What was repaired in the clip; sums over the item only in its first clip."""
    sums = {name: value for name, value in told.items() if name != "clips" and first}
    clips = told.get("clips")
    own = {clip: clips[clip]} if isinstance(clips, dict) and clip in clips else {}
    return {**sums, **({"clips": own} if own else {})}


def read_notes(value: Mapping[str, Any]) -> dict[str, Any]:
    """Those in a KEY.json; DataError if a manifest could not hold them."""
    notes = value.get(KEY, {})
    if not isinstance(notes, dict):
        raise DataError(f"{KEY} {as_json(notes)}; expected an object, as `avloc data export` writes it")
    kept = {name: one for name, one in notes.items() if name not in OWN}
    if kept:
        try:
            checked_outcomes([json.dumps({"id": "", "status": "ok", "clips": [], "row": 0, **kept})])
        except ValueError:
            raise DataError(f"{KEY} {as_json(kept)}; expected fields of a manifest") from None
    return kept
