"""Published layouts of pictures and sounds, made small."""

import json
import random as chance
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

from avloc.data.store import Store
from avloc.engine.model_card import classes_of
from avloc.errors import DataError
from avloc.prepare.composing.looking import read_picture
from avloc.prepare.composing.masks import drawn_mask
from avloc.prepare.composing.pictures import list_pictures
from avloc.prepare.composing.sounds import list_sounds
from tests.prepare.composing import RATE, composed, make_backgrounds, make_sounds, tone

SIZE = (100, 80)
RED, BLUE = (200, 20, 20), (20, 20, 200)


def scene(path: Path, number: int) -> None:
    """A red cat on the left, a blue owl on the right, on a grey of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", SIZE, (90 + number, 90, 90))
    picture.paste(RED, (5, 10, 45, 60))
    picture.paste(BLUE, (55, 20, 95, 70))
    picture.save(path)


def make_coco(root: Path, count: int = 12) -> Path:
    """Cats with polygons, owls without a mask; a crowd, an empty mask, a box without area, one outside, and a tiny one."""
    images, rows = [], []
    for number in range(count):
        scene(root / "train2017" / f"{number:012d}.png", number)
        images.append({"id": number, "file_name": f"{number:012d}.png", "width": SIZE[0], "height": SIZE[1]})
        cat = {"segmentation": [[5, 10, 45, 10, 45, 60]], "bbox": [5, 10, 40, 50], "category_id": 1}
        rows += [{"image_id": number, **one} for one in (cat, {"bbox": [55, 20, 40, 50], "category_id": 2})]
    rows += [
        {
            "image_id": 0,
            "bbox": [0, 0, 90, 70],
            "category_id": 1,
            "iscrowd": 1,
            "segmentation": {"counts": [1], "size": [1, 1]},
        },
        {"image_id": 1, "bbox": [0, 0, 90, 70], "category_id": 1, "segmentation": []},
        {"image_id": 2, "bbox": [5, 10, 0, 50], "category_id": 1},
        {"image_id": 3, "bbox": [120, 10, 40, 50], "category_id": 1},
        {"image_id": 4, "bbox": [70, 2, 10, 10], "category_id": 1},
    ]
    images.append({"id": 99, "file_name": "gone.png", "width": 100, "height": 80})
    table = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "owl"}]}
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(table))
    return root


def make_voc(root: Path, count: int = 12) -> Path:
    (root / "Annotations").mkdir(parents=True)
    for number in range(count):
        scene(root / "JPEGImages" / f"{number:06d}.png", number)
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            for name, (x0, y0, x1, y1) in (("cat", (6, 11, 45, 60)), ("owl", (56, 21, 95, 70)))
        )
        (root / "Annotations" / f"{number:06d}.xml").write_text(
            f"<annotation><filename>{number:06d}.png</filename><size><width>100</width><height>80</height></size>{objects}</annotation>"
        )
    return root


def make_open_images(root: Path, count: int = 12) -> Path:
    rows = ["ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf"]
    for number in range(count):
        scene(root / "train" / f"{number:016x}.png", number)
        rows += [
            f"{number:016x},xclick,/m/cat,1,0.05,0.45,0.125,0.75,0,0,0",
            f"{number:016x},xclick,/m/owl,1,0.55,0.95,0.25,0.875,0,0,0",
        ]
    rows += [f"{0:016x},xclick,/m/cat,1,0,1,0,1,0,0,1", "ffff,xclick,/m/cat,1,0,1,0,1,0,0,0"]
    (root / "train-annotations-bbox.csv").write_text("\n".join(rows) + "\n")
    (root / "class-descriptions-boxable.csv").write_text("/m/cat,Cat\n/m/owl,Owl\n")
    return root


MAKERS = {"coco": make_coco, "voc": make_voc, "open-images": make_open_images}


@pytest.mark.parametrize("layout", MAKERS)
def test_marked_objects_are_found_and_cut_out(tmp_path, layout):
    root, found = list_pictures(MAKERS[layout](tmp_path / layout))
    by_name = {name.lower(): own for name, own in found.by_name.items()}
    assert {name: len(own) for name, own in by_name.items()} == {"cat": 12, "owl": 12}
    for name, colour, box in (("cat", RED, (5, 10, 45, 60)), ("owl", BLUE, (55, 20, 95, 70))):
        source = by_name[name][3]
        assert source.crop == pytest.approx(box) and source.size == SIZE and source.group == source.file
        picture = read_picture(source, {"pictures": root})
        assert picture.rgb.shape == (50, 40, 3) and (picture.rgb == colour).all()


@pytest.mark.parametrize(
    ("layout", "file", "reason"),
    [
        ("coco", "train2017/000000000003.png", "pictures whose name is in several folders"),
        ("open-images", "train/0000000000000003.png", "boxes whose picture is in several folders"),
    ],
)
def test_a_picture_of_which_there_are_several_is_left_out_and_named(tmp_path, caplog, layout, file, reason):
    root = MAKERS[layout](tmp_path / layout)
    (root / "again").mkdir()
    scene(root / "again" / Path(file).name, 11)
    (root / "copies").mkdir()
    shutil.copy(root / file.replace("3.", "4."), root / "copies")
    root, found = list_pictures(root)
    assert all(
        len(own) == 11 and file not in {one.file.partition(":")[2] for one in own} for own in found.by_name.values()
    )
    assert f"{reason} ({1 if layout == 'coco' else 2}, such as again/{Path(file).name} and {file})" in caplog.text


def test_what_coco_marks_badly_is_counted(tmp_path, caplog):
    _, found = list_pictures(make_coco(tmp_path))
    assert found.left_out == {
        "crowds": 1, "empty masks": 1, "boxes without area": 1, "boxes outside their picture": 1, "objects under 32 px": 1,
        "missing pictures": 1,
    }  # fmt: skip
    assert (
        "left out: boxes outside their picture (1), boxes without area (1), crowds (1), empty masks (1)" in caplog.text
    )


def test_an_instance_file_may_be_named_itself(tmp_path):
    root, found = list_pictures(make_coco(tmp_path) / "annotations" / "instances_train2017.json")
    assert root == tmp_path and len(found.by_name["cat"]) == 12


def test_an_object_with_a_mask_is_cut_along_it(tmp_path):
    root, found = list_pictures(make_coco(tmp_path))
    alpha = read_picture(found.by_name["cat"][0], {"pictures": root}).alpha
    assert alpha is not None and alpha[1, -2] == 255 and alpha[-2, 1] == 0  # the upper right triangle of its box


def test_runs_plain_and_compressed_are_the_same_mask():
    chance.seed(3)
    mask = np.zeros((37, 53), np.uint8)
    for _ in range(6):
        x, y = chance.randrange(45), chance.randrange(30)
        mask[y : y + chance.randrange(1, 20), x : x + chance.randrange(1, 20)] = 255
    flat = mask.T.reshape(-1) > 0
    changes = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff([0, *changes, len(flat)]).tolist()
    counts = [0, *counts] if flat[0] else counts
    for given in (counts, compressed(counts)):
        assert (drawn_mask({"counts": given, "size": [37, 53]}, 53, 37) == mask).all()
    with pytest.raises(ValueError, match=r"expected \[37, 53\]"):
        drawn_mask({"counts": [*counts[:-1], counts[-1] + 1], "size": [37, 53]}, 53, 37)


def compressed(counts: list[int]) -> str:
    """COCO's compressed runs, as its documentation describes them."""
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            text += chr((bits | 0x20 if more else bits) + 48)
    return text


