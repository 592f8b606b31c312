"""`avloc weights path`: the path of one file of pretrained weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from avloc.options import POSITIONAL, verb


@dataclass(frozen=True)
class WeightsPath:
    name: str
    path: Path


@verb
def weights_path(name: Annotated[str, "which file; `avloc weights list` lists them", POSITIONAL]) -> WeightsPath:
    """Print the path of a file of pretrained weights. If it is missing, the error says how to get it."""
    from avloc.weights import known, located

    known(name)
    return WeightsPath(name, located(name))
