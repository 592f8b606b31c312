"""IS3, VPO and AVSBench: one record for each image and sound, with a box in pixels of a frame of 224 x 224, a mask, or
both.

kaistmm/SSLalignment@e7ae3c5. An all-zero box means that no object sounds: the clip is a negative. If there are masks,
pixel protocols use them, and box protocols use the boxes: those of the list, else the box around each mask.
"""

from pathlib import Path
from typing import Any

from avloc.annotations.avsbench import read_mask_tree
from avloc.annotations.builder import Builder
from avloc.annotations.files import Files, fractions_of_pixels, json_value
from avloc.annotations.listed_masks import FOLDERS, with_masks
from avloc.annotations.truth import Truth
from avloc.errors import DataError

FRAME = 224
NAMES = {
    "is3": ("synthetic3240_bbox.json", "synthetic3240_bbox_compact.json"),
    "vpo-ss": ("vpo_ss_bbox.json", "vpo_ss_bbox_compact.json"),
    "vpo-ms": ("vpo_ms_bbox.json", "vpo_ms_bbox_compact.json"),
    "avsbench-s4": ("s4_box.json", "s4_box_compact.json"),
    "avsbench-ms3": ("ms3_box.json", "ms3_box_compact.json"),
}
#: lists of the same records with the path of a mask instead of the box
MASK_LISTS = {
    "is3": "synthetic3240_seg.json",
    "vpo-ss": "vpo_ss_seg.json",
    "vpo-ms": "vpo_ms_seg.json",
    "avsbench-s4": "s4_seg.json",
    "avsbench-ms3": "ms3_seg.json",
}
#: how many parts of the image's path form its id
_PARTS = {"avsbench-s4": 3, "avsbench-ms3": 2}


def read_small_frames(files: Files, name: str) -> Truth:
    """[{image, audio, gt_box}] as published, or [[image, audio, xmin, ymin, xmax, ymax]] as converted; and the masks in
    a folder gt_masks (VPO: gray_masks), which a list *_seg.json can name.

    Ids are the image's name without suffix (for AVSBench with its folders). In IS3 the last word of the name is the
    class and the part before it the scene, for interactive localization; the other object of the scene is silent. For
    AVSBench without a list, the folder tree of its masks is read.
    """
    folder, listed, boxes = _found(files, name)
    if folder is not None and listed is None and boxes is None and name in _PARTS:
        return read_mask_tree(folder, name)
    if boxes is None and (folder is None or listed is None):
        boxes = files.main(*NAMES[name])
    named = None if listed is None or folder is None else dict(_rows(listed, name))
    rows = [(clip, None) for clip in named or ()] if boxes is None else _rows(boxes, name)
    truth = _truth(name, rows, boxes)
    if folder is None:
        return truth
    wanted = {clip: named.get(clip, clip) if named else _mask_name(clip, name) for clip in truth.ids}
    # masks of IS3 and VPO are JPEGs, in which black and white are blurred; AVSBench counts everything that is not black
    return with_masks(truth, folder, wanted, least=1 if name in _PARTS else 128)


def _found(files: Files, name: str) -> tuple[Path | None, Path | None, Path | None]:
    """The folder of masks, the list of masks and the list of boxes, if they exist."""
    if files.path.is_dir() and files.path.name in FOLDERS:
        files.read.append(files.path)
        return files.path, None, None
    if files.path.is_file():
        path = files.main()
        if path.name != MASK_LISTS[name]:
            return None, None, path
        return files.named(*FOLDERS), path, None
    folder = files.maybe(*FOLDERS)
    listed = None if folder is None else files.maybe(MASK_LISTS[name])
    return folder, listed, files.maybe(*NAMES[name])


def _truth(name: str, rows: list[tuple[str, Any]], path: Path | None) -> Truth:
    build = Builder(name)
    scenes = []
    of_scene: dict[str, list[tuple[str, Any]]] = {}
    for clip, box in rows:
        scenes.append(clip.rpartition("_")[0])
        if box is not None and any(_four(path, clip, box)):
            of_scene.setdefault(scenes[-1], []).append((clip, fractions_of_pixels([box], FRAME, FRAME)[0]))
    boxes = {clip: box for own in of_scene.values() for clip, box in own}
    for (clip, _), scene in zip(rows, scenes, strict=True):
        label = clip.rpartition("_")[2] if name == "is3" else None
        build.clip(clip, _video(name, clip, scene), label)
        if clip in boxes:
            build.box(boxes[clip], label)
        for other, box in of_scene.get(scene, ()) if name == "is3" else ():
            if other != clip:
                build.silent_box(box, other.rpartition("_")[2])
    return build.truth(scenes=scenes if name == "is3" else None)


def _four(path: Path | None, clip: str, box: list[int]) -> list[int]:
    if len(box) != 4:
        raise DataError(f"{path}: {clip}: a box of {len(box)} numbers; expected xmin, ymin, xmax, ymax")
    return box


def _mask_name(clip: str, name: str) -> str:
    """AVSBench's frames of MS3 include the suffix of their video in their name, its masks do not."""
    return clip.replace(".mp4_", "_") if name == "avsbench-ms3" else clip


def _video(name: str, clip: str, scene: str) -> str:
    parts = clip.split("/")
    return scene if name == "is3" else parts[-2] if name in _PARTS and len(parts) > 1 else clip


def _rows(path: Path, name: str) -> list[tuple[str, Any]]:
    """For each clip the box in pixels, or the name of the mask."""
    rows = json_value(path)
    try:
        if isinstance(rows[0], dict):
            found = [(row["image"], _place(row["gt_box"])) for row in rows]
        else:
            found = [(row[0], [int(value) for value in row[2:]]) for row in rows]
        return [("/".join(image.split("/")[-_PARTS.get(name, 1) :]).rsplit(".", 1)[0], place) for image, place in found]
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        raise DataError(f"{path}: expected a list of image, audio and box; see the benchmark's page") from None


def _place(found: Any) -> Any:
    return found if isinstance(found, str) else [int(value) for value in found]
