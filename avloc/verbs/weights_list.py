"""`avloc weights list`: the official files of pretrained weights that avloc knows."""

from dataclasses import dataclass
from pathlib import Path

from avloc.options import verb


@dataclass(frozen=True)
class KnownWeights:
    """One file. there: whether it is on this machine, at `path`. pinned: whether its SHA-256, or the part of it that
    the publisher gives, is known and checked. size: bytes, 0 if unknown. url: empty for a file that comes in a package.
    """

    name: str
    what: str
    there: bool
    path: Path
    pinned: bool
    size: int
    licence: str
    url: str


@dataclass(frozen=True)
class WeightsListed:
    folder: Path
    files: list[KnownWeights]


@verb
def weights_list() -> WeightsListed:
    """List the official files of pretrained weights: what each is for, its licence, and whether you have it."""
    from avloc.weights import FILES, folder, kept

    found = []
    for one in FILES.values():
        path = kept(one.name)
        about = (path.exists(), path, bool(one.sha256), one.size, one.licence, one.url)
        found.append(KnownWeights(one.name, one.what, *about))
    return WeightsListed(folder(), found)
