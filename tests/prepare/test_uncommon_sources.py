"""Sources and options that few combine: boxes without classes beside labels, options that are left out again, other seeds."""

import inspect
import json
import logging

import numpy as np
import pytest

import avloc
from avloc.annotations import Truth
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.composing.groups import _given
from avloc.prepare.composing.sources import natural
from avloc.prepare.fetch.yt_dlp import _seconds
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.marks import UNNAMED, marked, of_clip
from avloc.prepare.writing.store_folder import USUAL
from tests.data.making import make_video, tone


def videos(folder, names="abcd"):
    folder.mkdir()
    for name in names:
        make_video(folder / f"{name}.mp4", 20, sound=tone(2.0))
    return folder


def store_of(tmp_path, source, **more):
    avloc.prepare_folder(source, out=tmp_path / "store", seconds=1, rate=8000, size=32, jobs=0, **more)
    return Store.open(tmp_path / "store")


def boxes_for(tmp_path, names="abcd", box=(0.1, 0.1, 0.5, 0.5)):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"clips": [{"id": name, "boxes": [{"box": box}]} for name in names]}))
    return path


def test_a_box_without_a_class_has_that_of_its_clip(tmp_path):
    (tmp_path / "labels.csv").write_text("a,violin\nb,drum\nc,accordion\n")
    store = store_of(
        tmp_path,
        videos(tmp_path / "in"),
        labels=tmp_path / "labels.csv",
        benchmark="own",
        annotations=boxes_for(tmp_path),
    )
    assert store.classes == ("accordion", "drum", "violin")
    found = {clip.id: (clip.labels, [box.label for box in clip.boxes]) for clip in map(store.clip, range(len(store)))}
    assert found == {"a": ((2,), [2]), "b": ((1,), [1]), "c": ((0,), [0]), "d": ((), [-1])}


def test_boxes_without_classes_are_of_the_only_class(tmp_path):
    store = store_of(tmp_path, videos(tmp_path / "in", "a"), benchmark="own", annotations=boxes_for(tmp_path, "a"))
    assert (store.classes, store.clip(0).labels, store.clip(0).boxes[0].label) == (UNNAMED, (0,), 0)
    assert of_clip([(0.0, 0.0, 1.0, 1.0, -1)], (3, 5), ("x",) * 9)[0][4] == 3


def test_boxes_are_cut_at_the_frame_and_hold_no_nan(caplog):
    boxes = np.array([[0.1, 0.1, np.nan, 0.5], [0.1, 0.1, 1.08, 0.5], [-0.2, 0, np.inf, 1]])
    truth = Truth(list("abc"), list("abc"), boxes, [0, 1, 2], [0, 0, 0], ("x",))
    truth.warnings = ["1 of 3 boxes have an invalid coordinate"]
    with caplog.at_level(logging.WARNING):
        found = marked(truth)
    assert [rows[0][:4] for rows in found.values()] == [(0.1, 0.1, 0, 0.5), (0.1, 0.1, 1, 0.5), (0, 0, 1, 1)]
    assert "1 of 3 boxes have an invalid coordinate" in caplog.text


@pytest.mark.parametrize(
    ("option", "value", "usual"), [("channels", "left", "mean"), ("tail", "pad", "drop"), ("repair", 0.5, 0.1)]
)
def test_an_option_that_is_left_out_again_does_not_overwrite_a_store(tmp_path, option, value, usual):
    source = videos(tmp_path / "in", "a")
    store_of(tmp_path, source, **{option: value})
    said = f"contains a store with {option} {json.dumps(value)}, not {json.dumps(usual)}; choose another folder"
    with pytest.raises(DataError, match=said):
        store_of(tmp_path, source)
    store_of(tmp_path, source, **{option: value})


def test_defaults_that_stores_do_not_record_are_those_of_the_options():
    of_compose = {name: one.default for name, one in inspect.signature(avloc.prepare_compose).parameters.items()}
    defaults = of_compose | vars(Decoding())
    assert {name: defaults[name] for name in USUAL} == USUAL


def test_a_split_that_is_not_named_again_stays(tmp_path):
    source = videos(tmp_path / "in", "ab")
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(name)
    store_of(tmp_path, source, lists=[f"train={tmp_path / 'a.txt'}", f"test={tmp_path / 'b.txt'}"])
    with pytest.raises(DataError, match="already has the split 'test'; name it too"):
        store_of(tmp_path, source, lists=[f"train={tmp_path / 'a.txt'}"])


def test_names_with_any_digits_have_an_order():
    assert sorted(["x10", "x9", "x²", "x1"], key=natural)[:3] == ["x1", "x9", "x10"]


def test_a_table_of_groups_is_looked_up_by_name_and_by_pattern(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("dog/1.jpg,one\ncat/*.jpg,two\n")
    files = ["pictures:dog/1.jpg", "pictures:cat/1.jpg", "pictures:cat/2.jpg", "sounds:dog/1.jpg"]
    assert _given(files, table) == [
        ("pictures:dog/1.jpg", "one"),
        ("sounds:dog/1.jpg", "one"),
        ("pictures:cat/1.jpg", "two"),
        ("pictures:cat/2.jpg", "two"),
    ]


def test_times_of_a_fetched_clip_are_exact():
    assert [_seconds(time) for time in (10000.25, 30, 0.5, 1234567.125)] == ["10000.25", "30", "0.5", "1234567.125"]
