import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.parts.linked_out import LINKED_OUT
from tests.prepare.composing import (
    CLASSES,
    RATE,
    colour_of,
    composed,
    make_photographs,
    make_sounds,
    make_world,
    photograph,
    tone,
)

FEW = ["train:solo=40", "test:pair=20"]


@pytest.fixture
def world(tmp_path) -> dict[str, Path]:
    return make_world(tmp_path / "world")


@pytest.fixture(scope="module")
def fixed(tmp_path_factory) -> dict[str, Path]:
    return make_world(tmp_path_factory.mktemp("fixed"))


def lines(store: Path) -> list[dict]:
    return [json.loads(line) for line in (store / "manifest.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": ["train=0.5", "test=0.2"]}, "the shares add up to 0.7; expected 1"),
        ({"splits": ["train=much"]}, "splits 'train=much': expected PART=SHARE"),
        ({"count": ["train=5"]}, "count 'train=5': expected PART:KIND=COUNT"),
        ({"count": ["test:pair=²"]}, "expected PART:KIND=COUNT, such as test:pair=300, of 1 to 10,000,000"),
        ({"count": [f"test:pair={'9' * 5000}"]}, "expected PART:KIND=COUNT"),
        ({"count": ["tset:pair=5"]}, "'tset' is not one of the parts train, validation, test"),
        ({"count": ["test:pairs=5"]}, "no kind 'pairs'; did you mean 'pair'"),
        ({"count": ["test:pair=5", "test:pair=6"]}, "test:pair is given twice"),
        ({"area": "0.3"}, "area is '0.3'; expected LOW:HIGH"),
        ({"area": "0.4:0.2"}, "area is '0.4:0.2'; expected LOW:HIGH"),
        ({"level": "loud"}, "level is 'loud'; expected LOW:HIGH"),
        ({"size": 63}, "size is 63"),
        ({"seed": -1}, "seed -1; expected an even size of at least 32 pixels, and a seed of 0 or more"),
        ({"min": 9}, r"bell has 2 pictures in validation \(and .* more such\); expected at least 9 of each class"),
        ({"pictures": Path("nowhere")}, "nowhere: no such folder; expected a folder for each class with pictures"),
        ({"sounds": Path("nowhere")}, "nowhere: no such folder; expected a folder for each class with sounds"),
        ({"backgrounds": Path("nowhere")}, "nowhere: no such folder; expected pictures of places"),
        ({"whole": True}, "--whole: no picture has marked objects"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(fixed, tmp_path, options, message):
    with pytest.raises(DataError, match=message) as refused:
        composed(fixed, tmp_path / "store", **options)
    assert "\n" not in str(refused.value) and not (tmp_path / "store").exists()


def test_counts_that_nobody_gave_are_not_blamed(fixed, tmp_path, caplog, monkeypatch):
    few = ("train:solo=5", "validation:pair=3", "test:pair=4")
    monkeypatch.setattr("avloc.prepare.compose.COUNTS", few)
    with pytest.raises(DataError) as refused:
        composed(fixed, tmp_path / "none", count=few, splits=["all=1"])
    assert str(refused.value) == (
        "splits all: without --count, scenes are made for the parts train, validation, test; name kinds with --count, "
        "such as --count all:pair=300"
    )
    made = composed(fixed, tmp_path / "two", count=few, splits=["train=0.5", "test=0.3", "more=0.2"])
    assert made.splits == {"train_solo": 5, "test_pair": 4}
    assert "left out: scenes for validation, which --splits does not name" in caplog.text
    assert "no scenes for more; --count makes some, such as --count more:pair=300" in caplog.text


def test_where_no_class_has_both_the_two_lists_and_the_nearest_names_are_shown(tmp_path):
    world = {
        "pictures": make_photographs(tmp_path / "photos", ["cat", "owl"], 2),
        "sounds": make_sounds(tmp_path / "sounds", ["drum", "horn"], 2),
    }
    (tmp_path / "sounds" / "horn").rename(tmp_path / "sounds" / "owls")
    with pytest.raises(DataError, match="pictures of cat, owl; sounds of drum, owls; nearest are 'owl' and 'owls'"):
        composed(world, tmp_path / "store")


def test_a_table_joins_names_and_a_name_that_is_not_there_is_refused(world, tmp_path):
    (world["pictures"] / "cat").rename(world["pictures"] / "Siamese")
    table = tmp_path / "map.csv"
    table.write_text("\ufeffclass,picture,sound\nkitten,siamese,cat\nbell,bell,bell\nbell,drum,\n", encoding="utf-8")
    composed(world, tmp_path / "store", classes=table, count=FEW)
    store = Store.open(tmp_path / "store")
    assert store.classes == ("bell", "kitten")
    files = {
        one["file"].split("/")[0]
        for row in lines(tmp_path / "store")
        for one in row["objects"]
        if one["class"] == "bell"
    }
    assert files == {"pictures:bell", "pictures:drum"}
    table.write_text("class,picture,sound\nbell,bel,bell\n")
    with pytest.raises(DataError, match=r"map.csv:2: no pictures of 'bel'; did you mean 'bell'\?"):
        composed(world, tmp_path / "other", classes=table)
    table.write_text("class,picture\nbell,bell\n")
    with pytest.raises(DataError, match="no column sound among class,picture; expected class,picture,sound"):
        composed(world, tmp_path / "other", classes=table)
    table.write_text("class,picture,sound\nbell,bell,bell\nowl,owl,bell\n")
    with pytest.raises(DataError, match=r"map.csv:3: 'bell' already belongs to 'bell'"):
        composed(world, tmp_path / "other", classes=table)


def test_names_that_the_table_leaves_out_are_neither_silent_things_nor_noise(world, tmp_path, caplog):
    table = tmp_path / "map.csv"
    table.write_text("class,picture,sound\nbell,bell,bell\ncat,cat,cat\n")
    composed(world, tmp_path / "store", classes=table, count=["train:solo=40", "test:absent=40"])
    assert "names with pictures and sounds that --classes leaves out: drum, horn, owl" in caplog.text
    text = (tmp_path / "store" / "manifest.jsonl").read_text()
    assert not any(
        f"{folder}{name}/" in text for name in ("drum", "horn", "owl") for folder in ("pictures:", "sounds:")
    )


def test_names_of_any_script_are_joined_whatever_their_case_and_spaces(world, tmp_path):
    for name, shown, heard in (
        ("bell", "Käse Glocke", "käse_glocke"),
        ("cat", "猫", "猫"),
        ("owl", "Cafe\u0301", "CAFÉ"),
    ):
        (world["pictures"] / name).rename(world["pictures"] / shown)
        (world["sounds"] / name).rename(world["sounds"] / heard)
    composed(world, tmp_path / "store", count=["test:interactive=30"])
    store = Store.open(tmp_path / "store")
    assert store.classes == ("café", "drum", "horn", "käse_glocke", "猫")
    assert any(name.endswith("_猫") for name in store.split("test_interactive").ids)


def test_a_thing_that_never_sounds_is_no_noise(world, tmp_path):
    make_sounds(tmp_path / "more", ["lamp"])
    with pytest.raises(DataError, match="'lamp' is both a silent object and a sound of nothing in view"):
        composed(world, tmp_path / "store", noise=tmp_path / "more")
    shutil.copytree(world["pictures"] / "owl", world["silent"] / "owl")
    with pytest.raises(DataError, match="--silent: 'owl' is also a class that is seen and heard"):
        composed(world, tmp_path / "store")


def test_what_has_no_partner_is_said(world, tmp_path, caplog):
    shutil.rmtree(world["sounds"] / "owl")
    composed(world, tmp_path / "store", count=FEW)
    assert "pictures without sounds, shown as silent objects: owl" in caplog.text
    assert "sounds without pictures, heard as noise: wind" in caplog.text
    assert Store.open(tmp_path / "store").classes == tuple(name for name in CLASSES if name != "owl")


def test_sources_that_cannot_be_used_are_left_out_named_and_counted(world, tmp_path):
    bell, cat = world["pictures"] / "bell", world["sounds"] / "cat"
    (bell / "text.png").write_text("no picture")
    (bell / "empty.jpg").write_bytes(b"")
    whole = bell / "bell_01.png"
    (bell / "cut.png").write_bytes(whole.read_bytes()[:70])
    photograph("bell", 1, (20, 60)).save(bell / "tiny.png")
    Image.new("RGBA", (50, 50), (9, 9, 9, 0)).save(bell / "hidden.png")
    soundfile.write(cat / "silent.wav", np.zeros(RATE), RATE)
    wave = tone("cat", 0)
    wave[50:60] = np.nan
    soundfile.write(cat / "nan.wav", wave, RATE, subtype="FLOAT")
    (cat / "text.wav").write_text("no sound")
    prepared = composed(world, tmp_path / "store", count=["train:solo=300"], splits=["train=1"])
    failed = {row["source"]: row["reason"] for row in lines(tmp_path / "store") if row["status"] == "failed"}
    assert failed == {
        "pictures:bell/text.png": "not a picture", "pictures:bell/empty.jpg": "not a picture",
        "pictures:bell/cut.png": "not a picture", "pictures:bell/tiny.png": "picture too small",
        "pictures:bell/hidden.png": "empty mask", "sounds:cat/silent.wav": "silent sound",
        "sounds:cat/nan.wav": "sound with NaN", "sounds:cat/text.wav": "not a media file",
    }  # fmt: skip
    assert prepared.failed == 8 and prepared.splits == {"train_solo": 300}
    assert prepared.reasons["not a picture"] == 3


def test_a_class_without_enough_usable_sources_is_named(world, tmp_path):
    for file in sorted((world["sounds"] / "owl").iterdir())[2:]:
        soundfile.write(file, np.zeros(RATE), RATE)
    with pytest.raises(DataError, match=r"owl has \d usable sounds, expected at least 2; .* \(silent sound\)"):
        composed(world, tmp_path / "store", count=["train:solo=100"])


def test_a_picture_is_shown_upright_and_cmyk_is_converted(world, tmp_path):
    folder = world["pictures"] / "horn"
    shutil.rmtree(folder)
    folder.mkdir()
    for number in range(8):
        turned = Image.new("RGB", (80, 40), colour_of("horn"))
        turned.paste((255, 255, 255), (40, 0, 80, 40))  # stored: the right half; upright: the lower half
        exif = Image.Exif()
        exif[274] = 6
        turned.putpixel((0, 0), (number, 0, 0))
        turned.save(folder / f"turned_{number}.jpg", quality=95, exif=exif)
    composed(world, tmp_path / "store", count=["train:whole=30"], splits=["train=1"])
    part = Store.open(tmp_path / "store").split("train_whole")
    shown = part.clip(int(part.labels[:, part.classes.index("horn")].argmax())).frames[0]
    assert np.abs(shown[10, 32].astype(int) - colour_of("horn")).max() < 12 and shown[50, 32].min() > 240
    for number, file in enumerate(sorted(folder.iterdir())):
        Image.new("CMYK", (80, 40), (0, 255, 255, 0)).save(file, quality=95 - number)  # red
    composed(world, tmp_path / "cmyk", count=["train:whole=30"], splits=["train=1"])
    part = Store.open(tmp_path / "cmyk").split("train_whole")
    red = part.clip(int(part.labels[:, part.classes.index("horn")].argmax())).frames[0][32, 32]
    assert red[0] > 200 and red[1:].max() < 60


def test_a_short_sound_is_padded_with_silence_or_repeated(world, tmp_path):
    for name in CLASSES:
        for file in (world["sounds"] / name).iterdir():
            soundfile.write(file, tone(name, int(file.stem[-2:]), 0.4), RATE)
    for short in ("pad", "repeat"):
        composed(world, tmp_path / short, count=["train:solo=6"], short=short)
        waves = Store.open(tmp_path / short).split("train_solo").all_sounds()
        assert (np.count_nonzero(waves == 0, axis=1) > 0.55 * RATE).all() == (short == "pad")
        starts = {part["start"] for row in lines(tmp_path / short) for one in row["heard"] for part in one["parts"]}
        assert len(starts) > 3 and all(-0.6 <= start <= 0 for start in starts)


def test_a_sound_at_another_rate_is_resampled(world, tmp_path):
    for file in (world["sounds"] / "bell").iterdir():
        soundfile.write(file, tone("bell", int(file.stem[-2:]), 1.5, 22050), 22050)
    composed(world, tmp_path / "store", count=["train:whole=20"])
    part = Store.open(tmp_path / "store").split("train_whole")
    clip = part.clip(int(part.labels[:, part.classes.index("bell")].argmax()))
    assert abs(np.abs(np.fft.rfft(clip.waveform.astype(float))).argmax() - 400) < 3


def test_a_file_in_two_classes_is_left_out_of_both_and_named(world, tmp_path, caplog):
    shutil.copy(world["pictures"] / "bell" / "bell_03.png", world["pictures"] / "owl" / "copy.png")
    composed(world, tmp_path / "store", count=["train:whole=200"], splits=["train=1"])
    assert "2 files are identical to a file of another class; left out" in caplog.text
    rows = lines(tmp_path / "store")
    failed = {row["source"] for row in rows if row["status"] == "failed" and row["reason"] == "in two classes"}
    assert failed == {"pictures:bell/bell_03.png", "pictures:owl/copy.png"}
    assert not failed & {one["file"] for row in rows for one in row.get("objects", ())}


def test_equal_files_and_files_of_a_group_stay_in_one_part(world, tmp_path):
    folder = world["pictures"] / "bell"
    for number in range(6):
        shutil.copy(folder / "bell_02.png", folder / f"copy_{number}.png")
    groups = tmp_path / "groups.csv"
    groups.write_text("file,group\nowl/owl_0*,ada\nowl/owl_15.wav,ada\n")
    composed(world, tmp_path / "store", count=["train:solo=200", "test:solo=200"], groups=groups)
    parts: dict[str, set[str]] = {}
    for row in lines(tmp_path / "store"):
        for one in [*row["objects"], *row["heard"][0]["parts"]]:
            parts.setdefault(one["file"], set()).add(row["part"])
    assert all(len(found) == 1 for found in parts.values())
    copies = {frozenset(found) for file, found in parts.items() if "copy_" in file or file.endswith("bell_02.png")}
    ada = {frozenset(found) for file, found in parts.items() if "owl/owl_0" in file or file.endswith("owl_15.wav")}
    assert len(copies) == 1 and len(ada) == 1


def test_a_group_of_no_file_is_refused(world, tmp_path):
    groups = tmp_path / "groups.csv"
    groups.write_text("owls/*,ada\n")
    with pytest.raises(DataError, match=r"groups.csv:1: no file 'owls/\*'; expected a path inside its folder, such as"):
        composed(world, tmp_path / "store", groups=groups)
    groups.write_text("owl/owl_01.png\n")
    with pytest.raises(DataError, match=r"groups.csv:1: found 'owl/owl_01.png'; expected file,group"):
        composed(world, tmp_path / "store", groups=groups)


def test_hidden_and_system_files_are_passed_over(world, tmp_path):
    (world["pictures"] / "bell" / "._bell_00.png").write_bytes(b"resource fork")
    (world["pictures"] / "__MACOSX").mkdir()
    (world["pictures"] / "__MACOSX" / "x.png").write_bytes(b"resource fork")
    assert composed(world, tmp_path / "store", count=["train:whole=100"]).failed == 0


def test_a_name_that_is_not_utf_8_is_passed_over_and_named_and_a_link_that_leads_back_is_followed_once(
    world, tmp_path, caplog
):
    odd = os.fsencode(world["pictures"] / "bell") + b"/caf\xe9.png"
    with open(odd, "wb") as file:
        file.write((world["pictures"] / "bell" / "bell_00.png").read_bytes())
    (world["pictures"] / "bell" / "back").symlink_to(world["pictures"])
    assert composed(world, tmp_path / "store", count=["train:whole=20"]).failed == 0
    assert "1 name is not UTF-8; rename such files: bell/caf" in caplog.text


def test_a_picture_that_is_a_link_out_of_the_folder_is_counted_and_named(world, tmp_path):
    picture = world["pictures"] / "bell" / "bell_00.png"
    picture.rename(tmp_path / "private.png")
    picture.symlink_to(tmp_path / "private.png")
    found = composed(world, tmp_path / "store", count=["train:whole=20"])
    assert found.reasons == {LINKED_OUT: 1}
    assert "private" not in (tmp_path / "store" / "manifest.jsonl").read_text()
    assert composed(world, tmp_path / "other", count=["train:whole=20"], follow_links=True).failed == 0


def test_a_mosaic_of_too_few_classes_is_refused(world, tmp_path):
    for name in ("owl", "horn"):
        shutil.rmtree(world["pictures"] / name)
    with pytest.raises(DataError, match="test:mosaic: needs 4 classes, found 3; remove it from --count"):
        composed(world, tmp_path / "store", count=["test:mosaic=4"])


def test_a_kind_that_nobody_asked_for_is_left_out_where_there_are_too_few_classes(world, tmp_path, caplog, monkeypatch):
    for name in ("owl", "horn"):
        shutil.rmtree(world["pictures"] / name)
    few = ("train:solo=4", "test:mosaic=4", "test:pair=4")
    monkeypatch.setattr("avloc.prepare.compose.COUNTS", few)
    prepared = composed(world, tmp_path / "store", count=few)
    assert prepared.splits == {"train_solo": 4, "test_pair": 4}
    assert "left out: test:mosaic: needs 4 classes, found 3" in caplog.text
