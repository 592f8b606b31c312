"""Finds the videos and sounds of MUSIC's recordings, which mirrors keep in different folders and formats."""

import os
from collections.abc import Sequence
from pathlib import Path

from avloc.endings import SOUNDS, VIDEOS
from avloc.joins import Index
from avloc.naming import utf8_name
from avloc.prepare.parts.names import one_of

_ENDINGS = (*VIDEOS, ".flac", *SOUNDS)  # the lists name .flac


class Recorded:
    """The videos, or the sounds, of the folder by their stems, in any folder."""

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        self.root = root
        self.paths = {utf8_name(path): path for path in paths}
        self.index = Index(self.paths)

    def find(self, *names: str) -> Sequence[str]:
        """The file of the first name that has one; those in videos/ come first, then .mp4.

        Several, if they differ and neither rule decides.
        """
        for name in names:
            paths = [self.paths[found] for found in self.index.find(name)[1]]
            if paths:
                best = min(map(_rank, paths))
                return one_of(self.root, [path for path in paths if _rank(path) == best])
        return ()


def _rank(path: str) -> tuple[bool, int]:
    return not path.startswith("videos" + os.sep), _ENDINGS.index(os.path.splitext(path)[1].lower())