DAMAGED = [
    ("coco", "annotations/instances_train2017.json", '{"images": []}', "not in the format of COCO"),
    ("coco", "train2017", None, "none of its 13 pictures was found"),
    ("voc", "Annotations/000003.xml", "<annotation>", "000003.xml: not a Pascal VOC"),
    ("open-images", "train-annotations-bbox.csv", "ImageID,Source\na,b\n", "no column LabelName"),
    ("open-images", "class-descriptions-boxable.csv", "/m/cat,Cat\n", "'/m/owl' is not in"),
]


@pytest.mark.parametrize(("layout", "file", "content", "message"), DAMAGED)
def test_annotations_that_are_not_as_published_are_refused(tmp_path, layout, file, content, message):
    damaged = MAKERS[layout](tmp_path / "data") / file
    if content is None:
        shutil.rmtree(damaged)
    else:
        damaged.write_text(content)
    with pytest.raises(DataError, match=message) as refused:
        list_pictures(tmp_path / "data")
    assert "\n" not in str(refused.value)


def test_a_picture_of_another_size_than_its_annotation_is_counted(tmp_path):
    make_voc(tmp_path / "voc")
    Image.new("RGB", (50, 40), RED).save(tmp_path / "voc" / "JPEGImages" / "000000.png")
    world = {"pictures": tmp_path / "voc", "sounds": make_sounds(tmp_path / "sounds", ["cat", "owl"])}
    prepared = composed(world, tmp_path / "store", count=["train:solo=40"], splits=["train=1"])
    assert prepared.reasons == {"picture of another size": 1}


