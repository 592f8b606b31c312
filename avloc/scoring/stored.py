"""Results in files: a new result is merged with a stored one of the same heat maps, and removes none of its numbers."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.files import read_json, write_json
from avloc.predictions import Predictions
from avloc.room import ask_for_room

log = logging.getLogger("avloc.evaluate")
Json = dict[str, Any]


def fingerprint_of_maps(
    ids: Sequence[str], maps: NDArray | Sequence[NDArray], more: Sequence[Any] = (), by_id: bool = True
) -> str:
    """Of heat maps by their ids, in order of the ids: the same for the same arrays, in any file or place.

    more: further arrays, or None, with a row for each id or with names. by_id: False for the order in which they are given,
    as in results of earlier versions.
    """
    digest = hashlib.blake2b(digest_size=8)
    order = sorted(range(len(ids)), key=lambda number: ids[number])
    for number in order if by_id else range(len(ids)):
        _add_array(digest, ids[number], maps[number])
    for name, given in enumerate(more):
        if given is not None:
            array = np.asarray(given)
            _add_array(digest, f"{name}", array[order] if array.shape[:1] == (len(ids),) else array)
    return digest.hexdigest()


def _add_array(digest: Any, name: str, given: Any) -> None:
    array = np.ascontiguousarray(given)
    digest.update(f"{name}\0{array.shape}{array.dtype.str}\0".encode(errors="surrogatepass"))
    digest.update(array.tobytes())


def fingerprints_of(given: Predictions) -> dict[str, str]:
    """predictions: of everything that scores of their own sound depend on; maps of other sounds may be added later. maps: what
    earlier versions recorded."""
    maps = given.maps if given.sized is None else given.sized
    more = (given.confidence, given.object_maps, given.assignment, given.classes)
    return {
        "predictions": fingerprint_of_maps(given.ids, maps, more),
        "maps": fingerprint_of_maps(given.ids, maps, by_id=False),
    }


def fingerprint_of_ids(ids: Sequence[str]) -> str:
    """Of the clips that are scored, in any order."""
    return hashlib.blake2b("\0".join(sorted(ids)).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def store(path: Path, new: Json) -> None:
    """Write a result (or several, by protocol), merged with the file's results for the same heat maps and ground truth.

    DataError if the file has anything but results. A result of other maps is replaced, with a warning.
    """
    write_json(path, added(path, read_json(path), new) if path.exists() else new)


def stored_kinds(path: Path | None, fingerprint: str) -> list[str]:
    """The other sounds in a file's results for heat maps with this fingerprint.

    Thresholds are chosen on all kinds together, so figures of one kind cannot be added to stored ones of another: all
    of them are scored again.
    """
    if path is None or not path.exists():
        return []
    of_maps = [
        result
        for result in _by_protocol(path, read_json(path)).values()
        if result.get("made_with", {}).get("fingerprints", {}).get("predictions") == fingerprint
    ]
    return list(dict.fromkeys(kind for one in of_maps for kind in one.get("negatives", {}).get("kinds", {})))


def added(path: Path, old: Any, new: Json) -> Json:
    """The new result (or results), plus what only the stored one has."""
    before, now = _by_protocol(path, old), _by_protocol(path, new)
    if not _of_same_maps(next(iter(before.values())), next(iter(now.values()))):
        log.warning("%s: replaces the result of other heat maps, clips or another ground truth", path)
        return new
    both = before | {name: _merged(before[name], one) if name in before else one for name, one in now.items()}
    if len(both) == 1 and "protocols" not in old and "protocols" not in new:
        return both.popitem()[1]
    left_out = old.get("left_out", {}) | new.get("left_out", {})
    about = {name: value for name, value in new.items() if name in ("benchmark", "predictions")}
    return about | {"protocols": both, "left_out": {name: why for name, why in left_out.items() if name not in both}}


def _by_protocol(path: Path, value: Any) -> dict[str, Json]:
    """The results in a file, by protocol and changed axes."""
    ask_for_room()
    from avloc.scoring.stored_form import ONE, SEVERAL

    several = isinstance(value, dict) and "protocols" in value
    found: dict[str, Json] = value["protocols"] if several else {"": value}
    try:
        (SEVERAL if several else ONE).validate_python(value)
        named = {_label(result["protocol"]): result for result in found.values()}
    except (ValueError, KeyError):  # KeyError: an axis that is named as changed is missing
        named = {}
    if not named:
        raise DataError(f"{path}: is not a result of `avloc evaluate`; remove it, or choose another file")
    return named


def _label(protocol: Json) -> str:
    changed = [f" {axis}={protocol[axis]}" for axis in protocol.get("changed", []) if axis != "report"]
    return protocol["name"] + "".join(changed)


def _of_same_maps(old: Json, new: Json) -> bool:
    asked = [
        [one.get("benchmark"), one.get("annotations_sha256"), one["counts"].get("requested")] for one in (old, new)
    ]
    if asked[0] != asked[1]:
        return False
    marks = [one.get("made_with", {}).get("fingerprints", {}) for one in (old, new)]
    clips = [mark.get("clips") for mark in marks]
    if None not in clips and clips[0] != clips[1]:
        return False
    before, now = (mark.get("predictions") for mark in marks)
    if "maps" not in marks[0]:
        now = marks[1].get("maps", now)
    if before is not None and now is not None:
        return bool(before == now)
    scores = [[(row["id"], row.get("ciou")) for row in one.get("per_clip", [])] for one in (old, new)]
    return bool(scores[0]) and scores[0] == scores[1]


def _merged(old: Json, new: Json) -> Json:
    both = _union(old, new)
    both["metrics"] = _metrics(old["metrics"], new["metrics"])
    report = dict.fromkeys([*old["protocol"].get("report", []), *new["protocol"].get("report", [])])
    both["protocol"] = {**new["protocol"], "report": list(report)}
    both["warnings"] = list(dict.fromkeys([*new.get("warnings", []), *old.get("warnings", [])]))
    both["per_clip"] = _rows(old.get("per_clip", []), new.get("per_clip", []))
    for name in ("per_class", "per_video", "by_size", "macro", "baselines"):
        both[name] = _union(old.get(name, {}), new.get(name, {}), _union)
    for name in ("tells", "retrieval"):
        if name in old and name in new:
            both[name] = _with_intervals(old[name], new[name])
    _tell_lost_kinds(old, new)
    if "comparisons" in old or "comparisons" in new:
        both["comparisons"] = _union(old.get("comparisons", {}), new.get("comparisons", {}), _compared)
    return both


def _union(old: Json, new: Json, deeper: Callable[[Any, Any], Any] | None = None) -> Json:
    """All keys; for keys in both, the new value, or the output of `deeper` for both."""
    if deeper is None:
        return {**old, **new}
    return {**old, **{name: deeper(old[name], value) if name in old else value for name, value in new.items()}}


def _compared(old: Json, new: Json) -> Json:
    return {part: _metrics(old.get(part, {}), new.get(part, {})) for part in new}


def _metrics(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, Json]:
    return _union(dict(old), dict(new), _with_intervals)


def _with_intervals(before: Any, now: Any) -> Any:
    """The new figures, of any depth. One without an interval keeps the stored interval if its value is the same."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return now
    if "value" not in now:
        return _union(before, now, _with_intervals)
    if before.get("value") != now["value"]:
        return now
    return {**before, **{name: value for name, value in now.items() if value is not None}}


def _tell_lost_kinds(old: Json, new: Json) -> None:
    """Figures of other sounds have thresholds of all kinds together, so those of a kind without maps cannot be kept."""
    if "negatives" in new:
        kinds = [one.get("negatives", {}).get("kinds", {}) for one in (old, new)]
        lost = [kind for kind in kinds[0] if kind not in kinds[1]]
        if lost:
            log.warning("the stored figures of %s are left out: there are no maps of it any more", " and ".join(lost))


def _rows(old: Sequence[Json], new: Sequence[Json]) -> list[Json]:
    before = {row["id"]: row for row in old}
    return [{**before.get(row["id"], {}), **row} for row in new] if new else list(old)
