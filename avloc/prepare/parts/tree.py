"""Finds the recordings of a published data set by name: videos, frames and sounds, in any folder."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from avloc.endings import split_ending
from avloc.errors import DataError
from avloc.files import file_size
from avloc.joins import sorted_out
from avloc.leftovers import Join, joined
from avloc.naming import some, utf8_name
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.media_files import find_media
from avloc.prepare.parts.names import Found, one_of

Facts = dict[str, Any]


class Tree:
    """The contents of a folder, by name: videos, sounds, pictures, and folders of pictures.

    passed: other files, by suffix.
    """

    def __init__(self, root: Path, expected: str) -> None:
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; expected {expected}")
        self.root = root
        media = find_media(root)
        self.passed = media.passed
        folders = dict.fromkeys(os.path.dirname(path) for path in media.stills)
        folders.pop("", None)
        self._videos, self._sounds = Found(media.videos), Found(media.sounds)
        self._pictures, self._folders = (Found(paths, folder_stem=False) for paths in (media.stills, folders))

    @cached_property
    def names(self) -> set[str]:
        """The names of everything visual: videos, pictures, folders of pictures."""
        every = (self._videos, self._pictures, self._folders)
        return {split_ending(os.path.basename(name))[0] for found in every for name in found.paths}

    @cached_property
    def _sounds_in(self) -> dict[str, list[str]]:
        """Folder -> the sounds in it."""
        found: dict[str, list[str]] = {}
        for path in self._sounds.paths.values():
            found.setdefault(utf8_name(os.path.dirname(path)), []).append(path)
        return found

    def find(self, name: str, sound_folder: str = "", still: bool = True) -> Facts:
        """The facts of a recording, None if something is missing. "ambiguous" lists several differing files that all
        match and must not be read, and "either" such sounds, which are used if the video has no sound.

        ID_START can also be ID/START or ID_START_END, with or without leading zeros (see `names`). sound_folder: its
        sound is used if none has the name. still: whether a picture of the name counts, or only a folder of pictures.
        """
        films, sounds = self._all(self._videos, name), self._all(self._sounds, name)
        if not sounds and sound_folder:
            sounds = self._one(self._sounds_in.get(sound_folder, []))
        pictures = self._all(self._pictures, name) if still else []
        folders = self._all(self._folders, name)
        film, sound, picture, folder = (
            found[0] if len(found) == 1 else None for found in (films, sounds, pictures, folders)
        )
        sizes = [file_size(self.root / part) if part else None for part in (film, sound, picture)]
        facts: Facts = {
            "name": name,
            "path": film,
            "sound": sound,
            "picture": picture,
            "folder": folder,
            "bytes": sizes,
        }
        shown = films or pictures or folders
        if len(shown) > 1:
            facts["ambiguous"] = [utf8_name(path) for path in shown[:2]]
        elif len(sounds) > 1:
            facts["either" if films else "ambiguous"] = [utf8_name(path) for path in sounds[:2]]
        return facts

    def _all(self, found: Found, name: str) -> Sequence[str]:
        return self._one(found.find(name)[1])

    def _one(self, paths: Sequence[str]) -> Sequence[str]:
        return one_of(self.root, paths) if len(paths) > 1 else paths

    def listing(
        self, items: Mapping[str, Item], splits: Mapping[str, list[Entry]], joins: Iterable[Join] = ()
    ) -> Listing:
        """The listing of items whose facts come from `find`, with unmatched names. joins: of other names."""
        files = dict.fromkeys(entry.where.rpartition(":")[0] for own in splits.values() for entry in own)
        found = {name: item.facts for name, item in items.items()}
        join = self.join(
            some(filter(None, files)) or "lists", found, "listed ids match no file", "videos are not in any list"
        )
        return Listing(items, splits, (join, *joins), self.passed)

    def join(self, what: str, found: Mapping[str, Mapping[str, Any]], missing: str, aside: str) -> Join:
        """The unmatched names. found: the result of `find` for each. what, missing, aside: see `joined`."""
        used: set[str] = set()
        lost: set[str] = set()
        ambiguous: dict[str, tuple[str, ...]] = {}
        for name, facts in found.items():
            if "ambiguous" in facts:
                ambiguous[name] = tuple(facts["ambiguous"])
            elif path := facts["path"] or facts["picture"] or facts["folder"] or facts["sound"]:
                used.add(path)
            else:
                lost.add(name)
        either = {name for several in ambiguous.values() for name in several}
        others = (name for name, path in self._videos.paths.items() if path not in used and name not in either)
        return joined(what, sorted_out(found, lost, ambiguous, others), missing=missing, aside=aside)

    def __contains__(self, name: str) -> bool:
        """Whether both a picture and a sound may exist (a video may turn out to have none)."""
        found = self.find(name)
        return bool(found["path"] or ((found["picture"] or found["folder"]) and found["sound"]))


def shown_file(facts: Mapping[str, Any], otherwise: str) -> str:
    """The file of a recording to show in the manifest: its video, picture or folder of pictures."""
    return utf8_name(facts["path"] or facts["picture"] or facts["folder"] or otherwise)
