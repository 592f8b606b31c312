"""Where the recordings of a published data set lie: videos, frames and sounds by name, whatever folders they are in."""

import os
from pathlib import Path
from typing import Any

from avloc.errors import DataError
from avloc.files import file_size
from avloc.prepare.media.endings import PICTURES as VIDEOS
from avloc.prepare.media.endings import SOUNDS
from avloc.prepare.parts.names import Found

STILLS = (".jpg", ".jpeg", ".png")
Facts = dict[str, Any]


class Tree:
    """What lies under a folder, by name: videos, sounds, pictures, and folders of pictures.

    Of two files of one name the first in the order of paths counts. Links to folders are followed, each folder once.
    """

    def __init__(self, root: Path, expected: str) -> None:
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; expected {expected}")
        self.root = root
        self.videos: dict[str, str] = {}
        self.sounds: dict[str, str] = {}
        self.pictures: dict[str, str] = {}
        self.folders: dict[str, str] = {}
        #: folder -> the first sound in it
        self.sound_in: dict[str, str] = {}
        been = set()
        for folder, names, files in os.walk(root, followlinks=True):
            own = os.stat(folder)
            if (own.st_dev, own.st_ino) in been:  # a link that leads back
                names.clear()
                continue
            been.add((own.st_dev, own.st_ino))
            names[:] = sorted(name for name in names if not name.startswith("."))
            where = os.path.relpath(folder, root)
            where = "" if where == "." else where + os.sep
            for file in sorted(files):
                self._note(where, file)
        self._found = [Found(known) for known in (self.videos, self.sounds, self.pictures, self.folders)]

    def _note(self, where: str, file: str) -> None:
        stem, ending = os.path.splitext(file)
        ending, path = ending.lower(), where + file
        if ending in STILLS:
            self.pictures.setdefault(stem, path)
            self.folders.setdefault(_bare(os.path.basename(where.rstrip(os.sep))), where.rstrip(os.sep))
            return
        known = self.videos if ending in VIDEOS else self.sounds if ending in SOUNDS else None
        if known is None:
            return
        known.setdefault(stem, path)
        if where:
            known.setdefault(f"{os.path.basename(where.rstrip(os.sep))}_{stem}", path)
        if known is self.sounds:
            self.sound_in.setdefault(where.rstrip(os.sep), path)

    def find(self, name: str, sound_folder: str = "") -> Facts:
        """The facts of a recording, None where something is missing.

        ID_START may also lie as ID/START or ID_START_END, without zeros too (see `names`). sound_folder: whose first sound is
        taken where none has the name.
        """
        film, sound, still, folder = (found.get(name) for found in self._found)
        sound = sound or (self.sound_in.get(sound_folder) if sound_folder else None)
        parts = (film, sound, still)
        sizes = [file_size(self.root / part) if part else None for part in parts]
        return {"name": name, "path": film, "sound": sound, "picture": still, "folder": folder, "bytes": sizes}

    def __contains__(self, name: str) -> bool:
        """Whether both a picture and a sound may be there (a video may turn out to have none)."""
        found = self.find(name)
        return bool(found["path"] or ((found["picture"] or found["folder"]) and found["sound"]))


def shown_file(facts: Facts, otherwise: str) -> str:
    """What a reader of the manifest should look at of a recording: its video, picture or folder of pictures."""
    return facts["path"] or facts["picture"] or facts["folder"] or otherwise


def _bare(folder: str) -> str:
    """SoundNet's folders of frames are named as the video, ending and all."""
    stem, ending = os.path.splitext(folder)
    return stem if ending.lower() in VIDEOS else folder