@pytest.mark.parametrize("layout", MAKERS)
def test_photographs_with_marked_objects_are_shown_as_they_are(tmp_path, layout):
    world = {
        "pictures": MAKERS[layout](tmp_path / "data"),
        "sounds": make_sounds(tmp_path / "sounds", ["cat", "owl", "horn"]),
    }
    counts = [f"test:{kind}=8" for kind in ("whole", "pair", "duet", "interactive", "absent")]
    prepared = composed(world, tmp_path / "store", count=counts, splits=["test=1"], whole=True)
    assert prepared.failed == 0
    store = Store.open(tmp_path / "store")
    counted = classes_of(store.split("test_pair+test_whole"))
    assert all(0 < own["photographs"] <= 12 and own["recordings"] > 0 for own in counted.values())
    for name, sounding in (("whole", 1), ("pair", 1), ("duet", 2), ("interactive", 1), ("absent", 0)):
        part = store.split(f"test_{name}")
        for number in range(len(part)):
            clip = part.clip(number)
            assert len({box.label for box in clip.boxes if box.sounding}) == sounding
            for box in clip.boxes:
                left, top, right, bottom = box.xyxy
                if part.classes[box.label] == "cat" and right - left < 0.2:  # too small to be cut out, but there
                    continue
                corner = round(left * 100), round(top * 80)
                assert corner == ((5, 10) if part.classes[box.label] == "cat" else (55, 20))
                middle = clip.frames[0][round((top + bottom) * 32), round((left + right) * 32)]
                assert np.abs(middle.astype(int) - (RED if part.classes[box.label] == "cat" else BLUE)).max() < 3
    text = (tmp_path / "store" / "manifest.jsonl").read_text()
    if layout == "coco":  # a crowd and an empty mask leave something unmarked
        assert "000000000000.png" not in text and "000000000001.png" not in text


def test_a_kind_that_no_photograph_can_show_is_refused(tmp_path):
    world = {"pictures": make_voc(tmp_path / "data"), "sounds": make_sounds(tmp_path / "sounds", ["cat", "owl"])}
    with pytest.raises(DataError, match="test:solo: no photograph has objects of one class"):
        composed(world, tmp_path / "store", count=["test:solo=2"], splits=["test=1"], whole=True)


