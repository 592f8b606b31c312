"""The masks of AVSBench's test set as a ground truth: gt_masks/test/[CATEGORY/]VIDEO/VIDEO_n.png, one mask per frame.

Ids are those of the box lists: VIDEO/VIDEO.mp4_n in MS3, CATEGORY/VIDEO/VIDEO_n in S4. An empty mask is a silent frame.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.builder import Builder
from avloc.annotations.listed_masks import SIZE, boxed
from avloc.annotations.mask_files import read_mask, squared
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.walking import files_in

FOLDER = "gt_masks"
ENDING = ".png"


def read_mask_tree(folder: Path, name: str) -> Truth:
    """All masks of the folder `gt_masks`, or of its split `test` if it has splits, in the order of their paths."""
    root = folder / "test" if (folder / "test").is_dir() else folder
    build = Builder(name)
    masks: list[NDArray[np.bool_]] = []
    for path in _files(root):
        parts = path.relative_to(root).parts
        wanted = 3 if name == "avsbench-s4" else 2
        video, _, number = path.stem.rpartition("_")
        if len(parts) != wanted or parts[-2] != video or not number.isdecimal():
            expected = "test/CATEGORY/VIDEO/VIDEO_n.png" if wanted == 3 else "test/VIDEO/VIDEO_n.png"
            raise DataError(f"{path}: not the path of a mask of {name}; expected {FOLDER}/{expected}")
        ms3 = name == "avsbench-ms3"
        label = None if ms3 else parts[0]
        build.clip(f"{video}/{video}.mp4_{number}" if ms3 else "/".join((*parts[:-1], path.stem)), video, label)
        masks.append(squared(read_mask(path), SIZE))
    if not masks:
        raise DataError(f"{folder}: contains no mask; expected {FOLDER}/test with a PNG file for each frame")
    return boxed(build.truth(masks=np.stack(masks)[:, None]))


def _files(root: Path) -> list[Path]:
    """Numbered frames in numerical order; hidden files are ignored."""
    found = files_in(root, ENDING, deep=True)
    return sorted(found, key=lambda path: (path.parent, len(path.stem), path.stem))
