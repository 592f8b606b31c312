"""VGG-SS and the sets made from it: extended with silent clips, and two clips mixed.
hche11/...-the-Hard-Way@8fe8cbb."""

from avloc.annotations.builder import Builder, restrict, words
from avloc.annotations.files import Files, csv_rows, id_list, json_list
from avloc.annotations.truth import Truth
from avloc.errors import DataError

_JSON = ("vggss.json", "vggss_test_5158.json")


def _boxes(files: Files, borrowed: bool = False) -> dict[str, dict]:
    """The rows of vggss.json by id; a borrowed one may lie in a folder next to the benchmark's own."""
    own_table = borrowed and files.path.suffix == ".csv"
    path = files.named(*_JSON, beside=True) if own_table else files.main(*_JSON, beside=borrowed)
    return {row["file"]: row for row in json_list(path, "file", "class", "bbox")}


def read_vggss(files: Files, name: str = "vggss", borrowed: bool = False) -> Truth:
    """vggss.json: {file, class, bbox: [[xmin, ymin, xmax, ymax], ...]} in fractions; all its clips, in its order."""
    build = Builder(name)
    for file, row in _boxes(files, borrowed).items():
        build.clip(file, file[:11], row["class"])
        for box in row["bbox"]:
            build.box(box, row["class"])
    return build.truth()


def read_vggss_extended(files: Files) -> Truth:
    """VGG-SS and as many silent clips: vggss_test_plus_silent.csv (video, audio, label) of stoneMo/SLAVC@05b429c.

    A silent clip's id is VIDEO+AUDIO: the frame of one clip with the sound of another.
    """
    return _with_silent(read_vggss(files, "vggss-extended", borrowed=True), files, "vggss_test_plus_silent.csv")


def _with_silent(truth: Truth, files: Files, table: str) -> Truth:
    path = files.named(table, beside=True)
    build = Builder(truth.name, truth.classes)
    for row in csv_rows(path, 3):
        if row[2].strip() == "non-sounding":
            build.clip(f"{row[0]}+{row[1]}", row[0][:11])
    if not build.ids:
        raise DataError(f"{path}: no row says non-sounding; expected the columns video, audio, label")
    truth.ids = truth.ids + build.ids
    truth.videos = truth.videos + build.videos
    if truth.clip_class is not None:
        truth.clip_class = truth.clip_class.tolist() + [-1] * len(build.ids)  # type: ignore[assignment]
    truth.__post_init__()
    return truth


def read_single(files: Files) -> Truth:
    """VGGSound-Single: VGG-SS under the class names of vggsound_single_test.csv (id, class); stoneMo/AVGN@5ab8cab."""
    truth = read_vggss(files, "vggsound-single", borrowed=True)
    table = files.maybe("vggsound_single_test.csv", beside=True)
    return truth if table is None else restrict(truth, id_list(table), str(table))


def read_duet(files: Files) -> Truth:
    """VGGSound-Duet: each row mixes two clips, and each source is looked for on its own frame.

    vggsound_duet_test.csv (id, class, mix_id, mix_class) of stoneMo/AVGN@5ab8cab, boxes of vggss.json. The first
    source is the row's clip, the second its partner; the released loader of AVGN looks up the partner's row instead,
    which no number needs.
    """
    given_table = files.path.is_file() and files.path.suffix == ".csv"
    table = files.main() if given_table else files.named("vggsound_duet_test.csv", beside=True)
    boxes = _boxes(files, borrowed=True)
    build = Builder("vggsound-duet", sorted({words(row["class"]) for row in boxes.values()}))
    for number, (first, _, second, _) in enumerate((row[:4] for row in csv_rows(table, 4)), 1):
        for clip in (first, second):
            if clip not in boxes:
                raise DataError(f"{table}:{number}: {clip} has no boxes in the VGG-SS annotation")
        build.clip(first, first[:11], words(boxes[first]["class"]))
        for source, clip in enumerate((first, second)):
            for box in boxes[clip]["bbox"]:
                build.box(box, words(boxes[clip]["class"]), source=source)
    return build.truth(mixed=True)
