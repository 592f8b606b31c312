"""Masks in a folder next to a list of clips, as the pixels of its ground truth."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.mask_files import box_of, read_mask, squared
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.joins import match
from avloc.leftovers import joined
from avloc.naming import brief, counted, some, utf8_name
from avloc.walking import files_in

FOLDERS = ("gt_masks", "gray_masks")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp")
SIZE = 224  # px, size of the published masks


def with_masks(truth: Truth, folder: Path, wanted: Mapping[str, str], least: int) -> Truth:
    """The clips of a ground truth that have a mask, with their masks; a ground truth without boxes also gets the box
    around each mask.

    wanted: the name of the mask of each clip, by id. least: the smallest value of a marked pixel. Clips without a mask,
    and masks without a clip, are counted and named in the warnings.
    """
    root = folder / "test" if (folder / "test").is_dir() else folder
    there = {utf8_name(path.relative_to(root).as_posix()): path for path in files_in(root, *ENDINGS, deep=True)}
    found = match(wanted.values(), there)
    kept = [clip for clip, name in enumerate(truth.ids) if wanted[name] in found.pairs]
    if not kept:
        what = f"{folder}: no mask for any of {len(truth)} clips, such as {brief(next(iter(wanted.values())))}"
        if not len(truth.boxes):
            raise DataError(f"{what}; expected one for each")
        truth.warnings.append(f"{what}; only the boxes are read")
        return truth
    join = joined(
        folder.name,
        found,
        missing="clips have no mask and are left out",
        unused="masks are for no clip",
        ambiguous="clips match several masks and are left out",
        shared="clips match the same mask as another and are left out",
    )
    masks: dict[int, NDArray[np.bool_]] = {}
    broken: list[str] = []
    for clip in kept:
        try:
            masks[clip] = squared(read_mask(there[found.pairs[wanted[truth.ids[clip]]]], least), SIZE)
        except DataError:
            broken.append(truth.ids[clip])
    if not masks:
        raise DataError(
            f"{folder}: none of {len(kept)} masks can be read, such as {brief(broken[0])}; expected pictures"
        )
    part = truth.take(list(masks)) if len(masks) < len(truth) else truth
    part = replace(part, masks=np.stack(list(masks.values()))[:, None], unannotated=len(truth) - len(masks))
    part.warnings = [*truth.warnings, *([str(join)] if join.left else [])]
    if broken:
        part.warnings.append(f"{counted(len(broken), 'mask', 'masks')} cannot be read; left out: {some(broken, 3)}")
    return boxed(part) if not len(truth.boxes) else replace(part, boxed=True)


def boxed(truth: Truth) -> Truth:
    """A ground truth of one mask per clip, with the box around each mask for box protocols."""
    assert truth.masks is not None
    boxes, clips = boxes_around(truth.masks[:, 0])
    label = truth.reported_class[clips] if truth.clip_class is not None else np.full(len(clips), -1)
    none = None if truth.box_source is None else np.zeros(len(clips), np.int64)
    return replace(
        truth, boxes=boxes, box_clip=clips, box_class=label, box_source=none, box_annotator=None, xywh=None, boxed=True
    )


def boxes_around(masks: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The box (M, 4) around each of N masks that is not empty, and the mask of each box (M,)."""
    found = {number: box for number, mask in enumerate(masks) if (box := box_of(mask)) is not None}
    return np.array(list(found.values()), np.float64).reshape(-1, 4), np.array(list(found), np.int64)
