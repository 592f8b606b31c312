"""`avloc data merge`: joins the parts of a store, prepared by many jobs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from avloc.options import POSITIONAL, verb
from avloc.prepare.writing.merge import merge_stores
from avloc.prepare.writing.store_folder import Prepared


@verb
def data_merge(
    stores: Annotated[Sequence[Path], "all parts, in any order", POSITIONAL], out: Annotated[Path, "store to write"]
) -> Prepared:
    """Join the parts that `avloc prepare NAME --shard i/n` wrote into the store that one run without --shard would write.

    Missing parts, duplicate parts, and parts with other settings or lists are errors. Shards are linked if the
    file system allows it, otherwise copied.
    """
    return merge_stores(stores, out)
