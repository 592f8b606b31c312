"""KEY.json of a webdataset: the description of a clip, as avloc writes and reads it.

{"id", "video", "start", "labels": [class, ...], "boxes": [{"box": [left, top, right, bottom], "frame", "class",
"sounding"}], "masks": [{"size": [h, w], "counts": [...], "frame", "class", "sounding"}], "annotated": [...],
"frame_keys": [...], "avloc": {...}}. Boxes are in [0, 1]; masks are run lengths as in COCO: column by column, starting
with a run of zeros; "avloc" is described in `sample_notes`. All keys are optional; other keys are ignored.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.data.clip import Clip
from avloc.errors import DataError
from avloc.naming import as_json
from avloc.plain_json import plain_json
from avloc.prepare.layouts.sample_notes import KEY, read_notes
from avloc.run_lengths import checked_runs, runs_of

MOST = 10_000  # boxes or masks of a clip


@dataclass
class About:
    """See the module. stated: whether the file has classes at all. boxes: (corners, frame, class or None, sounding). masks:
    (h, w, run lengths, frame, class, sounding). annotated: None if it is not in the file, empty for every frame.
    notes: fields of the manifest.
    """

    id: str | None = None
    video: str | None = None
    start: float = 0.0
    labels: tuple[str, ...] = ()
    stated: bool = False
    boxes: list[tuple[list[float], int, str | None, bool]] = field(default_factory=list)
    masks: list[tuple[int, int, list[int], int, str | None, bool]] = field(default_factory=list)
    annotated: list[bool] | None = None
    frame_keys: list[str] | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> set[str]:
        marked = {box[2] for box in self.boxes} | {mask[4] for mask in self.masks}
        return {*self.labels, *(label for label in marked if label is not None)}

    @property
    def sounding(self) -> set[str]:
        """The classes that sound: those that are stated, otherwise also those of the sounding boxes and masks."""
        marked = {box[2] for box in self.boxes if box[3]} | {mask[4] for mask in self.masks if mask[5]}
        return {*self.labels, *(label for label in marked if label is not None and not self.stated)}


def write_about(clip: Clip, classes: Sequence[str], notes: Mapping[str, Any]) -> bytes:
    """The JSON of a stored clip. notes: see `notes_of`."""

    def name(label: int) -> str | None:
        return classes[label] if label >= 0 else None

    about: dict[str, Any] = {
        "id": clip.id,
        "video": clip.video,
        "start": clip.start,
        "labels": [classes[label] for label in clip.labels],
        "boxes": [
            {"box": list(box.xyxy), "frame": box.frame, "class": name(box.label), "sounding": box.sounding}
            for box in clip.boxes
        ],
        "annotated": list(clip.annotated),
        "frame_keys": list(clip.frame_keys),
    }
    if clip.masks:
        about["masks"] = [
            {
                "size": list(mask.pixels.shape), "counts": runs_of(mask.pixels), "frame": mask.frame,
                "class": name(mask.label), "sounding": mask.sounding,
            }
            for mask in clip.masks
        ]  # fmt: skip
    about[KEY] = notes
    return json.dumps(about, ensure_ascii=False).encode()


def read_about(content: bytes) -> About:
    """DataError with a short text for anything in another form."""
    try:
        value = plain_json(content.decode("utf-8-sig"))
    except ValueError as error:
        raise DataError(f"not JSON ({str(error)[:80]})") from None
    if not isinstance(value, dict):
        raise DataError(f"a {type(value).__name__}; expected an object")
    about = About(id=_text(value, "id"), video=_text(value, "video"), labels=_labels(value))
    about.stated = bool({"labels", "label", "class"} & set(value))
    start = value.get("start", 0.0)
    if not _number(start) or not abs(start) < 1e9:
        raise DataError(f"start is {as_json(start)}; expected seconds")
    about.start = float(start)
    for row in _rows(value, "boxes"):
        box = row.get("box")
        if not isinstance(box, list) or len(box) != 4 or not all(_number(n) and abs(n) <= 10 for n in box):
            raise DataError(f"box {as_json(box)}; expected left, top, right, bottom as fractions of the frame")
        about.boxes.append(([float(number) for number in box], *_common(row)))
    for row in _rows(value, "masks"):
        about.masks.append((*checked_runs(row.get("size"), row.get("counts")), *_common(row)))
    if "annotated" in value:
        about.annotated = _all(value, "annotated", bool)
    elif "boxes" in value or "masks" in value:
        about.annotated = []  # every frame
    if "frame_keys" in value:
        about.frame_keys = _all(value, "frame_keys", str)
    about.notes = read_notes(value)
    return about


def _labels(value: dict[str, Any]) -> tuple[str, ...]:
    given = value.get("labels", value.get("label", value.get("class", [])))
    listed = given if isinstance(given, list) else [given]
    if len(listed) > MOST or not all(isinstance(one, str | int) and not isinstance(one, bool) for one in listed):
        raise DataError(f"labels {as_json(given)}; expected names of classes")
    return tuple(dict.fromkeys(class_name(str(one)) for one in listed))


def class_name(text: str) -> str:
    """One line of reasonable length; DataError for anything else."""
    name = text.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise DataError(f"class {as_json(text)}; expected a name of up to 200 characters")
    return name


def _common(row: dict[str, Any]) -> tuple[int, str | None, bool]:
    frame, label, sounding = row.get("frame", 0), row.get("class"), row.get("sounding", True)
    if not isinstance(frame, int) or isinstance(frame, bool) or not 0 <= frame < 10_000:
        raise DataError(f"frame {as_json(frame)}; expected a number from 0")
    if not isinstance(sounding, bool) or not (label is None or isinstance(label, str)):
        raise DataError(f"class {as_json(label)}, sounding {as_json(sounding)}; expected a name, and true or false")
    return frame, None if label is None else class_name(label), sounding


def _rows(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = value.get(name, [])
    if not isinstance(rows, list) or len(rows) > MOST or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name} {as_json(rows)}; expected a list of objects")
    return rows


def _all(value: dict[str, Any], name: str, kind: type) -> list[Any]:
    given = value[name]
    if not isinstance(given, list) or not all(isinstance(one, kind) for one in given):
        raise DataError(f"{name} {as_json(given)}; expected a list of {kind.__name__}")
    return given


def _text(value: dict[str, Any], name: str) -> str | None:
    text = value.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or not text or len(text) > 300 or not text.isprintable():
        raise DataError(f"{name} {as_json(text)}; expected text of up to 300 characters")
    return text


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
