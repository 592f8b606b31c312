"""Lists that are VGGSounder's tables: a clip for each id, with its labels and flags, and the selection by flags."""

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from avloc.annotations.vggsounder import Flag, Sounder, choose, is_sounder, read_sounder
from avloc.errors import DataError
from avloc.options import Ask
from avloc.prepare.parts.recipe import Lists

Only = Annotated[
    Sequence[Flag],
    "keep only labels and clips of VGGSounder with this flag: audible, visible, static_image, background_music or "
    "voice_over; may be repeated",
    Ask(commas=True),
]
Without = Annotated[
    Sequence[Flag], "leave out labels and clips of VGGSounder with this flag; may be repeated", Ask(commas=True)
]
logger = logging.getLogger(__name__)


def chosen(lists: Lists, only: Sequence[str], without: Sequence[str]) -> tuple[Lists, dict[str, Sounder]]:
    """The lists, those of VGGSounder filtered by the flags, and the labels and flags of these clips.

    DataError for flags without a list of VGGSounder, or if they leave no clip of a list.
    """
    told: dict[str, Sounder] = {}
    kept = dict(lists)
    for split, (path, ids) in lists.items():
        if not is_sounder(path):
            continue
        clips = {name: clip for name, clip in read_sounder(path).items() if name in set(ids)}
        left = choose(clips, only, without)
        asked = " ".join([*(f"--only {flag}" for flag in only), *(f"--without {flag}" for flag in without)])
        if not left:
            raise DataError(f"{path}: none of its {len(clips)} clips remains after {asked}; choose fewer flags")
        if asked:
            logger.warning("%s: %s leaves %d of %d clips of %s", split, asked, len(left), len(clips), path.name)
        kept[split] = path, [name for name in ids if name in left]
        told |= left
    if (only or without) and not told:
        raise DataError("--only and --without use VGGSounder's flags; give its table, --lists SPLIT=vggsounder.csv")
    return kept, told


def notes(told: Mapping[str, Sounder], name: str) -> dict[str, Any]:
    """The part of the manifest's line from VGGSounder, empty if it does not have the clip."""
    return {"vggsounder": told[name].note()} if name in told else {}


def heard_in(told: Mapping[str, Sounder], name: str) -> tuple[str, ...]:
    """The classes that VGGSounder lists as audible in a clip; none if it does not have the clip."""
    return told[name].heard if name in told else ()
