"""AVATAR: made frames with boxes and polygons in the published layout, heard in VGGSound's videos."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import avloc
from avloc import Store
from avloc.annotations.avatar import read_frame
from avloc.engine.predicting import frames_to_score
from avloc.errors import DataError
from tests.data.making import make_video
from tests.prepare.film import Film, breaking, remux
from tests.prepare.test_prepare_avsbench import second_heard, sound

VIDEO = "abcdefghijk_00030"
SQUARE = [[100, 50, 300, 50, 300, 250, 100, 250]]


def thing(task: str, category: str = "dog barking", **changed: object) -> dict:
    told = {"task": task, "bbox": [100, 50, 200, 200], "segmentation": SQUARE, "audio_visual_category": category}
    return {**told, **changed}


def annotate(
    root: Path, frame: int, things: list[dict], video: str = VIDEO, size: tuple[int, int] = (640, 360)
) -> Path:
    folder = root / "metadata" / video
    folder.mkdir(parents=True, exist_ok=True)
    width, height = size
    path = folder / f"{frame:05d}.json"
    path.write_text(json.dumps({"original_width": width, "original_height": height, "annotations": things}))
    image = np.full((height, width, 3), 100, np.uint8)
    image[50:250, 100:300] = 220
    assert cv2.imwrite(str(path.with_suffix(".jpg")), image)
    return path


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Frames 15, 45, 75, 85 of a video of 10 frames a second: one object, two, one unseen, one seen and one not."""
    root = tmp_path_factory.mktemp("avatar")
    annotate(root, 15, [thing("Single-Sound")])
    right = [[400, 100, 500, 100, 500, 200, 400, 200]]
    man = thing("Mixed-Sound", "man speaking", segmentation=right, bbox=[400, 100, 100, 100])
    annotate(root, 45, [thing("Mixed-Sound"), man])
    annotate(root, 75, [thing("Off-Screen", "train horn", bbox=[], segmentation=[])])
    annotate(root, 85, [thing("Multi-Entity", segmentation=[]), thing("Off-Screen", "train horn")])
    make_video(root / "videos" / "abcdefghijk_000030.mp4", 100, 10, sound=sound(10)[None], sound_rate=16000)
    return root


def prepare(source: Path, out: Path, **options: object) -> Store:
    avloc.prepare_avatar(source, out, **{"frames": "raw", "jobs": 0, "size": 320, "seconds": 1, **options})
    return Store.open(out)


@pytest.fixture(scope="module")
def store(tree, tmp_path_factory) -> Store:
    return prepare(tree, tmp_path_factory.mktemp("stores") / "s")


def test_a_run_is_scored_by_the_scenarios_that_the_store_tells(store):
    truth = frames_to_score(store.split("all"), "all", 0, "avatar").truth
    found = {
        task: [name for name, inside in zip(truth.ids, own, strict=True) if inside] for task, own in truth.parts.items()
    }
    assert {task: len(names) for task, names in found.items()} == {
        "Single-Sound": 1, "Mixed-Sound": 1, "Multi-Entity": 1, "Off-Screen": 2,
    }  # fmt: skip
    assert found["Single-Sound"][0].endswith("00015")


def test_the_polygon_of_the_published_rule_fills_twelve_pixels(tmp_path):
    """Coordinates are cut to whole pixels and the edge is part of the mask; both examples mark 12 pixels."""
    annotate(tmp_path, 1, [thing("Single-Sound", segmentation=[[1.9, 1.2, 5.9, 1.7, 3.1, 4.8]])], size=(8, 8))
    shown = read_frame(tmp_path / "metadata" / VIDEO / "00001.json")
    expected = np.zeros((8, 8), bool)
    expected[1, 1:6] = expected[2, 2:5] = expected[3, 2:5] = expected[4, 3] = True
    assert (shown.pixels(shown.things[0]) == expected).all() and expected.sum() == 12
    annotate(tmp_path, 1, [thing("Single-Sound", segmentation=[[1, 1, 4, 1, 4, 3, 1, 3]])], size=(8, 8))
    shown = read_frame(tmp_path / "metadata" / VIDEO / "00001.json")
    mask = shown.pixels(shown.things[0])
    assert mask.sum() == 12 and mask[1:4, 1:5].all()


def test_a_frame_is_in_the_split_of_each_of_its_scenarios(store):
    assert store.splits == {"all": 4, "single-sound": 1, "mixed-sound": 1, "multi-entity": 1, "off-screen": 2}
    assert store.split("off-screen").ids == [f"{VIDEO}_00075", f"{VIDEO}_00085"]
    assert store.split("all").videos == ["abcdefghijk"] * 4
    told = {row["id"]: row["tasks"] for row, _ in store.split("all").lines()}
    assert told[f"{VIDEO}_00085"] == ["Multi-Entity", "Off-Screen"]


