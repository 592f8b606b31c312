"""Flickr-SoundNet: boxes of several annotators in a frame of 256 x 256; a pixel has its full weight if two agree.

ardasnck/learning_to_localize_sound_source@89205e9; every published evaluator counts boxes, not annotators.
"""

from pathlib import Path
from typing import Any

import numpy as np

from avloc.annotations.builder import Builder, restrict
from avloc.annotations.files import Files, fractions_of_pixels, id_list, json_object
from avloc.annotations.pickles import read_plain_pickle
from avloc.annotations.truth import Truth
from avloc.annotations.vgg import with_silent
from avloc.errors import DataError
from avloc.naming import utf8_name
from avloc.plain_xml import xml_root
from avloc.walking import files_in

FRAME = 256
_LISTS = ("flickr_test_250.csv", "flickr_test.csv", "flickr_test_249.csv")
_MAIN = ("flickr_boxes_256.json", "gtdata.pkl", "dataset.pkl", "Annotations")


def read_flickr(files: Files, name: str = "flickr-soundnet", borrowed: bool = False) -> Truth:
    """The compact json {id: boxes}, the pickle of coarse-to-fine, or a folder of XML files; only the 250 clips of the
    list if it exists.
    """
    truth = read_flickr_pool(files, name, borrowed)
    table = files.maybe(*_LISTS, beside=borrowed)
    return truth if table is None else restrict(truth, id_list(table), str(table))


def read_flickr_pool(files: Files, name: str = "flickr-soundnet", borrowed: bool = False) -> Truth:
    """All annotated clips, even if there is a list of test clips."""
    if files.path.is_dir() and files_in(files.path, ".xml"):
        boxes = _from_xml(files.path)
        files.read.append(files.path)
    else:
        own_table = borrowed and files.path.suffix == ".csv"
        path = files.named(*_MAIN, beside=True) if own_table else files.main(*_MAIN, beside=borrowed)
        boxes = _from_xml(path) if path.is_dir() else _from_pickle(path) if path.suffix == ".pkl" else _from_json(path)
    build = Builder(name)
    for clip, own in boxes.items():
        build.clip(clip, clip)
        for annotator, box in enumerate(fractions_of_pixels(own, FRAME, FRAME)):
            build.box(box, annotator=annotator)
    return build.truth(votes=2)


def read_flickr_extended(files: Files) -> Truth:
    """Flickr-SoundNet and the same number of silent clips, flickr_test_plus_silent.csv of stoneMo/SLAVC@05b429c; ids
    are VIDEO+AUDIO.
    """
    return with_silent(
        read_flickr(files, "flickr-soundnet-extended", borrowed=True), files, "flickr_test_plus_silent.csv"
    )


def _from_json(path: Path) -> dict[str, Any]:
    table = json_object(path)
    for clip, boxes in table.items():
        if not isinstance(boxes, list) or any(not isinstance(box, list) or len(box) != 4 for box in boxes):
            raise DataError(f"{path}: {clip}: expected a list of boxes of four pixels each")
    return table


def _from_pickle(path: Path) -> dict[str, Any]:
    """gtdata.pkl of shvdiwnkozbw/Multi-Source-Sound-Localization@de67ce3: entries with `visual` (path) and `anno` (k,
    4) text."""
    table = read_plain_pickle(path)
    if not isinstance(table, dict) or not all(
        isinstance(row, dict) and {"visual", "anno"} <= set(row) for row in table.values()
    ):
        raise DataError(f"{path}: expected a dict of entries with 'visual' and 'anno'")
    found = {}
    for row in table.values():
        try:
            boxes = np.asarray(row["anno"]).reshape(-1, 4).astype(np.int64)
        except (ValueError, TypeError, OverflowError, SystemError) as error:
            raise DataError(f"{path}: {row['visual']!r}: expected boxes of four pixels ({error})") from None
        found[Path(str(row["visual"])).name.split(".")[0]] = boxes.tolist()
    return found


def _from_xml(folder: Path) -> dict[str, Any]:
    """One file per clip: root > annotator > bbox > five children, first a label, then xmin, ymin, xmax, ymax."""
    found = {}
    for path in files_in(folder, ".xml"):
        root = xml_root(path, "a Flickr-SoundNet annotation")
        try:
            marked = [box for annotator in root for box in annotator if box.tag == "bbox"]
            found[utf8_name(path.stem)] = [[int(float(part.text or "")) for part in list(box)[1:5]] for box in marked]
        except (ValueError, OverflowError) as error:
            raise DataError(f"{path}: not a Flickr-SoundNet annotation ({error})") from None
        if any(len(box) != 4 for box in found[utf8_name(path.stem)]):
            raise DataError(f"{path}: a bbox does not have five children; expected a label and four pixels")
    if not found:
        raise DataError(f"{folder}: no XML files; expected one for each clip")
    return found