def test_a_png_with_alpha_is_cut_along_it_and_its_box_is_that_of_what_shows(tmp_path):
    for name, colour in (("cat", RED), ("owl", BLUE)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            picture = Image.new("RGBA", (120, 90), (0, 255, 0, 0))
            ImageDraw.Draw(picture).ellipse((20 + number, 10, 90, 70), (*colour, 255))
            picture.save(tmp_path / "photos" / name / f"{number}.png")
    world = {
        "pictures": tmp_path / "photos",
        "sounds": make_sounds(tmp_path / "sounds", ["cat", "owl"]),
        "backgrounds": make_backgrounds(tmp_path / "places"),
    }
    composed(world, tmp_path / "store", count=["test:pair=10"], splits=["test=1"], size=128)
    part = Store.open(tmp_path / "store").split("test_pair")
    for number in range(len(part)):
        clip = part.clip(number)
        red, green, blue = np.moveaxis(clip.frames[0].astype(int), -1, 0)
        assert green.max() < 32  # what is hidden does not tint the edges
        for box in clip.boxes:
            shown = (red - blue if part.classes[box.label] == "cat" else blue - red) > 90
            xs, ys = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
            found = (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1)
            assert np.abs(np.array(found) - np.round(np.array(box.xyxy) * 128)).max() <= 1
            left, top, right, bottom = found
            assert 0.7 < shown[top:bottom, left:right].mean() < 0.85  # an ellipse has pi / 4 of its box


def groups(found) -> dict[str, set[str]]:
    return {name: {source.group for source in own} for name, own in found.by_name.items()}


def write_wav(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone("cat", 1, 0.2), RATE)


def test_esc_50_knows_the_recording_that_a_clip_was_cut_from(tmp_path):
    names = ["1-100032-A-0.wav", "1-100032-B-0.wav", "2-7-A-1.wav"]
    for name in names:
        write_wav(tmp_path / "audio" / name)
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    rows += [
        f"{names[0]},1,0,dog,True,100032,A",
        f"{names[1]},1,0,dog,True,100032,B",
        f"{names[2]},2,1,rooster,False,7,A",
    ]
    rows += ["3-9-A-1.wav,3,1,rooster,False,9,A"]
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("\n".join(rows))
    _, found = list_sounds(tmp_path)
    assert groups(found) == {"dog": {"freesound:100032"}, "rooster": {"freesound:7"}}
    assert found.left_out == {"missing sounds": 1}


def files(found) -> list[str]:
    return [source.file for own in found.by_name.values() for source in own]


def test_of_equal_names_in_several_folders_the_published_place_is_taken_or_none(tmp_path, caplog):
    """ESC-50: one in audio and converted elsewhere, one twice elsewhere, one as copies, one in one place only."""
    for number, place in enumerate(["audio/1-1-A-0", "16k/1-1-A-0", "x/2-2-A-0", "y/2-2-A-0", "x/4-4-A-0"]):
        path = tmp_path / f"{place}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, tone("cat", number, 0.2), RATE)
    for place in ("x", "y"):
        write_wav(tmp_path / place / "3-3-A-0.wav")
    (tmp_path / "meta").mkdir()
    rows = [f"{number}-{number}-A-0.wav,dog,{number}" for number in range(1, 5)]
    (tmp_path / "meta" / "esc50.csv").write_text("\n".join(["filename,category,src_file", *rows]))
    _, found = list_sounds(tmp_path)
    assert files(found) == ["sounds:audio/1-1-A-0.wav", "sounds:x/3-3-A-0.wav", "sounds:x/4-4-A-0.wav"]
    told = "sounds whose name is in several folders (1, such as x/2-2-A-0.wav and y/2-2-A-0.wav)"
    assert f"{tmp_path}: left out: {told}" in caplog.text


def test_class_folders_with_names_of_esc_50_know_the_recording_too(tmp_path):
    for name in ("esc_1-5-A.wav", "1-5-B-12.wav", "other.wav"):
        write_wav(tmp_path / "dog" / name)
    assert groups(list_sounds(tmp_path)[1])["dog"] == {"freesound:5", "sounds:dog/other.wav"}


def test_urbansound8k_knows_the_recording_that_a_slice_is_of(tmp_path):
    for name in ("100-3-0-0.wav", "100-3-1-0.wav"):
        write_wav(tmp_path / "audio" / "fold5" / name)
    soundfile.write(tmp_path / "100-3-0-0.wav", tone("owl", 1, 0.2), RATE)
    (tmp_path / "metadata").mkdir()
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    rows += [f"{name},100,0,4,1,5,3,dog_bark" for name in ("100-3-0-0.wav", "100-3-1-0.wav")]
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text("\n".join(rows))
    _, found = list_sounds(tmp_path)
    assert groups(found) == {"dog_bark": {"freesound:100"}}
    assert files(found) == ["sounds:audio/fold5/100-3-0-0.wav", "sounds:audio/fold5/100-3-1-0.wav"]


def test_fsd50k_is_grouped_by_uploader_and_a_label_of_several_is_joined(tmp_path):
    for part, names in (("dev", ("1", "2")), ("eval", ("3",))):
        for name in names:
            write_wav(tmp_path / f"FSD50K.{part}_audio" / f"{name}.wav")
    truth = tmp_path / "FSD50K.ground_truth"
    truth.mkdir()
    (truth / "dev.csv").write_text('fname,labels,mids,split\n1,"Bark,Dog,Animal",x,train\n2,"Owl,Animal",x,val\n')
    (truth / "eval.csv").write_text('fname,labels,mids\n3,"Bark,Dog,Animal",x\n')
    (tmp_path / "FSD50K.metadata").mkdir()
    (tmp_path / "FSD50K.metadata" / "dev_clips_info_FSD50K.json").write_text(
        '{"1": {"uploader": "ada"}, "2": {"title": "x"}}'
    )
    _, found = list_sounds(tmp_path)
    assert groups(found) == {"Bark|Dog|Animal": {"uploader:ada", "freesound:3"}, "Owl|Animal": {"freesound:2"}}
    from avloc.prepare.composing.classes import join_classes
    from avloc.prepare.composing.sources import Found, Source

    pictures = Found()
    for name in ("dog", "owl", "chair"):
        pictures.add(Source(f"pictures:{name}", name, name))
    cast = join_classes(pictures, found, Found(), Found(), None)
    assert cast.classes == ("dog", "owl") and len(cast.sounds["dog"]) == 2 and list(cast.things) == ["chair"]


def test_vggsound_is_grouped_by_video_and_may_be_sounds_of_any_folder(tmp_path):
    write_wav(tmp_path / "audio" / "abcdefghijk_000030.wav")
    write_wav(tmp_path / "audio" / "abcdefghijk_000050.wav")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "abcdefghijk_000050.mp4").write_bytes(b"of the sound")
    rows = ["abcdefghijk,30,playing violin, fiddle,train".replace("playing violin, fiddle", '"playing violin, fiddle"')]
    rows += ['abcdefghijk,50,"playing violin, fiddle",test', "zzzzzzzzzzz,1,dog barking,train"]
    (tmp_path / "vggsound.csv").write_text("\n".join(rows))
    _, found = list_sounds(tmp_path)
    assert groups(found) == {"playing violin, fiddle": {"youtube:abcdefghijk"}}
    assert files(found) == ["sounds:audio/abcdefghijk_000030.wav", "sounds:audio/abcdefghijk_000050.wav"]
    assert found.left_out == {"missing sounds": 1}


def test_a_table_of_sounds_with_other_columns_is_refused(tmp_path):
    write_wav(tmp_path / "audio" / "1-5-A-0.wav")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("file,category\nx,dog\n")
    with pytest.raises(
        DataError, match=r"esc50.csv: no column filename among file,category; expected filename,category,src_file"
    ):
        list_sounds(tmp_path)
