"""AVATAR's annotated frames as a ground truth: metadata/VIDEO/FRAME.json, where VIDEO is ID_START of VGGSound.

A frame is in the part of every task that one of its objects has. Off-screen sounds have neither box nor mask, so that a
frame with nothing else is a negative.
"""

from pathlib import Path

import numpy as np

from avloc.annotations.avatar import TASKS, UNSEEN, Shown, read_frame
from avloc.annotations.builder import Builder
from avloc.annotations.files import Absent, Files
from avloc.annotations.mask_files import box_of
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.naming import brief, counted, some, utf8_name
from avloc.walking import files_in

FOLDER = "metadata"


def read_avatar(files: Files) -> Truth:
    """Every frame with its boxes, and with its masks at the size of its picture; ids are VIDEO_FRAME.

    Frames whose file is not a valid annotation are left out, counted and named in the warnings.
    """
    root = files.path if files.path.name == FOLDER else files.named(FOLDER)
    files.read.clear()  # the digest covers the annotations, not the pictures next to them
    build = Builder("avatar")
    shown: list[Shown] = []
    broken: list[str] = []
    for path in files_in(root, ".json", deep=True):
        if not path.stem.isdecimal():
            continue
        files.read.append(path)
        try:
            frame = read_frame(path)
        except DataError as error:
            broken.append(f"{path.parent.name}/{path.name} ({brief(str(error))})")
            continue
        shown.append(frame)
        _add(build, path, frame)
    if not shown:
        raise Absent(f"{root}: no annotated frames; expected {FOLDER}/VIDEO/FRAME.json{_first(broken)}")
    truth = build.truth(
        by_class=True,
        pictures=shown,
        picture_sizes=np.array([(one.width, one.height) for one in shown], np.int64),
        parts={task: np.array([task in one.tasks for one in shown]) for task in TASKS},
        unannotated=len(broken),
    )
    if broken:
        truth.warnings.append(
            f"{counted(len(broken), 'frame has', 'frames have')} a broken annotation; left out: {some(broken, 3)}"
        )
    return truth


def _add(build: Builder, path: Path, frame: Shown) -> None:
    video = utf8_name(path.parent.name)
    build.clip(f"{video}_{path.stem}", video.rpartition("_")[0] or video)
    for thing in frame.things:
        if thing.task == UNSEEN:
            continue
        box = frame.corners(thing) or box_of(frame.pixels(thing))
        if box is not None:
            build.box(box, thing.category)


def _first(broken: list[str]) -> str:
    return f"; found {broken[0]}" if broken else ""
