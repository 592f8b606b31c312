"""The user's own ground truth: the JSON of this package, COCO's json, or a folder of Pascal VOC XML files."""

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from avloc.annotations.builder import Builder
from avloc.annotations.files import Absent, Files, fractions_of_pixels, json_object
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.naming import brief, utf8_name
from avloc.plain_xml import xml_root
from avloc.walking import files_in

SOUNDS = ("own", "silence", "noise", "ambient", "other")


def read_own(files: Files, name: str = "") -> Truth:
    """Detects which of the three a path contains."""
    if files.path.is_dir():
        files.read.append(files.path)
        return read_voc(files.path, name)
    path = files.main()
    if path.suffix.lower() == ".xml":
        return read_voc(path, name)
    table = json_object(path)
    if "clips" in table:
        return read_truth_json(path, table, name)
    if {"images", "annotations"} <= set(table):
        return read_coco(path, table, name)
    raise DataError(f"{path}: expected 'clips' (your own boxes) or 'images' and 'annotations' (COCO)")


def read_truth_json(path: Path, table: dict[str, Any], name: str = "") -> Truth:
    """{"name", "boxes": "xyxy"|"xywh", "units": "fraction"|"pixels", "size": [W, H], "clips": [{"id", "video"?,
    "boxes"}]}.

    A box is {"box": [4], "class"?, "sounding"?, "annotator"?, "source"?}; one with "sounding" false is around a silent
    object. A clip without sounding boxes is a negative, and can name the sound it was given in "sound". Clips with the
    same "scene" show one picture, each with another of its sounds. "votes" (1) is the number of boxes that must agree
    for the full weight of a pixel.
    """
    layout, units = table.get("boxes", "xyxy"), table.get("units", "fraction")
    if layout not in ("xyxy", "xywh"):
        raise DataError(f"{path}: boxes {layout!r}; expected 'xyxy' or 'xywh'")
    if units not in ("fraction", "pixels"):
        raise DataError(f"{path}: units {units!r}; expected 'fraction' or 'pixels'")
    size = table.get("size")
    if units == "pixels" and not (isinstance(size, list) and len(size) == 2 and all(_positive(side) for side in size)):
        raise DataError(f"{path}: size {size!r}; boxes in pixels need 'size': [width, height]")
    if not isinstance(table["clips"], list) or not table["clips"]:
        raise DataError(f"{path}: 'clips' is empty; expected a list of objects with 'id' and 'boxes'")
    votes = table.get("votes", 1)
    if not isinstance(votes, int) or not _positive(votes):
        raise DataError(f"{path}: votes {votes!r}; expected a whole number, 1 or more")
    build = Builder(name or str(table.get("name", path.stem)))
    kinds: list[str] = []
    scenes: list[str] = []
    for number, clip in enumerate(table["clips"]):
        if not isinstance(clip, dict) or not isinstance(clip.get("id"), str):
            raise DataError(f"{path}: clip {number}: expected an object with the text 'id'")
        build.clip(clip["id"], str(clip.get("video", clip["id"])), clip.get("class"))
        kinds.append(clip.get("sound", "own"))
        if kinds[-1] not in SOUNDS:
            raise DataError(f"{path}: clip {clip['id']}: sound {kinds[-1]!r}; expected one of {', '.join(SOUNDS)}")
        scenes.append(clip.get("scene", ""))
        if not isinstance(scenes[-1], str):
            raise DataError(f"{path}: clip {clip['id']}: scene {scenes[-1]!r}; expected text")
        if not isinstance(clip.get("boxes", []), list):
            raise DataError(f"{path}: clip {clip['id']}: boxes {clip['boxes']!r}; expected a list")
        for box in clip.get("boxes", []):
            _own_box(path, build, clip["id"], box, layout, size if units == "pixels" else None)
    sourced = any("source" in box for clip in table["clips"] for box in clip.get("boxes", []))
    sound = kinds if any(kind != "own" for kind in kinds) else None
    truth = build.truth(by_class=not sourced, votes=votes, sound=sound, scenes=scenes if any(scenes) else None)
    if units == "pixels" and size is not None:
        truth.picture_sizes = np.full((len(truth), 2), np.round(size), np.int64)
    if truth.warnings:
        raise DataError(f"{path}: {truth.warnings[0].split(';')[0]}; fix or remove them")
    return truth