def test_a_frame_is_heard_around_its_moment(store):
    part = store.split("all")
    assert [second_heard(waveform) for waveform in part.all_sounds()] == [1, 4, 7, 8]
    assert part.starts.tolist() == [1.0, 4.0, 7.0, 8.0]


def test_boxes_masks_and_classes_are_those_of_the_objects_in_sight(store):
    part = store.split("all")
    assert part.classes == ("dog barking", "man speaking", "train horn")
    assert [np.flatnonzero(row).tolist() for row in part.labels] == [[0], [0, 1], [2], [0, 2]]
    assert part.annotated.all()
    first = part.clip(0)
    assert first.boxes[0].xyxy == pytest.approx((100 / 640, 50 / 360, 300 / 640, 250 / 360))
    (mask,) = first.masks
    bright = first.frames[0, :, :, 0] > 160
    assert (mask.pixels ^ bright).mean() < 0.01  # polygons include their far edge
    assert [len(part.clip(n).masks) for n in range(4)] == [1, 2, 0, 1]


def test_what_is_heard_but_not_seen_is_a_negative(store):
    truth = frames_to_score(store.split("off-screen"), "all", 0, "test").truth
    assert truth.sounding.tolist() == [False, True]
    whole = frames_to_score(store.split("mixed-sound"), "all", 0, "test").truth
    assert whole.mask_class.tolist() == [[0, 1]] and whole.masks[0].any(axis=(1, 2)).all()


def test_an_object_without_polygons_is_marked_by_its_box(tree, tmp_path, caplog):
    part = prepare(tree, tmp_path / "s").split("multi-entity")
    assert "1 frame has objects without segmentation; their boxes are used" in caplog.text
    marked = part.clip(0).masks[0].pixels
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (44, 222, 50, 149)


def test_only_the_splits_asked_for_are_prepared(tree, tmp_path):
    part = prepare(tree, tmp_path / "s", splits=["single-sound"])
    assert part.splits == {"single-sound": 1} and part.classes == ("dog barking", "man speaking", "train horn")
    with pytest.raises(DataError, match="no split 'solo'; AVATAR has all, single-sound"):
        prepare(tree, tmp_path / "t", splits=["solo"])


def test_videos_may_lie_elsewhere_and_frame_numbers_count_another_rate(tree, tmp_path):
    shutil.copytree(tree / "metadata", tmp_path / "frames" / "metadata")
    shutil.copytree(tree / "videos", tmp_path / "films")
    store = prepare(tmp_path / "frames", tmp_path / "s", videos=tmp_path / "films", fps=20)
    assert [second_heard(waveform) for waveform in store.split("all").all_sounds()] == [0, 2, 3, 4]


def test_each_thing_that_is_wrong_costs_its_frame_and_has_a_name(tree, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(tree, root)
    folder = root / "metadata" / VIDEO
    (folder / "00015.json").write_text("{broken")
    (folder / "00045.jpg").unlink()
    annotate(root, 400, [thing("Single-Sound")])
    annotate(root, 20, [thing("Single-Sound")], video="lostlostlos_00000")
    annotate(root, 30, [thing("Single-Sound")], size=(640, 360))
    assert cv2.imwrite(str(folder / "00030.jpg"), np.zeros((360, 360, 3), np.uint8))
    prepared = avloc.prepare_avatar(root, tmp_path / "s", splits=["all"], jobs=0)
    assert prepared.reasons == {
        "broken annotation": 1,
        "missing frame": 1,
        "frame after the end of its video": 1,
        "missing video": 1,
        "picture of another shape than its annotation": 1,
    }
    assert prepared.ok == 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "a list; expected an object"),
        ({"original_width": 0, "original_height": 5, "annotations": []}, "original_width is 0; expected pixels"),
        ({"original_width": 10**9, "original_height": 5, "annotations": []}, "original_width is 1000000000"),
        ({"original_width": 8, "original_height": 5, "annotations": {}}, "no list 'annotations'"),
        ([thing("solo")], 'annotation 0: task "solo"'),
        ([thing("Single-Sound", category="")], "audio_visual_category is"),
        ([thing("Single-Sound", bbox=[1, 2, 3])], "a bbox of 3 numbers"),
        ([thing("Single-Sound", bbox=[1, 2, 3, None])], "bbox .* expected numbers of pixels"),
        ([thing("Single-Sound", segmentation=[[1, 2, 3]])], "not three or more pairs"),
        ([thing("Single-Sound", segmentation=[[1, 2, 3, 4, 5, 1e99]])], "expected numbers of pixels"),
        ([thing("Single-Sound", segmentation=[], bbox=None)], "neither bbox nor segmentation"),
    ],
)
def test_an_annotation_of_another_form_says_what_is_wrong(tmp_path, value, message):
    if value and isinstance(value, list) and isinstance(value[0], dict):
        value = {"original_width": 64, "original_height": 36, "annotations": value}
    path = tmp_path / "00001.json"
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match=message) as caught:
        read_frame(path)
    assert len(str(caught.value)) < 200


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no annotated frame; expected metadata/VIDEO/FRAME\.json"):
        avloc.prepare_avatar(tmp_path, tmp_path / "s", jobs=0)


