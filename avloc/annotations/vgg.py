"""VGG-SS and the sets made from it: extended with silent clips, and two clips mixed.
hche11/...-the-Hard-Way@8fe8cbb."""

import numpy as np

from avloc.annotations.builder import Builder, restrict, words
from avloc.annotations.files import Files, csv_rows, id_list, json_list
from avloc.annotations.truth import Truth
from avloc.annotations.vggsounder import TABLES, parts_of, read_sounder
from avloc.errors import DataError

VGGSS = ("vggss.json", "vggss_test_5158.json")
MOST_OF = 0.8  # of the clips are in a whole table of VGGSounder: 85 % of VGG-SS without background music, 99 % with it


def _boxes(files: Files, borrowed: bool = False) -> dict[str, dict]:
    """The rows of vggss.json by id; if borrowed, it can be in a folder next to the benchmark's own."""
    own_table = borrowed and files.path.suffix == ".csv"
    path = files.named(*VGGSS, beside=True) if own_table else files.main(*VGGSS, beside=borrowed)
    rows = json_list(path, "file", "class", "bbox")
    found = {row["file"]: row for row in rows}
    if len(found) < len(rows):
        double = next(row["file"] for row in rows if found[row["file"]] is not row)
        raise DataError(f"{path}: duplicate clip {double!r}; expected each clip once")
    return found


def read_vggss(files: Files, name: str = "vggss", borrowed: bool = False) -> Truth:
    """vggss.json: {file, class, bbox: [[xmin, ymin, xmax, ymax], ...]} in fractions; all its clips, in its order.

    A table of VGGSounder in the folder or in one next to it divides the clips into parts; it changes nothing else.
    """
    build = Builder(name)
    rows = _boxes(files, borrowed)
    for file, row in rows.items():
        build.clip(file, file[:11], row["class"])
        for box in row["bbox"]:
            build.box(box, row["class"])
    truth = build.truth()
    table = files.beside(*TABLES)
    if table is not None:
        clips = read_sounder(table)
        truth.parts = parts_of(clips, {file: row["class"] for file, row in rows.items()})
        known = len(clips.keys() & rows.keys())
        if known < MOST_OF * len(rows):
            truth.warnings.append(
                f"{table} has {known} of {len(rows)} clips; scores by flag leave the others out, as 'not in VGGSounder'"
            )
    return truth


def read_vggss_extended(files: Files) -> Truth:
    """VGG-SS and the same number of silent clips: vggss_test_plus_silent.csv (video, audio, label) of stoneMo/SLAVC@05b429c.

    A silent clip's id is VIDEO+AUDIO: the frame of one clip with the sound of another.
    """
    return with_silent(read_vggss(files, "vggss-extended", borrowed=True), files, "vggss_test_plus_silent.csv")


def with_silent(truth: Truth, files: Files, table: str) -> Truth:
    """The ground truth with the non-sounding rows of a table (video, audio, label) as clips without boxes."""
    path = files.named(table, beside=True)
    build = Builder(truth.name, truth.classes)
    for row in csv_rows(path, 3):
        if row[2].strip() == "non-sounding":
            build.clip(f"{row[0]}+{row[1]}", row[0][:11])
    if not build.ids:
        raise DataError(f"{path}: no row says non-sounding; expected the columns video, audio, label")
    truth.sound = [*(truth.sound or ["own"] * len(truth)), *["other"] * len(build.ids)]
    truth.ids = truth.ids + build.ids
    truth.videos = truth.videos + build.videos
    truth.parts = {
        name: np.concatenate([inside, np.zeros(len(build.ids), bool)]) for name, inside in truth.parts.items()
    }
    if truth.clip_class is not None:
        truth.clip_class = np.concatenate([truth.clip_class, np.full(len(build.ids), -1)])
    truth.__post_init__()
    return truth


def read_single(files: Files) -> Truth:
    """VGGSound-Single: VGG-SS under the class names of vggsound_single_test.csv (id, class); stoneMo/AVGN@5ab8cab."""
    truth = read_vggss(files, "vggsound-single", borrowed=True)
    table = files.maybe("vggsound_single_test.csv", beside=True)
    return truth if table is None else restrict(truth, id_list(table), str(table))


def read_duet(files: Files) -> Truth:
    """VGGSound-Duet: each row mixes two clips, and each source is located on its own frame.

    vggsound_duet_test.csv (id, class, mix_id, mix_class) of stoneMo/AVGN@5ab8cab, boxes of vggss.json. The first source
    is the row's clip, the second its partner; the released loader of AVGN uses the boxes of the partner's row instead,
    which are kept separately.
    """
    given_table = files.path.is_file() and files.path.suffix == ".csv"
    table = files.main() if given_table else files.named("vggsound_duet_test.csv", beside=True)
    boxes = _boxes(files, borrowed=True)
    partner: dict[str, str] = {}
    for number, row in enumerate(csv_rows(table, 4), 1):
        if partner.setdefault(row[0], row[2]) != row[2]:
            raise DataError(f"{table}:{number}: {row[0]} has a second partner; expected one for each clip")
        for clip in (row[0], row[2]):
            if clip not in boxes:
                raise DataError(f"{table}:{number}: {clip} has no boxes in the VGG-SS annotation")
    truth = _mixed(boxes, {first: (first, second) for first, second in partner.items()})
    truth.partner_ids = list(partner.values())
    if set(partner.values()) <= set(partner):
        truth.partners = _mixed(boxes, {first: (second, partner[second]) for first, second in partner.items()})
    return truth


def _mixed(boxes: dict[str, dict], sources: dict[str, tuple[str, str]]) -> Truth:
    """Clips by id with the boxes of the two clips that are their sources."""
    build = Builder("vggsound-duet", sorted({words(row["class"]) for row in boxes.values()}))
    for clip, pair in sources.items():
        build.clip(clip, clip[:11], words(boxes[clip]["class"]))
        for source, name in enumerate(pair):
            for box in boxes[name]["bbox"]:
                build.box(box, words(boxes[name]["class"]), source=source)
    return build.truth(mixed=True)
