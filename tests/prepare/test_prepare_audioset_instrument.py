"""AudioSet-instrument by both releases: tags, seconds, boxes by number of the frame; trained and scored."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import avloc
from avloc import Store
from avloc.errors import DataError
from tests.commands import shown
from tests.data.making import ANNOTATIONS, number_in
from tests.data.published import (
    SMALL,
    sound,
    two_steps,
    write_frame,
    write_json,
    write_numbered_video,
    write_pickle,
    write_sound,
)

TRAIN, VAL = ["bAAAAAAAAAA", "aAAAAAAAAAA", "-AAAAAAAAAA", "dAAAAAAAAAA"], ["zBBBBBBBBBB", "yBBBBBBBBBB"]
INSTRUMENTS = "Banjo Cello Drum Guitar Harp Harmonica Oboe Piano Saxophone Trombone Trumpet Violin Flute Accordion Horn"
NAMES = INSTRUMENTS.split()


def tags(*names: str, classes: int = 15) -> np.ndarray:
    return np.array([float(name in names) for name in NAMES][:classes])


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Frames of a second each and sounds of four training and two validation videos; one is not used, one has no media."""
    root = tmp_path_factory.mktemp("audioset")
    for number, (part, name) in enumerate([*(("train", name) for name in TRAIN[:3]), *(("val", name) for name in VAL)]):
        for second in range(10):
            write_frame(root / part / name / f"{second:04d}.jpg", number, second)
        write_sound(root / part / "audio" / f"{name}.wav", number, 9.6 if name == TRAIN[1] else 10.0)
    write_pickle(root / "train_audio.pkl", {name: tags("Harp") for name in TRAIN})
    write_pickle(root / "val_audio.pkl", {VAL[0]: tags("Cello"), VAL[1]: tags("Harp", "Horn")})
    np.save(root / "audioset_train_effv2.npy", np.array([1, 2, 3]))  # sorted: "-", "a", "b", "d"
    boxes = [(3, 4, [0.1, 0.2, 0.3, 0.4]), (3, 14, [0.5, 0.5, 0.25, 0.25]), (10, 1, [0.0, 0.0, 0.5, 1.0])]
    write_json(
        root / "utils" / "normav.json",
        {
            "categories": [{"id": n, "name": name} for n, name in enumerate(NAMES)],
            "images": [{"id": image, "width": 256, "height": 192} for image in (3, 10)],
            "annotations": [{"image_id": image, "category_id": label, "bbox": bbox} for image, label, bbox in boxes],
        },
    )
    return root


