"""A warning where weights that know only the synthetic world are asked about anything else."""

import logging
from collections.abc import Iterable
from pathlib import Path

from avloc.data.origin import WORDS, origin_at
from avloc.naming import some

log = logging.getLogger("avloc")


def warn_if_foreign(source: object, learnt: str, inputs: Iterable[Path]) -> None:
    """One line in the log. source: the run or file of the weights. learnt: the origin of what they were trained on, empty
    where it is not known."""
    if learnt != "synthetic":
        return
    strange = [path for path in inputs if origin_at(path) != "synthetic"]
    if strange:
        what = some((str(path) for path in strange), 3)
        log.warning(
            "%s was trained on %s, and %s is not of it: its heat maps mean little there", source, WORDS[learnt], what
        )
