"""Reads shards in watched processes, because a damaged file can make the library that reads it hang or crash."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from avloc.data.clip import Clip
from avloc.data.shard_files import shard_path
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.pool.process import Tell
from avloc.prepare.pool.tasks import LATE, run_tasks
from avloc.prepare.pool.template import NoWorkers
from avloc.prepare.writing.block import Spared, sparing
from avloc.processes import processors

LIMIT = 60.0  # s that the reading of a shard may take without progress


def watched(work: Callable[..., Any], tasks: Mapping[Any, tuple[Any, ...]], limit: float) -> Iterator[tuple[Any, Any]]:
    """(key, work(*arguments, tell)) as the tasks end; if no process can be started, in this one, which cannot stop a
    library that hangs. limit: s without progress. The last argument is `spared`, see `write_items`: empty, or the
    shard.
    """
    try:
        with closing(run_tasks(work, tasks, max(1, min(processors(), len(tasks))), limit, sparing)) as results:
            yield from results
    except NoWorkers:
        yield from run_tasks(work, tasks, 0, limit, sparing)


def broken(path: Path, spared: Spared, again: str) -> str:
    """Describes that reading a shard hangs or crashes. again: what to do."""
    reason, detail = next(iter(spared.values()))
    return f"{path}: broken, reading it {'hangs' if reason == LATE else f'crashes ({detail})'}; {again}"


def read_clip(part: Store, number: int) -> Clip:
    """A clip of a split; DataError if its shard is damaged, including when reading it hangs or crashes."""
    own, place = part.item_of(number)
    ((_, found),) = watched(_clip, {0: (own, place, {})}, LIMIT)
    if isinstance(found, str):
        raise DataError(found)
    clip: Clip = found
    return clip


def _clip(own: Store, place: int, spared: Spared, tell: Tell) -> Clip | str:
    """own: the clips of one item, which are in one shard."""
    if spared:
        shard = next(own.lines())[0]["shard"]
        path = shard_path(own.path, shard, own.settings.get("store", "hdf5"))
        return broken(path, spared, f"run the `avloc prepare` command of {own.path} again")
    tell("at", 0)
    clip = own.clip(place)
    tell("at", None)
    return clip