@pytest.fixture(scope="module")
def store(tree, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("stores") / "audioset"
    options = ["--source", tree, "--out", out, "--frames", "raw", "--size", 64, "--jobs", 0]
    table = shown("prepare", "audioset-instrument", *options, width=100)
    assert "2 of 3" in table and "1 x missing file" in table
    return out


def test_used_videos_become_clips_of_a_second_with_the_tags(store):
    opened = Store.open(store)
    assert opened.splits == {"train": 20, "test": 20} and opened.rate == 22050 and opened.classes == tuple(NAMES)
    train = opened.split("train")
    assert list(dict.fromkeys(train.videos)) == [TRAIN[1], TRAIN[0]] and train.ids[:2] == [
        f"{TRAIN[1]}/0",
        f"{TRAIN[1]}/1",
    ]
    assert (train.labels.argmax(1) == 4).all() and train.starts[:3].tolist() == [0, 1, 2]
    last = train.sounds([9])[0]
    heard = round(0.6 * 22050)
    assert not last[heard + 1 :].any() and np.abs(last[:heard]).max() > 100  # filled up with silence, as published
    second = np.tile(sound(1), 3)[3 * 22050 : 4 * 22050]
    assert np.abs(train.sounds([3])[0] / 32767 - second).max() < 1e-3


def test_boxes_belong_to_the_frame_that_the_number_says(store):
    part = Store.open(store).split("test")
    marked = np.flatnonzero(part.annotated[:, 0])
    # the ids are sorted: video 0 is the second of the pickle
    assert [part.ids[clip] for clip in marked] == [f"{VAL[1]}/3", f"{VAL[0]}/0"]
    assert [part.frame_keys[clip] for clip in marked] == [("3",), ("10",)]
    assert part.boxes.label.tolist() == [4, 14, 1] and part.boxes.clip.tolist() == [marked[0], marked[0], marked[1]]
    assert part.boxes.xyxy[0].tolist() == pytest.approx([0.1, 0.2, 0.4, 0.6])
    assert part.labels[marked[0]].nonzero()[0].tolist() == [4, 14]


def test_coarse_to_fine_trains_two_steps_on_the_tags_and_is_scored_by_level(store, tmp_path):
    stores = {"stage1.data.store": store, "stage1.train.batch_size": 10}
    for name in ("one", "two"):
        stores |= {f"evaluate.{name}.store": store, f"evaluate.{name}.stage": 1}
    changes = two_steps(stores, visual=SMALL, audio=SMALL, frame__size=32)
    avloc.train_stage1(config=Path("coarse_to_fine_audioset"), run=tmp_path / "run", set=changes)
    sets = avloc.evaluate(run=tmp_path / "run", sets=["one", "two"], resamples=0).sets
    assert {name: found.result.counts["evaluated"] for name, found in sets.items()} == {"one": 1, "two": 1}


def test_whole_videos_with_ten_frames_train_two_steps_of_the_original_version(tree, tmp_path):
    store = tmp_path / "s"
    avloc.prepare_audioset_instrument(tree, store, seconds=10, size=48, frames="raw", jobs=0)
    part = Store.open(store).split("test")
    assert part.ids == sorted(VAL) and part.samples == 220500 and part.all_frames().shape == (2, 10, 48, 48, 3)
    assert part.annotated.nonzero()[1].tolist() == [3, 0] and part.boxes.frame.tolist() == [3, 3, 0]
    assert [keys[second] for keys, second in zip(part.frame_keys, (3, 0), strict=True)] == ["3", "10"]
    assert not Store.open(store).split("train").sounds([0])[0][-8000:].any()  # 9.6 s, filled up
    stores = {
        "stage1.data.store": store,
        "stage1.train.batch_size": 2,
        "evaluate.two.store": store,
        "evaluate.two.stage": 1,
    }
    audio = {"widths": [4, 8, 8, 8], "expand": 1, "hidden": 8}
    model = {"frame__size": 32, "visual": SMALL, "audio": audio, "freeze_stem": False, "freeze_norms": False}
    changes = two_steps(stores, **model)
    avloc.train_stage1(config=Path("coarse_to_fine_original_audioset"), run=tmp_path / "run", set=changes)
    found = avloc.evaluate(run=tmp_path / "run", sets=["two"], resamples=0).sets["two"]
    assert found.result.counts["evaluated"] == 1


def test_the_release_of_dsol_from_videos_trains_two_steps_and_is_scored(tmp_path):
    root, ids = tmp_path / "v", [*TRAIN[:2], *VAL]
    for number, name in enumerate(ids):
        write_numbered_video(root / "videos" / f"{name}.mp4", 4.0, 200.0 + 100 * number)
    for split, names in (("single_train", ids[:2]), ("single_val", ids[2:])):
        write_pickle(root / f"{split}_data.pkl", names)
        write_pickle(root / f"{split}_data_label.pkl", {name: np.eye(13)[n + 5] for n, name in enumerate(names)})
    rows = {f"{VAL[0]}/2": {"bbox": [{"category": 5, "normbox": [0.25, 0.25, 0.5, 0.5]}]}, f"{VAL[1]}/1": {"bbox": []}}
    write_json(root / "audioset_box.json", rows)
    found = avloc.prepare_audioset_instrument(
        root, tmp_path / "s", release="dsol", fps=2, at=0.0, size=64, frames="raw", jobs=0
    )
    assert found.splits == {"single_train": 8, "single_val": 8}
    store = Store.open(tmp_path / "s")
    part = store.split("single_val")
    assert (store.rate, len(store.classes), store.classes[6]) == (16000, 13, "Piano")  # neither oboe nor trumpet
    assert [[number_in(frame) for frame in frames] for frames in part.all_frames()[:2]] == [[0, 5], [10, 15]]
    assert part.frame_keys[2] == ("", f"{VAL[0]}/2") and part.annotated.sum() == 2 and part.boxes.frame.tolist() == [1]
    stores = {
        "stage1.data.store": tmp_path / "s",
        "evaluate.single.store": tmp_path / "s",
        "stage1.train.batch_size": 4,
    }
    changes = two_steps(stores, visual=SMALL, audio=SMALL, dim=8, frame__size=32, frame__resize=36)
    avloc.train_stage1(config=Path("dsol_audioset"), run=tmp_path / "run", set=changes)
    result = avloc.evaluate(run=tmp_path / "run", sets=["single"], resamples=0).sets["single"].result
    assert result.counts["evaluated"] == 1 and result.counts["dropped"] == {"no box": 1}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: write_pickle(root / "val_audio.pkl", {"a": tags("Harp")}),
            "frame 10 is of video 1, but val_audio",
        ),
        (lambda root: write_pickle(root / "val_audio.pkl", ["a"]), r"holds a list; expected \{id: numbers\}"),
        (lambda root: write_pickle(root / "train_audio.pkl", {"a": np.ones(9)}), "a has 9 numbers; expected 15"),
        (lambda root: np.save(root / "audioset_train_effv2.npy", np.array([7])), "not indices into the 4 ids"),
        (lambda root: (root / "utils" / "normav.json").unlink(), r"expected normav.json or normav_compact.json"),
        (
            lambda root: (root / "utils" / "normav.json").write_text(
                (root / "utils" / "normav.json").read_text().replace(f'"{NAMES[4]}"', '"Theremin"')
            ),
            r"class 'Theremin'; expected one of ",
        ),
        (lambda root: (root / "val_audio.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR."), "val_audio.pkl"),
    ],
)
def test_files_that_do_not_belong_together_are_one_line(tree, tmp_path, damage, message):
    root = tmp_path / "v"
    (root / "utils").mkdir(parents=True)
    for name in ("train_audio.pkl", "val_audio.pkl", "audioset_train_effv2.npy", "utils/normav.json"):
        (root / name).write_bytes((tree / name).read_bytes())
    damage(root)
    with pytest.raises(DataError, match=message) as refused:
        avloc.prepare_audioset_instrument(tree, tmp_path / "s", annotations=root, jobs=0)
    assert "\n" not in str(refused.value)


