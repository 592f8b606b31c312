"""manifest.jsonl: a line of JSON for each line of each list, with its outcome and the position of its clips.

A prepared line has `row` and `shard`: its clips are the rows from `row` on of that shard.
"""

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avloc.errors import DataError
from avloc.files import regular, why
from avloc.naming import printable, shortened
from avloc.room import ask_for_room

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Row = dict[str, Any]


def read_manifest(path: Path, splits: Mapping[str, int]) -> tuple[list[Row], bytes]:
    """The rows of a store's manifest, and the file's text; DataError, naming line and key, if they are invalid.

    splits: clips of each split, as store.json counts them. The keys of a row are not in the order of the file.
    """
    again = f"run the `avloc prepare` command of {path.parent} again"
    try:
        content = regular(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: missing; {again}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); the file itself may be fine") from None
    lines = content.splitlines()
    rows = _rows(lines)
    if rows is None:
        number, what = _first_wrong(lines)
        raise DataError(f"{path}:{number}: {what}; {again}")
    counts = dict.fromkeys(splits, 0)
    for number, row in enumerate(rows, 1):
        if row["split"] not in counts:
            raise DataError(f"{path}:{number}: split: found {shortened(row['split'])}, which store.json lacks; {again}")
        counts[row["split"]] += len(row["clips"])
    for split, count in counts.items():
        if count != splits[split]:
            raise DataError(
                f"{path}: lists {count} clips of {split}, store.json {splits[split]}: broken or of another store; {again}"
            )
    overlap = _overlap(rows)
    if overlap is not None:
        raise DataError(f"{path}:{overlap + 1}: row: its clips lie where those of another line do; {again}")
    return rows, content


def checked_outcomes(lines: Sequence[str]) -> list[Row]:
    """The outcomes of a shard's items, one JSON each, with their keys in order; ValueError if one is invalid."""
    for line in lines:
        _adapter("outcome").validate_json(line)
    return [json.loads(line) for line in lines]


def _rows(lines: Sequence[bytes]) -> list[Row] | None:
    """All of them at once, which takes half the time of one by one; None if one is invalid."""
    # hundreds of thousands of small lasting objects would slow the garbage collector down for nothing
    with _no_collection():
        try:
            rows = _adapter("lines").validate_json(b"[" + b",".join(lines) + b"]")
        except ValueError:
            return None
    return rows if len(rows) == len(lines) else None


def _first_wrong(lines: Sequence[bytes]) -> tuple[int, str]:
    """Index of the first invalid line, and the reason."""
    from pydantic import ValidationError

    for number, line in enumerate(lines, 1):
        try:
            _adapter("line").validate_json(line)
        except ValidationError as error:
            return number, explained(error)
    return len(lines), "not a line of a manifest"


def explained(error: Any) -> str:
    """The first mistake that pydantic found: "key: found VALUE; expected ..."."""
    first = error.errors(include_url=False)[0]
    told = printable(first["msg"][0].lower() + first["msg"][1:])
    if first["type"] == "json_invalid":
        return f"not JSON ({told.partition(': ')[2]})"
    key = ".".join(str(part) for part in first["loc"] if part not in ("ok", "failed"))
    if first["type"] in ("union_tag_not_found", "union_tag_invalid"):  # key is the object that has no known status
        status = first["input"].get("status")
        return f"status: {'missing' if status is None else f'found {shortened(status)}'}; expected ok or failed"
    if first["type"] == "missing":
        return f"{key}: missing"
    return f"{key + ': ' if key else ''}found {shortened(first['input'])}; {told}"


def _overlap(rows: Sequence[Row]) -> int | None:
    """Index of a row whose clips are rows of a shard that belong to another item too; splits may share whole items."""
    good = [n for n, row in enumerate(rows) if row["status"] == "ok" and row["clips"]]
    if not good:
        return None
    spans = np.array([(rows[n]["shard"], rows[n]["row"], len(rows[n]["clips"])) for n in good], np.int64)
    order = np.lexsort((spans[:, 2], spans[:, 1], spans[:, 0]))
    one, next_one = spans[order][:-1], spans[order][1:]
    meets = (one[:, 0] == next_one[:, 0]) & (one[:, 1] + one[:, 2] > next_one[:, 1]) & (one != next_one).any(1)
    found = np.flatnonzero(meets)
    return good[order[found[0] + 1]] if len(found) else None


@contextmanager
def _no_collection() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@cache
def _adapter(which: str) -> "TypeAdapter[Any]":
    """For all "lines", one "line", or an "outcome", which is a line before it is known which list names it."""
    ask_for_room()
    from pydantic import TypeAdapter

    from avloc.data.manifest_line import Line, Outcome

    kinds: dict[str, Any] = {"lines": list[Line], "line": Line, "outcome": Outcome}
    return TypeAdapter(kinds[which])
