"""From folders to the sources of each part: the sources of every role are joined by class, grouped and split."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.endings import STILLS
from avloc.naming import counted, some
from avloc.prepare.composing.classes import Cast, join_classes
from avloc.prepare.composing.groups import grouped, located
from avloc.prepare.composing.natural import Marked, marked_photographs
from avloc.prepare.composing.pictures import PictureLayout, list_pictures
from avloc.prepare.composing.sounds import SoundLayout, list_sounds
from avloc.prepare.composing.sources import Found, Source, files_with, flat
from avloc.prepare.composing.splitting import Parts, split_up
from avloc.prepare.parts.linked_out import LINKED_OUT, linked_out

logger = logging.getLogger(__name__)

TWICE = "in two classes"


@dataclass(frozen=True)
class Folders:
    """Folders of the sources, with their settings; None if a role has no folder. classes, groups: the user's tables."""

    pictures: Path
    sounds: Path
    silent: Path | None = None
    noise: Path | None = None
    backgrounds: Path | None = None
    classes: Path | None = None
    groups: Path | None = None
    picture_layout: PictureLayout = "auto"
    sound_layout: SoundLayout = "auto"


@dataclass(frozen=True)
class Gathered:
    """classes: those with pictures and sounds. roots: the folder of each role's files. pools: what -> part -> name ->
    sources, of pictures, things, sounds, noises and backgrounds; with photographs also "photographs". left_out: files
    that are not used, with the reason.
    """

    classes: tuple[str, ...]
    roots: Mapping[str, Path]
    pools: Mapping[str, Parts]
    photographs: Mapping[str, Marked] | None
    left_out: Mapping[str, str]


def gather(folders: Folders, shares: Mapping[str, float], seed: int, whole: bool) -> Gathered:
    """whole: photographs with marked objects are shown unchanged."""
    roots: dict[str, Path] = {}
    roots["pictures"], shown = list_pictures(folders.pictures, folders.picture_layout)
    roots["sounds"], heard = list_sounds(folders.sounds, folders.sound_layout)
    things, noises = Found(), Found()
    if folders.silent is not None:
        roots["silent"], things = list_pictures(folders.silent, "folders", "silent")
    if folders.noise is not None:
        roots["noise"], noises = list_sounds(folders.noise, "folders", "noise")
    places: list[Source] = []
    if folders.backgrounds is not None:
        roots["backgrounds"] = folders.backgrounds
        files = [f"backgrounds:{file}" for file in files_with(folders.backgrounds, STILLS, "pictures of places")]
        places = [Source(file, "backgrounds", file) for file in files]
    cast = join_classes(shown, heard, things, noises, folders.classes)
    pools, left_out = _split(cast, places, roots, folders.groups, shares, seed)
    if twice := [file for file, why in left_out.items() if why == TWICE]:
        logger.warning(
            "%s identical to a file of another class; left out: %s",
            counted(len(twice), "file is", "files are"),
            some(twice),
        )
    photographs = None
    if whole:
        photographs, pools["photographs"] = marked_photographs(shown, cast.of_picture, pools)
    return Gathered(cast.classes, roots, pools, photographs, left_out)


def _split(
    cast: Cast,
    places: Sequence[Source],
    roots: Mapping[str, Path],
    groups: Path | None,
    shares: Mapping[str, float],
    seed: int,
) -> tuple[dict[str, Parts], dict[str, str]]:
    """Classes, silent things and noises are split together, so that equal files are found across all of them."""
    both = [_together(cast.pictures, cast.things), _together(cast.sounds, cast.noises), {"backgrounds": places}]
    files = {source.file: located(source.file, roots) for pool in both for source in flat(pool)}
    linked = set(linked_out(roots["pictures"], "files", files))
    within = [{name: [one for one in own if one.file not in linked] for name, own in pool.items()} for pool in both]
    (seen, audible, behind), twice = grouped(within, roots, groups)
    known: dict[str, str] = {}
    of_seen = split_up(seen, shares, known, seed, in_order=True)
    of_audible = split_up(audible, shares, known, seed, in_order=False)
    pools = {
        "pictures": _of(of_seen, "class "),
        "things": _of(of_seen, "beside "),
        "sounds": _of(of_audible, "class "),
        "noises": _of(of_audible, "beside "),
        "backgrounds": split_up(behind, shares, known, seed, in_order=True),
    }
    return pools, {**dict.fromkeys(sorted(linked), LINKED_OUT), **dict.fromkeys(twice, TWICE)}


def _together(
    classes: Mapping[str, Sequence[Source]], beside: Mapping[str, Sequence[Source]]
) -> dict[str, Sequence[Source]]:
    named = {f"class {name}": own for name, own in classes.items()}
    return named | {f"beside {name}": own for name, own in beside.items()}


def _of(parts: Parts, prefix: str) -> Parts:
    return {
        part: {name.removeprefix(prefix): found for name, found in own.items() if name.startswith(prefix)}
        for part, own in parts.items()
    }
