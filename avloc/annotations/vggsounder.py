"""VGGSounder's tables: what is audible and visible in clips of VGGSound, with a row for each label of each clip.

Bizilizi/VGGSounder@5a91bf6: vggsounder.csv with the columns video_id, label, modality (A: heard only, V: seen only, AV: both)
and the flags background_music, static_image and voice_over of the whole clip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError
from avloc.tables import header_of, plain, read_table

TABLES = ("vggsounder+background-music.csv", "vggsounder.csv", "vggsounder_of_vggss.csv")
COLUMNS = ("video_id", "label", "modality", "background_music", "static_image", "voice_over")
#: flags for selecting clips: audible and visible are properties of its labels, the others of the whole clip
Flag = Literal["audible", "visible", "static_image", "background_music", "voice_over"]
OF_CLIP = ("static_image", "background_music", "voice_over")


@dataclass(frozen=True)
class Sounder:
    """One clip. labels: name -> modality, A, V or AV. flags: of OF_CLIP. left: the selected labels; None: all."""

    labels: Mapping[str, str]
    flags: Mapping[str, bool]
    left: tuple[str, ...] | None = None

    @property
    def heard(self) -> tuple[str, ...]:
        """The sounding classes among the selected ones."""
        return tuple(label for label in (self.labels if self.left is None else self.left) if self.has(label, "audible"))

    def has(self, label: str, flag: str) -> bool:
        """Whether a label of this clip has a flag."""
        if flag in OF_CLIP:
            return self.flags[flag]
        return ("A" if flag == "audible" else "V") in self.labels[label]

    def note(self) -> dict[str, Any]:
        """The clip's entry in the manifest of a store: all of its labels, selected or not."""
        parts = {flag: [label for label in self.labels if self.has(label, flag)] for flag in ("audible", "visible")}
        return {**parts, **self.flags}


def is_sounder(path: Path) -> bool:
    """Whether the first line of a file is the header of such a table."""
    return {"video_id", "label", "modality"} <= set(header_of(path))


def read_sounder(path: Path) -> dict[str, Sounder]:
    """Clips by id, in the order of the table; DataError, with the line, for an invalid row."""
    table = read_table(path, 1, "VGGSounder's table", headed=True)
    names = [plain(name) for name in table.header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}; expected {', '.join(COLUMNS)}")
    found: dict[str, Sounder] = {}
    for line, row in table.rows:
        _add(found, dict(zip(names, map(str.strip, row), strict=False)), f"{path}:{line}")
    return found


def _add(found: dict[str, Sounder], row: Mapping[str, str], where: str) -> None:
    name, label, modality = (row.get(column, "") for column in COLUMNS[:3])
    flags = {column: row.get(column, "") for column in OF_CLIP}
    if not name or not label or modality not in ("A", "V", "AV"):
        raise DataError(f"{where}: found {name!r}, {label!r}, {modality!r}; expected a clip, a label, and A, V or AV")
    wrong = next((column for column, value in flags.items() if value.lower() not in ("true", "false")), None)
    if wrong is not None:
        raise DataError(f"{where}: {wrong} is {flags[wrong]!r}; expected True or False")
    told = {column: value.lower() == "true" for column, value in flags.items()}
    known = found.setdefault(name, Sounder({}, told))
    if known.flags != told:
        raise DataError(f"{where}: {name} has other flags than in previous rows; expected the same in each")
    if known.labels.get(label, modality) != modality:
        raise DataError(f"{where}: {name}: {label!r} is {modality}, in a previous row {known.labels[label]}")
    found[name] = replace(known, labels={**known.labels, label: modality})


def choose(clips: Mapping[str, Sounder], only: Sequence[str], without: Sequence[str]) -> dict[str, Sounder]:
    """The clips that have labels with every flag of `only` and none of `without`; `left` keeps these labels."""
    for flag in (*only, *without):
        if flag not in get_args(Flag):
            raise DataError(f"no flag {flag!r}; VGGSounder has {', '.join(get_args(Flag))}")
    found = {}
    for name, clip in clips.items():
        left = tuple(
            label
            for label in clip.labels
            if all(clip.has(label, flag) for flag in only) and not any(clip.has(label, flag) for flag in without)
        )
        if left:
            found[name] = replace(clip, left=left)
    return found


def parts_of(clips: Mapping[str, Sounder], classes: Mapping[str, str]) -> dict[str, NDArray[np.bool_]]:
    """Parts of a set of clips with one class each, {id: class}: which of its N clips are in each, (N,).

    By VGGSounder's modality of the clip's own class, and by the flags of the whole clip. Empty parts are left out.
    """
    rows = [(clips.get(clip), label) for clip, label in classes.items()]
    parts: dict[str, list[bool]] = {
        "audible and visible": [one is not None and one.labels.get(label) == "AV" for one, label in rows],
        "audible, not visible": [one is not None and one.labels.get(label) == "A" for one, label in rows],
        "visible, not audible": [one is not None and one.labels.get(label) == "V" for one, label in rows],
        "class not confirmed": [one is not None and label not in one.labels for one, label in rows],
        "a sound that is not visible": [one is not None and "A" in one.labels.values() for one, _ in rows],
        "still picture": [one is not None and one.flags["static_image"] for one, _ in rows],
        "voice-over": [one is not None and one.flags["voice_over"] for one, _ in rows],
        "background music": [one is not None and one.flags["background_music"] for one, _ in rows],
        "none of these flags": [one is not None and not any(one.flags.values()) for one, _ in rows],
        "not in VGGSounder": [one is None for one, _ in rows],
    }
    return {name: np.array(inside) for name, inside in parts.items() if any(inside)}
