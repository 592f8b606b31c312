"""Finds the files that a table names without their folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from avloc.endings import SOUNDS
from avloc.prepare.composing.sources import Found
from avloc.prepare.parts.names import one_of

What = Literal["pictures", "sounds"]


class ByName:
    """The files of a folder. ending: whether names include the suffix."""

    def __init__(self, root: Path, files: Sequence[str], ending: bool = True) -> None:
        self.root, self.files = root, set(files)
        self._named: dict[str, list[str]] = {}
        for file in files:
            name = file.rpartition("/")[2]
            self._named.setdefault(name if ending else name.rpartition(".")[0], []).append(file)

    def find(self, name: str, usual: str = "") -> Sequence[str]:
        """All files that a name can mean: only `usual`, its published place, if that exists; of copies, the first; of a
        sound and a video, the sound.
        """
        if usual in self.files:
            return [usual]
        if name in self.files:
            return [name]
        found = self._named.get(name.rpartition("/")[2], [])
        sounds = [file for file in found if file.lower().endswith(SOUNDS)]
        return one_of(self.root, sounds or found)


def left_out(found: Found, what: What, files: Sequence[str]) -> bool:
    """Whether a name is left out, because it means no file or several different ones; counts it."""
    if not files:
        found.leave_out(f"missing {what}")
    elif len(files) > 1:
        found.leave_out(f"{what} whose name is in several folders", f"{files[0]} and {files[1]}")
    return len(files) != 1
