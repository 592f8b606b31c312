"""`avloc weights fetch`: puts one official file of pretrained weights into the folder that stores them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from avloc.options import POSITIONAL, Ask, verb


@dataclass(frozen=True)
class WeightsFetched:
    """verified: whether the file has the pinned size and SHA-256; False if none is pinned."""

    name: str
    path: Path
    verified: bool


@verb
def weights_fetch(
    name: Annotated[str, "which file; `avloc weights list` lists them", POSITIONAL],
    source: Annotated[
        Path | None, "take a file that you already have instead of downloading it", Ask(name="--from")
    ] = None,
) -> WeightsFetched:
    """Download a file of pretrained weights, or use one that you have; check it and store it.

    It is stored in the folder AVLOC_WEIGHTS if that is set, otherwise in avloc/weights in your cache folder.
    If the publisher's checksum is known, a file that does not match it is not kept.
    """
    from avloc.weights import known, take, verify

    path = take(name, source)
    return WeightsFetched(name, path, verify(known(name), path))
