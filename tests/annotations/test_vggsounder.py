"""VGGSounder: a row for each label of a clip; which labels and clips the flags leave."""

import json
from pathlib import Path

import pytest

from avloc.annotations.files import id_list
from avloc.annotations.reading import read_benchmark
from avloc.annotations.vggsounder import choose, is_sounder, parts_of, read_sounder
from avloc.errors import DataError
from tests.data.making import ANNOTATIONS

HEADER = "video_id,label,modality,background_music,static_image,voice_over"
ROWS = [
    "aaaaaaaaaaa_000010,male singing,A,True,False,False",
    "aaaaaaaaaaa_000010,people crowd,AV,True,False,False",
    "bbbbbbbbbbb_000010,dog barking,AV,False,False,True",
    'ccccccccccc_000010,"bird chirping, tweeting",V,False,True,False',
]


def table(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\r\n".join([header, *rows]) + "\r\n", encoding="utf-8-sig")
    return path


def test_a_clip_has_all_of_its_labels_and_flags(tmp_path):
    clips = read_sounder(table(tmp_path / "v.csv", *ROWS))
    assert list(clips) == ["aaaaaaaaaaa_000010", "bbbbbbbbbbb_000010", "ccccccccccc_000010"]
    assert clips["aaaaaaaaaaa_000010"].heard == ("male singing", "people crowd")
    assert clips["ccccccccccc_000010"].heard == ()
    assert clips["aaaaaaaaaaa_000010"].note() == {
        "audible": ["male singing", "people crowd"],
        "visible": ["people crowd"],
        "static_image": False,
        "background_music": True,
        "voice_over": False,
    }


def test_clips_of_one_class_are_split_by_what_is_heard_and_seen_of_it(tmp_path):
    classes = {
        "aaaaaaaaaaa_000010": "male singing",
        "bbbbbbbbbbb_000010": "dog barking",
        "ccccccccccc_000010": "owl",
        "d": "owl",
    }
    found = parts_of(read_sounder(table(tmp_path / "v.csv", *ROWS)), classes)
    assert {name: inside.tolist() for name, inside in found.items()} == {
        "audible and visible": [False, True, False, False],
        "audible, not visible": [True, False, False, False],
        "class not confirmed": [False, False, True, False],
        "a sound that is not visible": [True, False, False, False],
        "still picture": [False, False, True, False],
        "voice-over": [False, True, False, False],
        "background music": [True, False, False, False],
        "not in VGGSounder": [False, False, False, True],
    }


def test_the_published_table_splits_vgg_ss_as_counted():
    if not ANNOTATIONS.is_dir():
        pytest.skip(f"{ANNOTATIONS} is not there")
    found = {name: int(inside.sum()) for name, inside in read_benchmark("vggss", ANNOTATIONS / "vggss").parts.items()}
    assert found["audible and visible"] == 3799 and found["audible, not visible"] == 594
    assert (found["visible, not audible"], found["class not confirmed"], found["not in VGGSounder"]) == (56, 660, 49)
    assert (found["still picture"], found["voice-over"], found["background music"]) == (294, 664, 708)
    assert found["a sound that is not visible"] == 2219


def vggss_of(folder, clips):
    folder.mkdir(parents=True)
    rows = [{"file": name, "class": "dog barking", "bbox": [[0, 0, 1, 1]]} for name in clips]
    (folder / "vggss.json").write_text(json.dumps(rows))


def test_a_table_here_comes_before_one_of_any_name_in_a_folder_next_to_it(tmp_path):
    clips = [row.split(",")[0] for row in ROWS[1:]]
    vggss_of(tmp_path / "own", clips)
    (tmp_path / "another").mkdir()
    table(tmp_path / "another" / "vggsounder+background-music.csv", ROWS[2])
    assert read_benchmark("vggss", tmp_path / "own").parts["not in VGGSounder"].tolist() == [True, False, True]
    table(tmp_path / "own" / "vggsounder_of_vggss.csv", *ROWS)
    assert "not in VGGSounder" not in read_benchmark("vggss", tmp_path / "own").parts


def test_a_table_that_has_few_of_the_clips_is_told_with_its_path(tmp_path):
    clips = [row.split(",")[0] for row in ROWS[1:]]
    vggss_of(tmp_path / "own", clips)
    here = table(tmp_path / "own" / "vggsounder.csv", ROWS[2])
    found = read_benchmark("vggss", tmp_path / "own").warnings
    assert any(line.startswith(f"{here} has 1 of 3 clips; scores by flag") for line in found)
    table(here, *ROWS)
    assert not any("by flag" in line for line in read_benchmark("vggss", tmp_path / "own").warnings)


def test_flags_are_read_as_any_program_writes_them(tmp_path):
    row = "aaaaaaaaaaa_000010,dog barking,AV,TRUE,false,False"
    (clip,) = read_sounder(table(tmp_path / "v.csv", row)).values()
    assert clip.flags == {"static_image": False, "background_music": True, "voice_over": False}


@pytest.mark.parametrize(
    ("only", "without", "left"),
    [
        ((), (), {"a": ("male singing", "people crowd"), "b": ("dog barking",), "c": ("bird chirping, tweeting",)}),
        (("audible",), (), {"a": ("male singing", "people crowd"), "b": ("dog barking",)}),
        (("audible", "visible"), (), {"a": ("people crowd",), "b": ("dog barking",)}),
        ((), ("visible",), {"a": ("male singing",)}),
        ((), ("background_music",), {"b": ("dog barking",), "c": ("bird chirping, tweeting",)}),
        (("static_image",), (), {"c": ("bird chirping, tweeting",)}),
        (("audible",), ("background_music", "voice_over"), {}),
    ],
)
def test_flags_choose_labels_and_clips_that_have_one(tmp_path, only, without, left):
    chosen = choose(read_sounder(table(tmp_path / "v.csv", *ROWS)), only, without)
    assert {name[0]: clip.left for name, clip in chosen.items()} == left


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,dog,B,True,False,False", ":3: found 'x', 'dog', 'B'"),
        (",dog,A,True,False,False", ":3: found ''"),
        ("x,dog,A,yes,False,False", ":3: background_music is 'yes'"),
        ("aaaaaaaaaaa_000010,dog,A,False,False,False", ":3: aaaaaaaaaaa_000010 has other flags"),
        ("aaaaaaaaaaa_000010,male singing,V,True,False,False", "'male singing' is V, in a previous row A"),
        ("x,dog", ":3: found 'x', 'dog', ''"),
    ],
)
def test_a_row_of_another_form_is_named(tmp_path, row, message):
    path = table(tmp_path / "v.csv", ROWS[0], row)
    with pytest.raises(DataError) as caught:
        read_sounder(path)
    assert message in str(caught.value)


def test_it_is_a_list_of_clips_wherever_lists_are_read(tmp_path):
    assert id_list(table(tmp_path / "v.csv", *ROWS)) == [f"{name * 11}_000010" for name in "abc"]


def test_other_tables_are_not_taken_for_it(tmp_path):
    assert not is_sounder(table(tmp_path / "a.csv", header="id,class"))
    assert not is_sounder(tmp_path / "missing.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    assert not is_sounder(tmp_path / "b.csv")
    with pytest.raises(DataError, match="no column 'background_music'"):
        read_sounder(table(tmp_path / "c.csv", header="video_id,label,modality"))


def test_the_published_rows_of_vggss():
    path = ANNOTATIONS / "vggsounder" / "vggsounder_of_vggss.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    clips = read_sounder(path)
    assert len(clips) == 5109 and sum(len(clip.labels) for clip in clips.values()) == 12039
    assert len(choose(clips, (), ("background_music",))) == 4401
    assert clips["-0UuUoXQUoI_000107"].labels == {"playing double bass": "AV"}
    assert clips["-79qo5MUYBk_000207"].labels["train whistling"] == "A"
