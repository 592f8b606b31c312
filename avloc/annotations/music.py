"""MUSIC: the AVGN lists and the DSOL annotation. Boxes are x, y, w, h in fractions of the frame."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avloc.annotations.builder import Builder
from avloc.annotations.files import Files, json_list, json_object
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.plain_arrays import plain_array
from avloc.walking import files_in

#: the detector's numbers in the published annotation; it has no others of the classes:
#: DTaoo/Discriminative-Sounding-Objects-Localization@7f40207
CATEGORIES: dict[int, str] = {
    1: "cello",
    3: "acoustic_guitar",
    8: "saxophone",
    10: "trumpet",
    11: "violin",
    12: "flute",
    13: "accordion",
}
_MUSIC = "accordion acoustic_guitar cello clarinet erhu flute saxophone trumpet tuba violin xylophone"
CLASSES = tuple(_MUSIC.split())


def read_music_solo(files: Files) -> Truth:
    """music_solo.json of stoneMo/AVGN@5ab8cab: {file, class, bbox}; file is <video>_<segment>_<frame>."""
    build = Builder("music-solo")
    for row in json_list(files.main("music_solo.json"), "file", "class", "bbox"):
        build.clip(row["file"], row["file"][:11], row["class"])
        build.xywh(row["bbox"], row["class"])
    return build.truth()


def read_music_duet(files: Files) -> Truth:
    """music_duet.json of stoneMo/AVGN@5ab8cab: {file, class_src1, bbox_src1, class_src2, bbox_src2}, sources in that order."""
    build = Builder("music-duet")
    keys = ("file", "class_src1", "bbox_src1", "class_src2", "bbox_src2")
    for row in json_list(files.main("music_duet.json"), *keys):
        build.clip(row["file"], row["file"][:11])
        build.xywh(row["bbox_src1"], row["class_src1"], source=0)
        build.xywh(row["bbox_src2"], row["class_src2"], source=1)
    return build.truth()


def read_dsol_solo(files: Files) -> Truth:
    """solotest.json, or its compact form, of the DSOL release."""
    return _dsol(files, "dsol-solo", "solotest.json", "solotest_compact.json", "musictest.json")


def read_dsol_duet(files: Files) -> Truth:
    """duettest.json, or its compact form, of the DSOL release."""
    return _dsol(files, "dsol-duet", "duettest.json", "duettest_compact.json", "musictest.json")


def _dsol(files: Files, name: str, *names: str) -> Truth:
    """{key: {bbox: [{normbox, category_id}]}} as published, or {key: {bbox: [[category_id, x, y, w, h]]}} as
    converted."""
    path = files.main(*names)
    build = Builder(name, CLASSES)
    for key, row in json_object(path).items():
        if not isinstance(row, dict) or "bbox" not in row:
            raise DataError(f"{path}: {key}: expected an object with 'bbox'")
        build.clip(key, key.split("/")[0])
        for box in row["bbox"]:
            category, xywh = _dsol_box(path, key, box)
            build.xywh(xywh, _class(path, key, category, CATEGORIES))
    return build.truth(by_class=True)


def _dsol_box(path: Path, key: str, box: Any) -> tuple[Any, list[float]]:
    if isinstance(box, list) and len(box) == 5:
        return box[0], box[1:]
    if isinstance(box, dict) and "normbox" in box and {"category_id", "category"} & set(box):
        return box.get("category_id", box.get("category")), box["normbox"]
    raise DataError(f"{path}: {key}: a box is neither [category_id, x, y, w, h] nor has normbox and category_id")


def _class(path: Path, key: str, category: Any, names: Mapping[int, str]) -> str:
    if category not in names:
        known = ", ".join(f"{number} {name}" for number, name in names.items())
        raise DataError(f"{path}: {key}: category {category!r} is unknown; expected one of {known}")
    return names[category]


def read_dsol_synthetic(files: Files) -> Truth:
    """box/<stem>.npy of the MUSIC-synthetic test set: rows x, y, w, h, category id, in fractions of the tiled image."""
    root = files.path if files.path.name == "box" else files.named("box")
    if root not in files.read:
        files.read.append(root)
    build = Builder("dsol-synthetic", CLASSES)
    paths = files_in(root, ".npy")
    if not paths:
        raise DataError(f"{root}: no .npy files; expected one for each sample")
    for path in paths:
        try:
            rows = plain_array(path).reshape(-1, 5)
            if rows.dtype.kind not in "fiu" or not np.isfinite(rows).all():
                raise ValueError(f"they are {rows.dtype}, or not finite")
        except (ValueError, OSError) as error:
            raise DataError(f"{path}: not rows of x, y, w, h, category ({error})") from None
        build.clip(path.stem, path.stem)
        for x, y, w, h, category in rows.tolist():
            build.xywh((x, y, w, h), _class(path, path.stem, int(category), CATEGORIES))
    return build.truth(by_class=True)
