"""Pictures by class: class folders, or a data set with annotated objects."""

from pathlib import Path
from typing import Literal

from avloc.endings import STILLS
from avloc.prepare.composing import coco, open_images, voc
from avloc.prepare.composing.sources import Found, Source, class_of, files_with

PictureLayout = Literal["auto", "folders", "coco", "voc", "open-images"]
EXPECTED = f"a folder for each class with pictures ({', '.join(STILLS)}), COCO, Pascal VOC or Open Images"


def list_pictures(path: Path, layout: PictureLayout = "auto", role: str = "pictures") -> tuple[Path, Found]:
    """The root that file names are relative to, and its pictures or objects by class."""
    readers = {"coco": coco.list_coco, "voc": voc.list_voc, "open-images": open_images.list_open_images}
    kind = layout if layout != "auto" else recognised(path)
    if kind in readers:
        root, found = readers[kind](path, role)
    else:
        root, found = path, _class_folders(path, role)
    found.report(path)
    return root, found


def recognised(path: Path) -> PictureLayout:
    """The layout that was found."""
    if path.suffix.lower() == ".json" or coco.annotations(path):
        return "coco"
    if (path / "Annotations").is_dir() and (path / "JPEGImages").is_dir():
        return "voc"
    if (path / open_images.NAMES).is_file():
        return "open-images"
    return "folders"


def _class_folders(path: Path, role: str) -> Found:
    found = Found()
    for file in files_with(path, STILLS, EXPECTED):
        name = f"{role}:{file}"
        found.add(Source(name, class_of(file), name))
    return found