def test_options_out_of_range(tree, tmp_path):
    with pytest.raises(DataError, match="release is 'mine'; expected coarse-to-fine or dsol"):
        avloc.prepare_audioset_instrument(tree, tmp_path / "s", release="mine")
    with pytest.raises(DataError, match="fps is 0"):
        avloc.prepare_audioset_instrument(tree, tmp_path / "s", fps=0)
    with pytest.raises(DataError, match="seconds is 11; expected whole seconds of a clip, 1 to 10"):
        avloc.prepare_audioset_instrument(tree, tmp_path / "s", seconds=11)
    with pytest.raises(DataError, match="one frame a second: 4, missing file: 1"):
        avloc.prepare_audioset_instrument(tree, tmp_path / "s", splits=["train", "test"], fps=2, jobs=0)


def test_a_video_with_other_tags_in_a_second_list_is_reported(tmp_path, caplog):
    root = tmp_path / "v"
    write_numbered_video(root / "a.mp4", 1.0)
    for split, label in (("single_train", 3), ("multi_train", 4)):
        write_pickle(root / f"{split}_data.pkl", ["a"])
        write_pickle(root / f"{split}_data_label.pkl", {"a": np.eye(13)[label]})
    avloc.prepare_audioset_instrument(root, tmp_path / "s", release="dsol", size=32, jobs=0)
    assert Store.open(tmp_path / "s").split("multi_train").labels[0].nonzero()[0].tolist() == [3]
    assert "1 video has different tags in a second list, such as a; the tags of the first list are used" in caplog.text


@pytest.mark.skipif(not ANNOTATIONS.is_dir(), reason=f"no published boxes at {ANNOTATIONS}")
def test_all_published_boxes_find_their_second(tmp_path):
    names = [f"v{n:010d}" for n in range(1099)]
    for second in range(10):
        write_frame(tmp_path / "v" / "val" / names[0] / f"{second:04d}.jpg", 0, second)
    write_sound(tmp_path / "v" / "val" / "audio" / f"{names[0]}.wav", 0, 10.0)
    write_pickle(tmp_path / "v" / "val_audio.pkl", {name: tags("Guitar") for name in names})
    shutil.copy(ANNOTATIONS / "audioset_instrument" / "normav_compact.json", tmp_path / "v")
    from avloc.prepare.audioset_instrument import list_audioset

    _, listing = list_audioset(tmp_path / "v", tmp_path / "v", "coarse-to-fine", None)
    assert sum(len(item.facts["boxes"]) for item in listing.items.values()) == 4503
    assert sum(bool(item.facts["boxes"]) for item in listing.items.values()) == 566
    found = avloc.prepare_audioset_instrument(tmp_path / "v", tmp_path / "s", size=32, jobs=0)
    assert found.coverage == {"test": (1, 1099)} and Store.open(tmp_path / "s").split("test").annotated.sum() == 10
