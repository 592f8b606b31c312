"""The user's own ground truth: the JSON of this package, COCO's json, or a folder of Pascal VOC XML files."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from avloc.annotations.builder import Builder
from avloc.annotations.files import Absent, Files, fractions_of_pixels, is_side, json_object
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.naming import brief, counted, first_double, utf8_name
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
    layout = _layout_of(path, table)
    if not isinstance(table["clips"], list) or not table["clips"]:
        raise DataError(f"{path}: 'clips' is empty; expected a list of objects with 'id' and 'boxes'")
    votes = table.get("votes", 1)
    if not isinstance(votes, int) or not _number(votes) or votes < 1:
        raise DataError(f"{path}: votes {votes!r}; expected a whole number, 1 or more")
    clips = [_checked_clip(path, number, clip) for number, clip in enumerate(table["clips"])]
    build = Builder(name or str(table.get("name", path.stem)))
    for clip in clips:
        where = f"{path}: clip {clip['id']}"
        build.clip(clip["id"], _video(where, clip, clip["id"]), clip.get("class"))
        for box in clip.get("boxes", []):
            _add_box(where, build, box, layout, clip.get("class"))
    sounds, scenes = ([clip.get(key, usual) for clip in clips] for key, usual in (("sound", "own"), ("scene", "")))
    truth = build.truth(
        by_class=not any("source" in box for clip in clips for box in clip.get("boxes", [])),
        votes=votes,
        sound=sounds if any(sound != "own" for sound in sounds) else None,
        scenes=scenes if any(scenes) else None,
    )
    if layout.size is not None:
        truth.picture_sizes = np.full((len(truth), 2), np.round(layout.size), np.int64)
    if truth.warnings:
        raise DataError(f"{path}: {truth.warnings[0].split(';')[0]}; fix or remove them")
    return truth


@dataclass(frozen=True)
class _Layout:
    """What the four numbers of a box are. size: width and height of the pictures, of boxes in pixels only."""

    corner_and_size: bool
    size: list[float] | None


def _layout_of(path: Path, table: dict[str, Any]) -> _Layout:
    boxes, units, size = table.get("boxes", "xyxy"), table.get("units", "fraction"), table.get("size")
    if boxes not in ("xyxy", "xywh"):
        raise DataError(f"{path}: boxes {boxes!r}; expected 'xyxy' or 'xywh'")
    if units not in ("fraction", "pixels"):
        raise DataError(f"{path}: units {units!r}; expected 'fraction' or 'pixels'")
    if units == "pixels" and not (isinstance(size, list) and len(size) == 2 and all(map(is_side, size))):
        raise DataError(f"{path}: size {size!r}; boxes in pixels need 'size': [width, height]")
    return _Layout(boxes == "xywh", size if units == "pixels" else None)


def _checked_clip(path: Path, number: int, clip: Any) -> dict[str, Any]:
    if not isinstance(clip, dict) or not isinstance(clip.get("id"), str):
        raise DataError(f"{path}: clip {number}: expected an object with the text 'id'")
    where = f"{path}: clip {clip['id']}"
    sound, scene, boxes = clip.get("sound", "own"), clip.get("scene", ""), clip.get("boxes", [])
    if sound not in SOUNDS:
        raise DataError(f"{where}: sound {sound!r}; expected one of {', '.join(SOUNDS)}")
    if not isinstance(scene, str):
        raise DataError(f"{where}: scene {scene!r}; expected text")
    if not isinstance(boxes, list):
        raise DataError(f"{where}: boxes {boxes!r}; expected a list")
    return clip


def _video(where: str, row: dict[str, Any], usual: str) -> str:
    """The video of a clip; without one (or null), the clip is a video of its own."""
    video = row.get("video")
    if video is None:
        return usual
    if not isinstance(video, str | int) or isinstance(video, bool):
        raise DataError(f"{where}: video {brief(repr(video))}; expected text or a whole number")
    return str(video)


def _add_box(where: str, build: Builder, box: Any, layout: _Layout, usual: Any) -> None:
    """usual: the class of the clip, which is that of a sounding box without one."""
    if not isinstance(box, dict) or not _are_four(box.get("box")):
        found = box.get("box") if isinstance(box, dict) else box
        raise DataError(f"{where}: box {found!r}; expected {{'box': [four numbers]}}")
    numbers = box["box"]
    x, y, third, fourth = (float(number) for number in numbers)
    corners = [x, y, x + third, y + fourth] if layout.corner_and_size else [x, y, third, fourth]
    label, source, annotator = box.get("class"), box.get("source", 0), box.get("annotator", 0)
    if not all(isinstance(number, int) and _number(number) and number >= 0 for number in (source, annotator)):
        raise DataError(f"{where}: source {source!r}, annotator {annotator!r}; expected whole numbers from 0")
    sounding = box.get("sounding", True)
    if not isinstance(sounding, bool):
        raise DataError(f"{where}: sounding {sounding!r}; expected true or false")
    published = numbers if layout.corner_and_size else None
    if layout.size is not None:
        corners, published = fractions_of_pixels([corners], *layout.size)[0], None
    if sounding:
        build.box(corners, usual if label is None else label, published, source, annotator)
    else:
        build.silent_box(corners, label)


def _are_four(numbers: Any) -> bool:
    return isinstance(numbers, list) and len(numbers) == 4 and all(_number(number) for number in numbers)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_coco(path: Path, table: dict[str, Any], name: str = "") -> Truth:
    """COCO's json: boxes x, y, w, h in pixels of their image; ids are the file names without suffix, else the image
    ids. If two files have the same name, all ids keep their folders, with slashes.
    """
    build = Builder(name or path.stem)
    sizes: list[tuple[int, int]] = []
    for what in ("images", "categories"):
        double = first_double([str(row.get("id")) for row in table.get(what, [])])
        if double is not None:
            raise DataError(
                f"{path}: {what}: duplicate id {brief(double)}; expected each id once: renumber merged files"
            )
    labels = {row["id"]: row["name"] for row in table.get("categories", [])}
    boxes: dict[Any, list[dict]] = {}
    for row in table["annotations"]:
        box = row.get("bbox")
        if "image_id" not in row or not _are_four(box):
            found = brief(f"{box!r}")
            raise DataError(
                f"{path}: annotation {row.get('id')}: bbox {found}; expected 'image_id' and a 'bbox' of four numbers"
            )
        boxes.setdefault(row["image_id"], []).append(row)
    files = [_without_ending(str(image.get("file_name", image.get("id")))) for image in table["images"]]
    short = [PurePosixPath(file).name for file in files]
    for image, clip in zip(table["images"], short if len(set(short)) == len(short) else files, strict=True):
        if "id" not in image or not is_side(image.get("width")) or not is_side(image.get("height")):
            raise DataError(f"{path}: image {image.get('id')}: expected 'id', and 'width' and 'height' in pixels")
        build.clip(clip, _video(f"{path}: image {image['id']}", image, clip))
        sizes.append((round(image["width"]), round(image["height"])))
        for row in boxes.pop(image["id"], []):
            x, y, w, h = row["bbox"]
            corners = fractions_of_pixels([[x, y, x + w, y + h]], image["width"], image["height"])[0]
            build.box(corners, labels.get(row.get("category_id")))
    if boxes:
        raise DataError(
            f"{path}: {counted(len(boxes), 'image with boxes is', 'images with boxes are')} not listed, such as "
            f"{next(iter(boxes))}"
        )
    return build.truth(by_class=True, long_ids=files, picture_sizes=np.array(sizes, np.int64).reshape(-1, 2))


def _without_ending(file: str) -> str:
    """videoA/000066 for videoA/000066.png, with either slash."""
    path = PurePosixPath(file.replace("\\", "/"))
    return path.with_suffix("").as_posix() if path.stem else file


def read_voc(path: Path, name: str = "") -> Truth:
    """Pascal VOC: <annotation> with <size> and <object>; pixels count from 1 and the far corner is included.

    Ids are the file names without suffix, with their folders below `path`.
    """
    paths = files_in(path, ".xml", deep=True) if path.is_dir() else [path]
    if not paths:
        raise Absent(f"{path}: no XML files; expected one Pascal VOC file for each clip")
    build, sizes = Builder(name or path.stem), list[tuple[int, int]]()
    for file in paths:
        root = xml_root(file, "a Pascal VOC annotation")
        try:
            width, height = (float(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
            if not is_side(width) or not is_side(height):
                raise ValueError("no <size> with width and height in pixels")
            clip = utf8_name(file.relative_to(path).with_suffix("").as_posix() if path.is_dir() else file.stem)
            build.clip(clip, clip)
            sizes.append((round(width), round(height)))
            for item in root.iter("object"):
                x0, y0, x1, y1 = (float(item.findtext(f"bndbox/{c}") or "") for c in ("xmin", "ymin", "xmax", "ymax"))
                build.box(fractions_of_pixels([[x0 - 1, y0 - 1, x1, y1]], width, height)[0], item.findtext("name"))
        except (ValueError, OverflowError) as error:
            raise DataError(f"{file}: not a Pascal VOC annotation ({error})") from None
    return build.truth(by_class=True, picture_sizes=np.array(sizes, np.int64))
