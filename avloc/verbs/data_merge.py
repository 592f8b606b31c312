"""`avloc data merge`: the parts of a store, prepared by many jobs, into one."""

from collections.abc import Sequence
from pathlib import Path

from avloc.prepare.writing.merge import merge_stores
from avloc.prepare.writing.store_folder import Prepared


def data_merge(stores: Sequence[Path], out: Path) -> Prepared:
    """Join the stores that `avloc prepare ... --shard i/n` wrote into `out`, equal to one prepared without --shard.

    All n parts must be there, of the same settings and lists. Shards are linked where the file system allows, else copied.
    """
    stores = [stores] if isinstance(stores, str | Path) else stores
    return merge_stores([Path(store) for store in stores], Path(out))
