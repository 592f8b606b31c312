"""SoundNet-Flickr from the trees it is published in: lists, boxes by consensus, what is missing; trained and scored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import avloc
from avloc import Store
from avloc.errors import DataError
from tests.commands import shown
from tests.data.making import ANNOTATIONS, MEDIA
from tests.data.published import SMALL, box, sound, two_steps, write_frame, write_sound

TRAIN = [f"1000000000{n}" for n in range(6)]
TEST = ["2432219254", "2542659118", "2766580444"]


def xml_of(boxes: list[list[int]]) -> str:
    """As Senocak et al. publish it: a name first, then the corners."""
    marked = "".join(
        f"<bbox><name>a</name><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bbox>"
        for x1, y1, x2, y2 in boxes
    )
    return f"<annotation><annotator>{marked}</annotator></annotation>"


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Frames and sounds of six training and three test recordings; three lists, a training id without media."""
    root = tmp_path_factory.mktemp("flickr")
    for number, name in enumerate([*TRAIN, *TEST]):
        write_frame(root / "frames" / f"{name}.jpg", number)
        write_sound(root / "audio" / f"{name}.wav", number, 2.0 if name == TRAIN[0] else 6.0)
    (root / "metadata").mkdir()
    (root / "metadata" / "flickr_10k.txt").write_text("\n".join([*TRAIN, "10000000009"]))
    (root / "metadata" / "flickr_test.csv").write_text("".join(f"{name},{n}\r\n" for n, name in enumerate(TEST)))
    (root / "Annotations").mkdir()
    for number, name in enumerate(TEST):
        x1, y1, x2, y2 = (round(256 * v) for v in box(len(TRAIN) + number))
        (root / "Annotations" / f"{name}.xml").write_text(xml_of([[x1, y1, x2, y2]] * 2 + [[1, 1, 256, 256]]))
    return root


def reasons(store: Path) -> dict[str, str]:
    rows = map(json.loads, (store / "manifest.jsonl").read_text().splitlines())
    return {row["id"]: row["reason"] for row in rows if row["status"] == "failed"}


def test_frames_and_sounds_with_lists_and_boxes_of_three_annotators(tree, tmp_path):
    table = shown("prepare", "soundnet-flickr", "--source", tree, "--out", tmp_path / "s", "--jobs", 0, width=100)
    assert "6 of 7" in table and "3 of 3" in table and "1 x missing file" in table
    store = Store.open(tmp_path / "s")
    assert (store.rate, store.seconds, store.samples, store.size, store.votes) == (16000, 3.0, 48000, 256, 2)
    assert store.split("train_10k").ids == TRAIN and reasons(tmp_path / "s") == {"10000000009": "missing file"}
    test = store.split("test")
    assert test.ids == TEST and test.annotated.all() and len(test.boxes) == 9
    x1, y1, x2, y2 = (round(256 * v) / 256 for v in box(6))
    assert (
        test.boxes.xyxy[0].tolist() == pytest.approx([x1, y1, x2, y2])
        and test.boxes.clip.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    )


def test_the_middle_of_the_sound_and_short_sounds_repeated_or_counted(tree, tmp_path):
    avloc.prepare_soundnet_flickr(tree, tmp_path / "s", rate=22050, jobs=0, splits=["train_10k"])
    part = Store.open(tmp_path / "s").split("train_10k")
    sounds = part.sounds([0, 1]) / 32767
    whole = np.tile(sound(1), 3)[: 6 * 22050]
    assert np.abs(sounds[1] - whole[66150 - 33075 : 66150 + 33075]).max() < 1e-3 and part.starts[1] == 1.5
    two = np.tile(sound(0)[: 2 * 22050], 2)  # two seconds, repeated, and the middle of that
    assert np.abs(sounds[0] - two[44100 - 33075 : 44100 + 33075]).max() < 1e-3
    avloc.prepare_soundnet_flickr(tree, tmp_path / "f", short="fail", splits=["train_10k"], jobs=0)
    assert reasons(tmp_path / "f") == {TRAIN[0]: "sound too short", "10000000009": "missing file"}


def test_the_trees_of_senocak_and_of_sspl(tmp_path):
    entry = "videos2/4/8/1/6/6/3/4/4/6248166344.mp4"
    for index in (1, 7, 12):
        write_frame(tmp_path / "v" / "frames" / entry / f"{index:04d}.jpg", 0, index)
    write_sound(tmp_path / "v" / "mp3" / Path(entry).parent / "sound.mp3", 1)
    write_frame(tmp_path / "v" / "Data" / "3" / "3000000003.jpg", 2)
    write_sound(tmp_path / "v" / "Data" / "3" / "3000000003.wav", 2)
    (tmp_path / "v" / "flickr_train_videos_10k.csv").write_text(f"{entry}\n3000000003\n")
    avloc.prepare_soundnet_flickr(tmp_path / "v", tmp_path / "s", frames="raw", jobs=0)
    part = Store.open(tmp_path / "s").split("train_10k")
    assert part.ids == ["6248166344", "3000000003"]
    other = tmp_path / "other"
    write_frame(other / "frames" / "1.jpg", 0, 7)
    write_sound(other / "audio" / "1.wav", 1)
    (other / "l.txt").write_text("1\n")
    avloc.prepare_soundnet_flickr(other, tmp_path / "o", lists=[f"mine={other / 'l.txt'}"], frames="raw", jobs=0)
    assert (Store.open(tmp_path / "o").split("mine").all_frames()[0] == part.all_frames()[0]).all()