def _own_box(path: Path, build: Builder, clip: str, box: Any, layout: str, size: list[float] | None) -> None:
    numbers = box.get("box") if isinstance(box, dict) else box
    if (
        not isinstance(box, dict)
        or not isinstance(numbers, list)
        or len(numbers) != 4
        or not all(_number(n) for n in numbers)
    ):
        raise DataError(f"{path}: clip {clip}: box {numbers!r}; expected {{'box': [four numbers]}}")
    x, y, third, fourth = (float(number) for number in numbers)
    corners = [x, y, x + third, y + fourth] if layout == "xywh" else [x, y, third, fourth]
    label, source, annotator = box.get("class"), box.get("source", 0), box.get("annotator", 0)
    if not all(isinstance(number, int) and number >= 0 for number in (source, annotator)):
        raise DataError(
            f"{path}: clip {clip}: source {source!r}, annotator {annotator!r}; expected whole numbers from 0"
        )
    sounding = box.get("sounding", True)
    if not isinstance(sounding, bool):
        raise DataError(f"{path}: clip {clip}: sounding {sounding!r}; expected true or false")
    if not sounding:
        build.silent_box(corners if size is None else fractions_of_pixels([corners], *size)[0], label)
    elif size is not None:
        build.box(fractions_of_pixels([corners], *size)[0], label, source=source, annotator=annotator)
    else:
        build.box(corners, label, numbers if layout == "xywh" else None, source, annotator)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def read_coco(path: Path, table: dict[str, Any], name: str = "") -> Truth:
    """COCO's json: boxes x, y, w, h in pixels of their image; ids are the file names without suffix, else the image
    ids. If two files have the same name, all ids keep their folders, with slashes.
    """
    build = Builder(name or path.stem)
    sizes: list[tuple[int, int]] = []
    labels = {row["id"]: row["name"] for row in table.get("categories", [])}
    boxes: dict[Any, list[dict]] = {}
    for row in table["annotations"]:
        box = row.get("bbox")
        if "image_id" not in row or not isinstance(box, list) or len(box) != 4 or not all(map(_number, box)):
            found = brief(f"{box!r}")
            raise DataError(
                f"{path}: annotation {row.get('id')}: bbox {found}; expected 'image_id' and a 'bbox' of four numbers"
            )
        boxes.setdefault(row["image_id"], []).append(row)
    files = [_without_ending(str(image.get("file_name", image.get("id")))) for image in table["images"]]
    short = [PurePosixPath(file).name for file in files]
    for image, clip in zip(table["images"], short if len(set(short)) == len(short) else files, strict=True):
        if (
            not {"id", "width", "height"} <= set(image)
            or not _positive(image["width"])
            or not _positive(image["height"])
        ):
            raise DataError(f"{path}: image {image.get('id')}: expected 'id', 'width' and 'height' above 0")
        build.clip(clip, str(image.get("video", clip)))
        sizes.append((round(image["width"]), round(image["height"])))
        for row in boxes.pop(image["id"], []):
            x, y, w, h = row["bbox"]
            corners = fractions_of_pixels([[x, y, x + w, y + h]], image["width"], image["height"])[0]
            build.box(corners, labels.get(row.get("category_id")))
    if boxes:
        raise DataError(f"{path}: {len(boxes)} images with boxes are not listed, such as {next(iter(boxes))}")
    return build.truth(by_class=True, long_ids=files, picture_sizes=np.array(sizes, np.int64).reshape(-1, 2))


def _without_ending(file: str) -> str:
    """videoA/000066 for videoA/000066.png, with either slash."""
    path = PurePosixPath(file.replace("\\", "/"))
    return path.with_suffix("").as_posix() if path.stem else file


def read_voc(path: Path, name: str = "") -> Truth:
    """Pascal VOC: <annotation> with <size> and <object>; pixels count from 1 and the far corner is included.

    Ids are the file names without suffix, with their folders if all files are in folders of `path`.
    """
    paths = (files_in(path, ".xml") or files_in(path, ".xml", deep=True)) if path.is_dir() else [path]
    if not paths:
        raise Absent(f"{path}: no XML files; expected one Pascal VOC file for each clip")
    build = Builder(name or path.stem)
    for file in paths:
        root = xml_root(file, "a Pascal VOC annotation")
        try:
            width, height = (float(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
            if width <= 0 or height <= 0:
                raise ValueError("no <size> with width and height")
            clip = utf8_name(file.relative_to(path).with_suffix("").as_posix() if path.is_dir() else file.stem)
            build.clip(clip, clip)
            for item in root.iter("object"):
                x0, y0, x1, y1 = (float(item.findtext(f"bndbox/{c}") or "") for c in ("xmin", "ymin", "xmax", "ymax"))
                build.box(fractions_of_pixels([[x0 - 1, y0 - 1, x1, y1]], width, height)[0], item.findtext("name"))
        except (ValueError, OverflowError) as error:
            raise DataError(f"{file}: not a Pascal VOC annotation ({error})") from None
    return build.truth(by_class=True)
