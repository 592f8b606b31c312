"""Any folder of videos: which moments become clips, how ids are found, what is counted."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import avloc
from avloc import Store
from avloc.annotations.reading import read_own_truth
from avloc.engine.predicting import frames_to_score
from avloc.errors import DataError
from avloc.prepare.parts.names import Found
from tests.data.making import MEDIA, make_sound, make_video, number_in, tone


def clips(store: Path, split: str = "all") -> Store:
    return Store.open(store).split(split)


def test_the_middle_of_each_video_is_taken(tmp_path):
    make_video(tmp_path / "v" / "a.mp4", 60, sound=tone(6))  # ten frames a second
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=2.0, frames="raw", jobs=1)
    part = clips(tmp_path / "s")
    assert part.ids == ["a"] and part.starts[0] == pytest.approx(2.0, abs=0.05) and part.frame_keys == [("a",)]
    assert number_in(part.all_frames()[0, 0]) == 30 and part.samples == 32000


def test_all_of_a_video_in_clips_with_several_frames(tmp_path):
    make_video(tmp_path / "v" / "a.mp4", 45, sound=tone(4.5))
    avloc.prepare_folder(
        tmp_path / "v", tmp_path / "s", seconds=2.0, every=True, frames_per_clip=2, frames="raw", jobs=1
    )
    part = clips(tmp_path / "s")
    assert part.ids == ["a/000", "a/001"] and part.videos == ["a", "a"] and part.starts.tolist() == [0.0, 2.0]
    assert [[number_in(frame) for frame in frames] for frames in part.all_frames()] == [[5, 15], [25, 35]]


def test_listed_ids_are_found_where_mirrors_put_them(tmp_path):
    for name in (
        "abcdefghijk_000010",
        "sub/bbcdefghijk_000020",
        "cbcdefghijk/000030",
        "dbcdefghijk_40",
        "-ä 'x'_000050",
    ):
        make_video(tmp_path / "v" / f"{name}.mp4", 20, sound=tone(2))
    ids = [
        f"{v}_{n:06d}" for v, n in (("abcdefghijk", 10), ("bbcdefghijk", 20), ("cbcdefghijk", 30), ("dbcdefghijk", 40))
    ]
    (tmp_path / "train.txt").write_text("\n".join(ids[:3]))
    (tmp_path / "test.txt").write_text("\n".join([ids[3], "-ä 'x'_000050", "eeeeeeeeeee_000060"]))
    lists = [f"{split}={tmp_path / f'{split}.txt'}" for split in ("train", "test")]
    found = avloc.prepare_folder(tmp_path / "v", tmp_path / "s", lists, seconds=1.0, jobs=1)
    assert clips(tmp_path / "s", "train").ids == ids[:3]
    assert clips(tmp_path / "s", "test").ids == [ids[3], "-ä 'x'_000050"]
    assert found.reasons == {"missing file": 1}


def found_in(*files: str) -> Found:
    return Found(files)


@pytest.mark.parametrize("listed", ["abcdefghi_1_000030", "abcdefghi_1_30"])
@pytest.mark.parametrize(
    "file",
    [
        "{id}_000030.mp4", "{id}_30.mp4", "x/{id}_000030.mkv", "{id}/000030.mp4", "{id}/30.mp4", "{id}/0030.webm",
        "{id}_000030_000040.mp4", "{id}_30_40.mp4", "{id}_30.0_40.0.mp4", "{id}_30000_40000.mp4", "{id}/30_40.mp4",
        "deep/er/{id}/30.mp4",
    ],
)  # fmt: skip
def test_a_clip_is_found_under_the_names_that_mirrors_give_it(listed, file):
    found = found_in("other_000030.mp4", "abcdefghi_1_000031.mp4", file.format(id="abcdefghi_1"))
    assert found.get(listed) == file.format(id="abcdefghi_1")


@pytest.mark.parametrize("file", ["{id}_30_40.mp4", "{id}_30.0_40.0.mp4", "x/{id}_30000_40000.mkv", "{id}/30_40.mp4"])
def test_a_video_without_a_time_is_found_by_the_one_stretch_of_it(file):
    stretch = file.format(id="abcdefghijk")
    assert found_in("other_30_40.mp4", stretch).get("abcdefghijk") == stretch
    assert found_in(stretch, "abcdefghijk.mp4").get("abcdefghijk") == "abcdefghijk.mp4"
    assert found_in(stretch, "abcdefghijk_50_60.mp4").get("abcdefghijk") is None


@pytest.mark.parametrize(
    ("file", "listed"),
    [
        ("clip_1_2.mp4", "clip_1_5"),  # numbered clips, no times
        ("abcdefghi_1_000030.mp4", "abcdefghi_000001"),
        ("abcdefghijk_40_30.mp4", "abcdefghijk_40"),  # ends before it starts
        ("abcdefghijk.mp4", "abcdefghijk_000030"),
    ],
)
def test_another_clip_is_not_taken_for_it(file, listed):
    assert found_in(file).get(listed) is None


def test_the_exact_name_comes_first():
    found = found_in("a/scene_01.mp4", "scene_1.mp4", "b/other.mp4", "c/other.mp4")
    assert found.get("scene_1") == "scene_1.mp4" and found.get("scene_01") == "a/scene_01.mp4"
    assert found.get("other") is None and found.find("other")[1] == ["b/other.mp4", "c/other.mp4"]  # either could be it
    assert found.get("c/other") == "c/other.mp4"


def test_picture_and_sound_of_one_name_are_one_clip(tmp_path):
    root = tmp_path / "v"
    make_video(root / "moving.mp4", 30)  # no sound
    make_sound(root / "heard.mp4")  # a video's name, but no picture
    for name in ("moving", "still", "alone"):
        soundfile.write(root / f"{name}.flac", tone(3, 300)[0], 22050)
    for name, grey in (("still", 60), ("heard", 120), ("thumbnail", 180)):
        cv2.imwrite(str(root / f"{name}.png"), np.full((40, 60, 3), grey, np.uint8))
    found = avloc.prepare_folder(
        root, tmp_path / "s", seconds=1.0, every=True, frames_per_clip=2, frames="raw", size=32, jobs=0
    )
    part = clips(tmp_path / "s")
    assert found.failed == 0 and part.ids == [
        f"{name}/{n:03d}" for name in ("heard", "moving", "still") for n in range(3)
    ]
    frames = part.all_frames()
    assert (frames[:3] == 120).all() and (frames[6:] == 60).all() and frames[3:6].std() > 50
    assert (np.abs(part.all_sounds().astype(int)).max(1) > 9000).all()


def test_labels_and_boxes(tmp_path):
    for name in ("abcdefghijk_000010", "bbcdefghijk_000020"):
        make_video(tmp_path / "v" / f"{name}.mp4", 20, sound=tone(2))
    (tmp_path / "l.csv").write_text("abcdefghijk_000010,dog\nbbcdefghijk_000020,cat\nbbcdefghijk_000020,dog\n")
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", labels=tmp_path / "l.csv", seconds=1.0, jobs=1)
    assert clips(tmp_path / "s").classes == ("cat", "dog")
    assert clips(tmp_path / "s").labels.tolist() == [[False, True], [True, True]]
    rows = [{"file": "abcdefghijk_000010", "class": "dog", "bbox": [[0, 0, 0.5, 1]]}]
    (tmp_path / "vggss.json").write_text(json.dumps(rows))
    avloc.prepare_folder(
        tmp_path / "v", tmp_path / "b", benchmark="vggss", annotations=tmp_path / "vggss.json", seconds=1.0,
        frames_per_clip=3, jobs=1,
    )  # fmt: skip
    part = clips(tmp_path / "b")
    assert part.annotated.tolist() == [[False, True, False], [False] * 3]
    assert part.boxes.frame.tolist() == [1] and part.boxes.xyxy.tolist() == [[0, 0, 0.5, 1]]
    assert part.frame_keys[0] == ("", "abcdefghijk_000010", "") and part.labels[0].tolist() == [True]


def test_what_cannot_be_used_is_counted_and_named(tmp_path, monkeypatch):
    root = tmp_path / "v"
    make_video(root / "good.mp4", 30, sound=tone(3))
    make_video(root / "mute.mp4", 30)
    make_video(root / "beside.mp4", 30)
    soundfile.write(root / "beside.wav", tone(3)[0], 22050)
    make_video(root / "short.mp4", 5, sound=tone(0.5))
    make_video(root / "still.mp4", 5, sound=tone(3))
    (root / "text.mp4").write_text("no video")
    (root / "empty.mp4").touch()
    os.symlink(root, root / "loop")
    found = avloc.prepare_folder(root, tmp_path / "s", seconds=2.0, jobs=1)
    assert clips(tmp_path / "s").ids == ["beside", "good"]
    assert clips(tmp_path / "s").sounds([0])[0].std() > 1000
    rows = {
        row["id"]: row["reason"]
        for row in map(json.loads, (tmp_path / "s" / "manifest.jsonl").open())
        if row.get("reason")
    }
    assert rows == {
        "mute": "no sound track", "short": "sound too short", "still": "picture too short", "text": "not a media file",
        "empty": "not a media file",
    }  # fmt: skip
    assert found.failed == 5
    again = avloc.prepare_folder(root, tmp_path / "r", seconds=2.0, short="repeat", jobs=1)
    assert "short" in clips(tmp_path / "r").ids and again.failed == 4


def test_real_media_odd_files_included(tmp_path):
    if not MEDIA.exists():
        pytest.skip("the real clips lie in ../shared, which is not here")
    found = avloc.prepare_folder(MEDIA, tmp_path / "s", seconds=0.5, size=64, jobs=2)
    part = clips(tmp_path / "s")
    assert found.ok == len(part) >= 3 and found.reasons == {"no sound track": 5}
    frames = part.all_frames()
    assert frames.shape[1:] == (1, 64, 64, 3) and np.isfinite(part.all_sounds().astype(float)).all()
    assert all(
        row["reason"] for row in map(json.loads, (tmp_path / "s" / "manifest.jsonl").open()) if row["status"] != "ok"
    )


def test_a_single_video_is_a_source_too(tmp_path):
    make_video(tmp_path / "v" / "one.mp4", 30, sound=tone(3))
    make_video(tmp_path / "v" / "other.mp4", 30, sound=tone(3))
    make_video(tmp_path / "v" / "inner" / "one.mp4", 30, sound=tone(3))
    make_video(tmp_path / "v" / "mute.mp4", 30)
    soundfile.write(tmp_path / "v" / "mute.wav", tone(3)[0], 22050)
    for name in ("one", "mute"):
        found = avloc.prepare_folder(tmp_path / "v" / f"{name}.mp4", tmp_path / name, seconds=1.0, size=32, jobs=1)
        assert (found.ok, found.failed) == (1, 0) and clips(tmp_path / name).ids == [name]


def with_own_truth(folder, told):
    """The split of a store made from the videos in `v` and ground truth of these clips."""
    (folder / "mine.json").write_text(json.dumps({"clips": told}))
    own = {"benchmark": "own", "annotations": folder / "mine.json"}
    avloc.prepare_folder(folder / "v", folder / "s", seconds=1.0, size=32, jobs=1, **own)
    return clips(folder / "s")


def test_boxes_of_the_users_own_file_are_read(tmp_path):
    make_video(tmp_path / "v" / "a.mp4", 30, sound=tone(3))
    make_video(tmp_path / "v" / "b.mp4", 30, sound=tone(3))
    box = {"box": [0.25, 0, 0.75, 0.5], "class": "dog"}
    part = with_own_truth(tmp_path, [{"id": "a", "boxes": [box]}])
    assert part.classes == ("dog",) and part.annotated.tolist() == [[True], [False]]
    assert part.boxes.xyxy.tolist() == [pytest.approx([0.25, 0, 0.75, 0.5])]


def test_silent_objects_scenes_and_other_sounds_of_the_users_own_file_are_kept(tmp_path):
    for name in "abc":
        make_video(tmp_path / "v" / f"{name}.mp4", 30, sound=tone(3))
    dog = {"box": [0.25, 0, 0.75, 0.5], "class": "dog"}
    cat = {"box": [0, 0.5, 0.5, 1], "class": "cat", "sounding": False}
    told = [
        {"id": "a", "scene": "yard", "boxes": [dog, cat, {"box": [0.5, 0.5, 1, 1], "sounding": False}]},
        {"id": "b", "scene": "yard", "boxes": [{**dog, "sounding": False}], "sound": "noise"},
        {"id": "c", "boxes": [dog]},
    ]
    part, truth = with_own_truth(tmp_path, told), read_own_truth(tmp_path / "mine.json")
    stored = frames_to_score(part, "all", 0, "mine").truth
    assert part.labels.tolist() == [[False, True], [False, False], [False, True]] and part.classes == ("cat", "dog")
    assert stored.classes == truth.classes and stored.ids == truth.ids
    for name in ("boxes", "box_clip", "box_class", "silent_boxes", "silent_clip", "silent_class"):
        assert getattr(stored, name).tolist() == getattr(truth, name).tolist(), name
    assert stored.scenes == truth.scenes and stored.sound == truth.sound
    assert avloc.data_check(tmp_path / "s").splits["all"].boxes == 5


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"seconds": 0.0}, "more than 0 s"),
        ({"seconds": 1e-5}, "more than 0 s"),
        ({"lists": ["a"]}, "expected SPLIT=FILE"),
        ({"short": "pad"}, "short is 'pad'; expected fail or repeat or start"),
        ({"source": "nothing"}, "no such folder"),
        ({"source": "v/one.txt"}, "one.txt: not a video; expected a file ending in .mp4"),
        ({"benchmark": "own"}, "--annotations is missing"),
        (
            {"benchmark": "mine", "annotations": "x.json"},
            "benchmark 'mine' is unknown; `avloc benchmarks` lists the names",
        ),
        ({"lists": ["a=nothing.txt"]}, r"nothing.txt: not a readable csv file \(No such file or directory\)"),
        ({"lists": "a=nothing.txt"}, r"nothing.txt: not a readable csv file \(No such file or directory\)"),
        ({"labels": Path("nothing.csv")}, r"nothing.csv: cannot be read \(No such file or directory\)"),
        ({}, "no video in it or its subfolders"),
    ],
)
def test_mistakes_are_one_line(tmp_path, options, expected):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "one.txt").write_text("no video") if "source" in options else None
    source = tmp_path / options.pop("source", "v")
    with pytest.raises(DataError, match=expected) as refused:
        avloc.prepare_folder(source, tmp_path / "s", **options)
    assert "\n" not in str(refused.value) and not (tmp_path / "s").exists()
