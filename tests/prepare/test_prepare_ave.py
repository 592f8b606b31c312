"""AVE: seconds with the class of the event that is seen and heard in them; trained, and scored with boxes of one's own."""

import shutil
from pathlib import Path

import h5py
import pytest

import avloc
from avloc import Store
from avloc.errors import DataError
from tests.commands import shown
from tests.data.making import MEDIA, number_in
from tests.data.published import SMALL, two_steps, write_json, write_numbered_video

LINES = [
    "Church bell&RUhOCu3LNXM&good&0&10",
    "Male speech, man speaking&-0giAfYq9oV&good&3&6",
    "Bark&3jS8tWfLJxI&good&7&9",
    "Bark&E_1Asfq8it4&good&0&0",
    "Church bell&E_1Asfq8it4&good&8&10",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Three videos, the last of nine and a half seconds; the fourth that is listed is missing."""
    root = tmp_path_factory.mktemp("ave")
    for name, seconds in (("RUhOCu3LNXM", 10.0), ("-0giAfYq9oV", 10.0), ("E_1Asfq8it4", 9.5)):
        write_numbered_video(root / "AVE" / f"{name}.mp4", seconds)
    header = "Category&VideoID&Quality&StartTime&EndTime"
    (root / "Annotations.txt").write_text("\n".join([header, *LINES]))
    (root / "trainSet.txt").write_text("\n".join(LINES[:2]) + "\n")
    (root / "testSet.txt").write_text("\n".join(LINES[2:]) + "\n")
    return root


@pytest.fixture(scope="module")
def store(tree, tmp_path_factory) -> Path:
    out, boxes = tmp_path_factory.mktemp("stores") / "ave", tree / "own.json"
    dog = {"box": [0, 0, 0.5, 0.5], "class": "Bark", "sounding": False}
    own = [
        {"id": "E_1Asfq8it4/9", "boxes": [{"box": [0.25, 0.25, 0.75, 0.75]}]},
        {"id": "E_1Asfq8it4/2", "boxes": [dog, {**dog, "class": "tree"}]},
    ]
    write_json(boxes, {"clips": own})
    options = ["--source", tree, "--out", out, "--boxes", boxes, "--frames", "raw", "--size", 64, "--jobs", 0]
    table = shown("prepare", "ave", *options, width=100)
    assert "1 of 2" in table and "1 x missing file" in table
    return out


def test_a_second_has_the_class_of_its_event(store):
    opened = Store.open(store)
    assert opened.classes == ("Bark", "Church bell", "Male speech, man speaking")
    assert opened.splits == {"train": 20, "test": 10} and (opened.rate, opened.seconds) == (22050, 1.0)
    train, test = opened.split("train"), opened.split("test")
    assert train.labels[:, 1].tolist() == [True] * 10 + [False] * 10
    assert train.labels[10:, 2].nonzero()[0].tolist() == [3, 4, 5]
    assert test.labels.nonzero()[0].tolist() == [8, 9]  # of two lines the one whose event lasts
    assert [number_in(frames[0]) for frames in train.all_frames()[:3]] == [5, 15, 25]


def test_boxes_of_ones_own_belong_to_a_second(store):
    part = Store.open(store).split("test")
    assert part.annotated[:, 0].nonzero()[0].tolist() == [2, 9] and part.boxes.clip.tolist() == [2, 2, 9]
    assert part.boxes.xyxy.tolist() == [[0, 0, 0.5, 0.5]] * 2 + [[0.25, 0.25, 0.75, 0.75]]
    assert part.boxes.sounding.tolist() == [False, False, True] and part.boxes.label.tolist() == [0, -1, 1]


def test_frames_of_a_second_and_seconds_that_are_not_whole(tree, tmp_path):
    avloc.prepare_ave(tree, tmp_path / "s", splits=["test"], fps=2, at=0.0, pad=False, frames="raw", size=64, jobs=0)
    part = Store.open(tmp_path / "s").split("test")
    assert len(part) == 9 and [number_in(frame) for frame in part.all_frames()[4]] == [40, 45]


def test_sets_by_the_published_orders_and_lists_of_ones_own(tree, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "Annotations.txt").write_text("\n".join(LINES))
    with h5py.File(lists / "train_order.h5", "w") as file:
        file["order"] = [1, 0]
    (lists / "mine.txt").write_text("RUhOCu3LNXM\n")
    found = avloc.prepare_ave(tree, tmp_path / "s", lists, [f"mine={lists / 'mine.txt'}"], size=32, jobs=0)
    assert found.splits == {"train": 20, "mine": 10}
    assert Store.open(tmp_path / "s").split("train").videos[0] == "-0giAfYq9oV"


def test_a_video_in_two_sets_has_the_events_of_both_and_is_named(tree, tmp_path, caplog):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "trainSet.txt").write_text("Bark&RUhOCu3LNXM&good&0&2\nBark&RUhOCu3LNXM&good&4&5\n")
    (lists / "testSet.txt").write_text("Horn&RUhOCu3LNXM&good&1&3\n")
    avloc.prepare_ave(tree, tmp_path / "s", annotations=lists, size=32, jobs=0)
    for split in ("train", "test"):
        labels = Store.open(tmp_path / "s").split(split).labels
        assert [row.nonzero()[0].tolist() for row in labels[:6]] == [[0], [0, 1], [1], [], [0], []]
    assert "train and test share 1 recordings, such as RUhOCu3LNXM" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Bark&3jS8tWfLJxI&good&7", r"trainSet.txt:1: found 'Bark&3jS8tWfLJxI&good&7'; expected Category&VideoID"),
        (None, r"no list of ids in it or its subfolders; expected trainSet.txt, valSet.txt, testSet.txt"),
    ],
)
def test_mistakes_are_one_line(tree, tmp_path, text, message):
    lists = tmp_path / "lists"
    lists.mkdir()
    if text:
        (lists / "trainSet.txt").write_text(text)
    with pytest.raises(DataError, match=message) as refused:
        avloc.prepare_ave(tree, tmp_path / "s", annotations=lists)
    assert "\n" not in str(refused.value)


def test_coarse_to_fine_trains_two_steps_and_is_scored(store, tmp_path):
    scores = "id,a,b,c,d,e,f,g\n" + "".join(
        f"{name},1,0,0,0,0,0,0.5\n" for name in Store.open(store).split("train").ids
    )
    (tmp_path / "scores.csv").write_text(scores)
    avloc.pseudo_labels(store, "train", "categories", scores=tmp_path / "scores.csv")
    stores = {"stage1.data.store": store, "evaluate.ave.store": store, "evaluate.ave.stage": 1}
    changes = two_steps(stores | {"stage1.train.batch_size": 10}, visual=SMALL, audio=SMALL, frame__size=32)
    avloc.train_stage1(config=Path("coarse_to_fine_ave"), run=tmp_path / "run", set=changes)
    result = avloc.evaluate(run=tmp_path / "run", resamples=0).sets["ave"].result
    assert result.counts["evaluated"] == 2 and {"auc", "piap"} <= set(result.metrics)


@pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no real clips at {MEDIA}")
def test_a_real_video_gives_ten_seconds(tmp_path):
    (tmp_path / "v").mkdir()
    shutil.copy(MEDIA / "nasa_13013.mp4", tmp_path / "v" / "nasa_130130.mp4")
    (tmp_path / "v" / "testSet.txt").write_text("Male speech, man speaking&nasa_130130&good&0&10\n")
    found = avloc.prepare_ave(tmp_path / "v", tmp_path / "s", size=64, jobs=0)
    part = Store.open(tmp_path / "s").split("test")
    assert found.splits == {"test": 10} and part.labels.all() and part.all_frames().std() > 5
