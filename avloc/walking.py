"""Lists the files under a folder: system files are ignored, links to folders are followed, each folder is visited once."""

import logging
import os
from collections.abc import Container, Iterator
from pathlib import Path

from avloc.errors import DataError
from avloc.files import why
from avloc.links import OPTION, bounds, target
from avloc.naming import counted, some

logger = logging.getLogger(__name__)

#: files that macOS, Windows, Linux and network drives add to folders
_SYSTEM = frozenset(
    ("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information", "lost+found")
)


def visible(name: str) -> bool:
    """Whether a file or folder of this name is the user's: neither hidden (.DS_Store, ._a.mp4) nor a system file."""
    return not name.startswith(".") and name.lower() not in _SYSTEM


def listed(folder: Path | str) -> list[str]:
    """The visible names in a folder, sorted; empty if the folder does not exist."""
    try:
        return sorted(filter(visible, os.listdir(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({why(error)})") from None


def walk(root: Path | str, skip: Container[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """(folder within `root`, "" for `root` itself; its visible files, sorted) for each folder, in the order of their
    paths.

    A folder that is reached in two ways counts once, at its real place rather than through a link. skip: names of
    folders that are not entered. An unreadable folder is skipped and logged; for `root` it is a DataError.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    been: set[tuple[int, int]] = set()
    unreadable: list[str] = []
    links: list[tuple[str, ...]] = [()]
    while links:  # real folders are all visited before any link is followed
        begin, links = sorted(links), []
        for first in begin:
            waiting = [first]
            while waiting:
                place = waiting.pop()
                try:
                    own = os.stat(os.path.join(root, *place))
                    if (own.st_dev, own.st_ino) in been:
                        continue
                    been.add((own.st_dev, own.st_ino))
                    files, folders, linked = _entries(os.path.join(root, *place), skip)
                except OSError as error:
                    if not place:
                        raise DataError(f"{root}: cannot be read ({why(error)})") from None
                    unreadable.append(f"{'/'.join(place)} ({why(error)})")
                    continue
                found[place] = files
                waiting += [(*place, name) for name in folders]
                links += [(*place, name) for name in linked]
    if unreadable:
        folders_are = counted(len(unreadable), "folder cannot be read and is", "folders cannot be read and are")
        logger.warning("%s: %s skipped: %s", root, folders_are, some(unreadable))
    for place in sorted(found):
        yield os.path.join("", *place), found[place]


def _entries(folder: str, skip: Container[str]) -> tuple[list[str], list[str], list[str]]:
    """The visible files of a folder, sorted, its folders, and its links to folders."""
    files: list[str] = []
    folders: list[str] = []
    linked: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not visible(entry.name):
                continue
            if not is_folder(entry):
                files.append(entry.name)
            elif entry.name not in skip:
                (linked if entry.is_symlink() else folders).append(entry.name)
    return sorted(files), folders, linked


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder or leads to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: opening it will raise the error
        return False


def files_in(folder: Path, *endings: str, deep: bool = False) -> list[Path]:
    """The visible files in a folder, or with `deep` in its subfolders too, with these suffixes (case-insensitive).

    Without `deep`, folders are included, and without suffixes, all names. Links out of the folder are left out and
    logged.
    """
    places = walk(folder) if deep else [("", listed(folder))]
    names = ((where, name) for where, found in places for name in found)
    paths = sorted(Path(folder, where, name) for where, name in names if not endings or name.lower().endswith(endings))
    limits = bounds(folder)
    out = [path for path in paths if limits.lead_out(path)]
    if out:
        links_are = counted(len(out), "link to outside the folder is", "links to outside the folder are")
        logger.warning("%s: %s left out (%s reads them): %s", folder, links_are, OPTION, some(map(target, out)))
    return [path for path in paths if path not in set(out)] if out else paths