def test_what_annotations_pictures_and_videos_leave_over_is_said_and_strict_refuses_it(tree, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(tree, root)
    folder = root / "metadata" / VIDEO
    found = avloc.prepare_avatar(root, tmp_path / "whole", jobs=0, strict=True)
    assert found.unmatched == ()
    shutil.copy(root / "videos" / "abcdefghijk_000030.mp4", root / "videos" / "otherother1_000000.mp4")
    (folder / "00045.jpg").unlink()
    shutil.copy(folder / "00015.jpg", folder / "00016.jpg")
    (folder / "frame.json").write_text("{}")
    annotate(root, 20, [thing("Single-Sound")], video="lostlostlos_00000")
    found = avloc.prepare_avatar(root, tmp_path / "s", jobs=0)
    assert [str(join) for join in found.unmatched] == [
        f"metadata: 1 of 5 annotations have no picture: {VIDEO}/00045.json; 2 files match no annotated frame: "
        f"{VIDEO}/frame.json, {VIDEO}/00016.jpg",
        "videos: 1 of 2 annotated videos are not there: lostlostlos_00000; 1 video is not annotated: "
        "videos/otherother1_000000.mp4",
    ]
    assert avloc.data_check(tmp_path / "s").unmatched == found.unmatched
    with pytest.raises(DataError, match=r"1 of 5 annotations have no picture: .*--strict"):
        avloc.prepare_avatar(root, tmp_path / "t", jobs=0, strict=True)


def test_two_pictures_of_one_frame_are_never_settled_by_chance(tree, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(tree, root)
    shutil.copy(root / "metadata" / VIDEO / "00045.jpg", root / "metadata" / VIDEO / "00045.png")
    found = avloc.prepare_avatar(root, tmp_path / "s", splits=["all"], jobs=0)
    assert found.reasons == {"ambiguous name": 1} and found.ok == 3
    assert "1 of 4 annotations have several pictures" in str(found.unmatched[0])


def test_what_was_repaired_in_the_sound_around_a_frame_is_recorded_and_bounded(tmp_path):
    for frame in (25, 45):
        annotate(tmp_path, frame, [thing("Single-Sound")])
    film = Film().make(tmp_path / "made" / "whole.mkv")
    (tmp_path / "videos").mkdir()
    remux(film, tmp_path / "videos" / "abcdefghijk_000030.mkv", breaking("audio", {33, 36, 39, 42}))
    how = {"videos": tmp_path / "videos", "seconds": 1, "splits": ["all"], "jobs": 0}
    found = avloc.prepare_avatar(tmp_path, tmp_path / "s", **how)
    assert found.reasons == {"too much is broken": 1} and found.ok == 1 and found.repaired == {}
    found = avloc.prepare_avatar(tmp_path, tmp_path / "t", repair=0.3, **how)
    assert found.repaired == {"repaired": 1, "silence": 0.256, "packets": 4} and found.ok == 2
    mended = avloc.data_check(tmp_path / "t").splits["all"].mended
    assert mended == [f"{VIDEO}_00025"]


def test_videos_beside_the_source_may_be_moved_if_they_are_the_same(tree, tmp_path):
    shutil.copytree(tree / "metadata", tmp_path / "frames" / "metadata")
    shutil.copytree(tree / "videos", tmp_path / "films")
    avloc.prepare_avatar(tmp_path / "frames", tmp_path / "s", videos=tmp_path / "films", jobs=0)
    before = Store.open(tmp_path / "s")
    os.rename(tmp_path / "films", tmp_path / "moved")
    found = avloc.prepare_avatar(tmp_path / "frames", tmp_path / "s", videos=tmp_path / "moved", jobs=0)
    assert found.kept == 4 and Store.open(tmp_path / "s").fingerprint == before.fingerprint
    film = tmp_path / "moved" / "abcdefghijk_000030.mp4"
    content = bytearray(film.read_bytes())
    content[-100] ^= 1
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / film.name).write_bytes(content)
    with pytest.raises(DataError, match=r"abcdefghijk_000030\.mp4 has other content"):
        avloc.prepare_avatar(tmp_path / "frames", tmp_path / "s", videos=tmp_path / "others", jobs=0)