def test_silent_pairs_have_another_sound_and_no_box(tree, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    for file in ("metadata/flickr_test.csv", "metadata/flickr_10k.txt"):
        (lists / Path(file).name).write_text((tree / file).read_text())
    (lists / "Annotations").symlink_to(tree / "Annotations")
    (lists / "flickr_test_plus_silent.csv").write_text(f"video,audio,label\n{TEST[0]},{TEST[1]},non-sounding\n")
    avloc.prepare_soundnet_flickr(
        tree, tmp_path / "s", annotations=lists, splits=["test", "test_extended"], frames="raw", jobs=0
    )
    store = Store.open(tmp_path / "s")
    part, test = store.split("test_extended"), store.split("test")
    assert part.ids == [*TEST, f"{TEST[0]}+{TEST[1]}"] and part.annotated.all() and 3 not in part.boxes.clip
    assert (part.all_frames()[3] == test.all_frames()[0]).all() and (part.sounds([3]) == test.sounds([1])).all()


def test_a_training_split_without_a_list_is_drawn_of_what_is_not_tested(tree, tmp_path, caplog):
    found = avloc.prepare_soundnet_flickr(tree, tmp_path / "s", splits=["train_144k", "test"], jobs=0)
    assert sorted(Store.open(tmp_path / "s").split("train_144k").ids) == TRAIN
    assert found.coverage == {"train_144k": (6, 6), "test": (3, 3)}
    assert "6 of the 6 available recordings were drawn by seed 0" in caplog.text


def test_test_clips_without_boxes_and_splits_that_would_be_lost_are_named(tree, tmp_path, caplog):
    (tmp_path / "l.csv").write_text(f"{TEST[0]}\n{TRAIN[1]}\n")
    avloc.prepare_soundnet_flickr(tree, tmp_path / "s", lists=[f"test={tmp_path / 'l.csv'}"], splits=["test"], jobs=0)
    assert f"1 of 2 clips are not annotated and cannot be scored: {TRAIN[1]}" in caplog.text
    with pytest.raises(DataError, match="already has the split 'test'"):
        avloc.prepare_soundnet_flickr(tree, tmp_path / "s", splits=["train_10k"], jobs=0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"source": "nothing"}, "no such folder; expected frames and sounds"),
        ({"source": "."}, "no list of ids in it or its subfolders; expected flickr_10k.txt"),
        ({"splits": ["val"]}, "no list for the split 'val'; expected your own list"),
        ({"part": "last"}, "part is 'last'; expected middle or first"),
        ({"seconds": 0.0}, "more than 0 s"),
    ],
)
def test_mistakes_are_one_line(tree, tmp_path, options, expected):
    source = tmp_path / options.pop("source") if "source" in options else tree
    with pytest.raises(DataError, match=expected) as refused:
        avloc.prepare_soundnet_flickr(source, tmp_path / "s", **options)
    assert "\n" not in str(refused.value) and not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("config", "options", "model"),
    [
        ("ez_vsl_flickr_10k", {}, {"visual": SMALL, "audio": SMALL, "frame__size": 32}),
        ("visual_context_flickr_10k", {"rate": 24000}, {"visual": SMALL, "audio": SMALL, "frame__size": 32}),
        (
            "coarse_to_fine_flickr",
            {"rate": 22050, "seconds": 5.0},
            {"visual": SMALL, "audio": SMALL, "frame__size": 32},
        ),
    ],
)
def test_the_store_trains_two_steps_of_a_shipped_configuration_and_is_scored(tree, tmp_path, config, options, model):
    store = tmp_path / "s"
    avloc.prepare_soundnet_flickr(tree, store, size=48, splits=["train_10k", "test"], jobs=0, **options)
    stores = {"stage1.data.store": store, "evaluate.flickr.store": store, "stage1.train.batch_size": 3}
    if config.startswith("coarse"):
        scores = "id,a,b,c,d,e,f,g\n" + "".join(f"{name},{n % 2},1,0,0,0,0,0\n" for n, name in enumerate(TRAIN))
        (tmp_path / "scores.csv").write_text(scores)
        avloc.pseudo_labels(store, "train_10k", "categories", scores=tmp_path / "scores.csv")
        stores["evaluate.flickr.stage"] = 1
    changes = [*two_steps(stores, **model), "stage1.model.frame.resize=36"]
    trained = avloc.train_stage1(config=Path(config), run=tmp_path / "run", set=changes)
    assert trained.epochs == 1
    found = avloc.evaluate(run=tmp_path / "run", sets=["flickr"], resamples=0).sets["flickr"]
    assert found.result.counts["evaluated"] == 3 and 0 <= found.result.metrics["auc"].value <= 1


@pytest.mark.skipif(not ANNOTATIONS.is_dir(), reason=f"no published lists at {ANNOTATIONS}")
def test_the_published_lists_and_boxes_with_two_recordings(tmp_path):
    names = ["10000130166", "10007936344"]
    for number, name in enumerate(names):
        write_frame(tmp_path / "v" / "frames" / f"{name}.jpg", number)
    for name, file in zip(names, ("piano.wav", "trumpet.ogg"), strict=True):
        (tmp_path / "v" / "audio").mkdir(exist_ok=True)
        shutil.copy(MEDIA / file, tmp_path / "v" / "audio" / f"{name}{Path(file).suffix}")
    found = avloc.prepare_soundnet_flickr(
        tmp_path / "v", tmp_path / "s", annotations=ANNOTATIONS / "flickr_soundnet", splits=["test"], jobs=0
    )
    assert found.coverage == {"test": (2, 250)} and found.reasons == {"missing file": 248}
    part = Store.open(tmp_path / "s").split("test")
    assert part.ids == names and part.annotated.all() and len(part.boxes) >= 4
