"""AudioSet-instrument: a detector's boxes on one frame per second. shvdiwnkozbw/...@de67ce3 and the DSOL release."""

from avloc.annotations.builder import Builder
from avloc.annotations.files import Files, json_object
from avloc.annotations.truth import Truth
from avloc.errors import DataError

#: the 13 classes of the DSOL release, by category
_DSOL_NAMES = "Banjo Cello Drum Guitar Harp Harmonica Piano Saxophone Trombone Violin Flute Accordion Horn"
DSOL_CLASSES = tuple(_DSOL_NAMES.split())


def read_audioset(files: Files) -> Truth:
    """normav.json (published in COCO's layout, or converted) or audioset_box.json of DSOL; x, y, w, h in fractions.

    Ids: the image id, 10 * video index + frame, of normav.json; <video>/<second> of audioset_box.json.
    """
    path = files.main("normav.json", "normav_compact.json", "audioset_box.json")
    table = json_object(path)
    if {"images", "annotations", "categories"} <= set(table):
        return _normav(str(path), table)
    build = Builder("audioset-instrument", DSOL_CLASSES)
    for key, row in table.items():
        if not isinstance(row, dict) or "bbox" not in row:
            raise DataError(f"{path}: {key}: expected an object with 'bbox'")
        build.clip(key, key.split("/")[0])
        for box in row["bbox"]:
            build.xywh(box["normbox"], DSOL_CLASSES[int(box["category"])])
    return build.truth(by_class=True)


def _normav(path: str, table: dict) -> Truth:
    """Frames in the order of their first annotation, as in the released evaluator."""
    names = [row["name"] if isinstance(row, dict) else row for row in table["categories"]]
    build = Builder("audioset-instrument", names)
    boxes: dict[int, list[tuple[int, list[float]]]] = {}
    for row in table["annotations"]:
        image, category, *box = (row["image_id"], row["category_id"], *row["bbox"]) if isinstance(row, dict) else row
        if not 0 <= category < len(names) or len(box) != 4:
            raise DataError(f"{path}: image {image}: category {category} or box {box} does not fit")
        boxes.setdefault(image, []).append((category, box))
    for image, own in boxes.items():
        build.clip(str(image), str(image // 10))
        for category, box in own:
            build.xywh(box, names[category])
    return build.truth(by_class=True)
