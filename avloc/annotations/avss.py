"""AVSS, the part of AVSBench with a class for every pixel: metadata.csv, label2idx.json and one folder per video.

OpenNLPLab/AVSBench@f7414af. The data is available on request; the folders are those that the release's loader reads.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.annotations.builder import Builder
from avloc.annotations.files import Absent, Files, json_object
from avloc.annotations.listed_masks import SIZE
from avloc.annotations.mask_files import AVSS_CLASSES, box_of, read_classes
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.joins import match
from avloc.leftovers import joined
from avloc.naming import brief, counted, some, utf8_name
from avloc.tables import read_table
from avloc.walking import listed

TABLE, NUMBERS = "metadata.csv", "label2idx.json"
#: frames per video in each part
COUNTS = {"v1s": 5, "v1m": 5, "v2": 10}
#: masks of class numbers, or in the colours of the classes
FOLDERS = ("labels_semantic", "labels_rgb")


def read_avss(files: Files) -> Truth:
    """The frames of the split test, with the class of every pixel at 224 x 224 and the box around each class.

    Ids are PART/UID/k. Videos without a folder, and masks that are missing or unreadable, are left out, counted and
    named in the warnings.
    """
    table = files.main(TABLE)
    root = table.parent
    classes = numbered_classes(files.named(NUMBERS))
    videos = _test_videos(table)
    there = [
        f"{part}/{utf8_name(name)}" for part in COUNTS for name in listed(root / part) if (root / part / name).is_dir()
    ]
    found = match(videos, there)
    join = joined(TABLE, found, missing="videos have no folder and are left out")
    build = Builder("avss", classes)
    labels: list[NDArray[np.uint8]] = []
    broken: list[str] = []
    for place, video in videos.items():
        for number in range(COUNTS[place.partition("/")[0]]) if place in found.pairs else ():
            path = _mask(root / found.pairs[place], number)
            try:
                numbers = _numbers(path)
            except DataError as error:
                broken.append(f"{place}/{number} ({brief(str(error).rpartition(': ')[2])})")
                continue
            files.read.append(path)
            build.clip(f"{place}/{number}", video)
            labels.append(numbers)
            for label in np.unique(numbers[numbers > 0]).tolist():
                box = box_of(numbers == label)
                assert box is not None
                build.box(box, classes[label - 1])
    if not labels:
        raise Absent(
            f"{root}: no mask of the {len(videos)} test videos of {TABLE}; expected PART/UID/{FOLDERS[0]}/0.png"
        )
    truth = build.truth(by_class=True, labels=np.stack(labels), unannotated=len(broken))
    truth.warnings += [str(join)] if join.left else []
    if broken:
        truth.warnings.append(
            f"{counted(len(broken), 'frame has', 'frames have')} no readable mask; left out: {some(broken, 3)}"
        )
    return truth


def _test_videos(table: Path) -> dict[str, str]:
    """PART/UID of each test video, and the video that it was cut from."""
    rows = read_table(table, 1, "a csv file with a header", headed=True)
    missing = [name for name in ("uid", "label", "split") if name not in rows.header]
    if missing:
        raise DataError(f"{table}: no column {missing[0]!r}; expected uid, label and split")
    found: dict[str, str] = {}
    for line, cells in rows.rows:
        row = dict(zip(rows.header, map(str.strip, cells), strict=False))
        part, uid = row.get("label", ""), row.get("uid", "")
        if part not in COUNTS or not uid:
            raise DataError(
                f"{table}:{line}: label {part!r}, uid {uid!r}; expected a uid and one of {', '.join(COUNTS)}"
            )
        if row.get("split") == "test":
            found[f"{part}/{uid}"] = row.get("vid") or uid
    if not found:
        raise DataError(f"{table}: no row of the split test; expected the videos to score")
    return found


def _mask(folder: Path, number: int) -> Path:
    """The mask of class numbers of a frame, else the coloured one."""
    paths = [folder / kind / f"{number}.png" for kind in FOLDERS]
    return next((path for path in paths if path.exists()), paths[0])


def _numbers(path: Path) -> NDArray[np.uint8]:
    numbers = read_classes(path)
    if numbers.max() > AVSS_CLASSES:
        raise DataError(f"{path}: class {numbers.max()}; expected 0 to {AVSS_CLASSES}")
    full = cv2.resize(numbers.astype(np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(full, np.uint8)


def numbered_classes(path: Path) -> tuple[str, ...]:
    """The 70 classes after the background, in the order of their numbers in label2idx.json, starting with 1."""
    numbers: Mapping[str, Any] = json_object(path)
    if sorted(numbers.values(), key=str) != sorted(range(1, AVSS_CLASSES + 2), key=str):
        raise DataError(f"{path}: expected names with the numbers 1 to {AVSS_CLASSES + 1}; found {len(numbers)} names")
    ordered = sorted(numbers, key=numbers.__getitem__)
    if ordered[0] != "background":
        raise DataError(f"{path}: number 1 is {ordered[0]!r}; expected 'background'")
    return tuple(ordered[1:])
