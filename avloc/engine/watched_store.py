"""Opens a store's shards in watched processes before a training does, because a damaged one can make its library hang."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avloc import processes
from avloc.data.shard_files import backend, shard_path
from avloc.data.shard_form import Form
from avloc.data.shards import Shards
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import why
from avloc.prepare.pool.process import Tell
from avloc.prepare.writing.watched import LIMIT, broken, watched

_SEEN: set[tuple[str, int, int]] = set()  # shards that this process has had read: path, size, modification time


def refuse_harmful(store: Any) -> None:
    """DataError naming the first shard of a split that cannot be read, or whose reading hangs or crashes."""
    if not isinstance(store, Store) or not processes.is_first():
        return
    kind, form = store.settings.get("store", "hdf5"), store.form
    clips: dict[int, int] = {}
    for row, _ in store.lines():
        clips[row["shard"]] = max(clips.get(row["shard"], 0), row["row"] + len(row["clips"]))
    marks = {shard: _mark(shard_path(store.path, shard, kind)) for shard in clips}
    tasks: dict[int, tuple[Any, ...]] = {
        shard: (store.path, form, kind, shard, stop, {}) for shard, stop in clips.items() if marks[shard] not in _SEEN
    }
    if not tasks:
        return
    problems = {shard: answer for shard, answer in watched(_look, tasks, LIMIT) if answer}
    if problems:
        more = f" (and {len(problems) - 1} more shards)" if len(problems) > 1 else ""
        raise DataError(f"{problems[min(problems)]}{more}")
    _SEEN.update(mark for mark in marks.values() if mark is not None)


def _mark(path: Path) -> tuple[str, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path.absolute()), found.st_size, found.st_mtime_ns


def _look(
    store: Path, form: Form, kind: str, shard: int, stop: int, spared: Mapping[int, tuple[str, str]], tell: Tell
) -> str:
    """What is wrong with a shard, empty if nothing is. stop: clips that it must have."""
    path, again = shard_path(store, shard, kind), f"run the `avloc prepare` command of {store} again"
    if spared:
        return broken(path, spared, again)
    tell("at", 0)
    shards = Shards(store, form, kind)
    problem = shards.broken({shard: stop}).get(shard, "")
    if not problem and stop:
        file = backend(path)[1](path, form)
        try:
            for row in range(stop):  # all of them: the library can hang at any, and the training reads them next anyway
                for pick in range(form.frames):
                    file.frame(row, pick)
                file.sound(row)
                tell("at", 0)
        except (OSError, ValueError) as error:
            problem = f"{path}: broken or of another store ({why(error)}); {again}"
        finally:
            file.close()
    tell("at", None)
    return problem
