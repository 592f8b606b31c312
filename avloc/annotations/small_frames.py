"""IS3, VPO and AVSBench: one record for each image and sound, with a box in pixels of a frame of 224 x 224.

kaistmm/SSLalignment@e7ae3c5. An all-zero box means that no object sounds: the clip is a negative.
"""

from pathlib import Path

from avloc.annotations.avsbench import FOLDER, read_mask_tree
from avloc.annotations.builder import Builder
from avloc.annotations.files import Files, fractions_of_pixels, json_value
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
#: how many parts of the image's path make its id
_PARTS = {"avsbench-s4": 3, "avsbench-ms3": 2}


def read_small_frames(files: Files, name: str) -> Truth:
    """[{image, audio, gt_box}] as published, or [[image, audio, xmin, ymin, xmax, ymax]] as converted.

    Ids are the image's name without ending (for AVSBench with its folders). In IS3 the last word of the name is the
    class and what stands before it the scene, for interactive localization. Of AVSBench, where there is no such file, the
    published masks in a folder gt_masks are read.
    """
    masks = _masks(files, name) if name in _PARTS else None
    if masks is not None:
        return read_mask_tree(masks, name)
    path = files.main(*NAMES[name])
    build = Builder(name)
    scenes = []
    for number, (image, box) in enumerate(_rows(path)):
        parts = image.split("/")[-_PARTS.get(name, 1) :]
        clip = "/".join(parts).rsplit(".", 1)[0]
        scene, _, last = clip.rpartition("_")
        build.clip(clip, _video(name, parts, scene, clip), last if name == "is3" else None)
        scenes.append(scene)
        if len(box) != 4:
            raise DataError(f"{path}: entry {number}: a box of {len(box)} numbers; expected xmin, ymin, xmax, ymax")
        if any(box):
            build.box(fractions_of_pixels([box], FRAME, FRAME)[0], last if name == "is3" else None)
    return build.truth(scenes=scenes if name == "is3" else None)


def _masks(files: Files, name: str) -> Path | None:
    """The folder gt_masks, itself given or found, where no list of boxes is there."""
    if files.path.is_file() or files.maybe(*NAMES[name]) is not None:
        return None
    return files.path if files.path.name == FOLDER else files.maybe(FOLDER)


def _video(name: str, parts: list[str], scene: str, clip: str) -> str:
    return scene if name == "is3" else parts[-2] if name in _PARTS and len(parts) > 1 else clip


def _rows(path: Path) -> list[tuple[str, list[float]]]:
    rows = json_value(path)
    try:
        if isinstance(rows[0], dict):
            return [(row["image"], [int(value) for value in row["gt_box"]]) for row in rows]
        return [(row[0], [int(value) for value in row[2:]]) for row in rows]
    except (TypeError, KeyError, IndexError, ValueError):
        raise DataError(f"{path}: expected a list of image, audio and box; see the benchmark's page") from None
