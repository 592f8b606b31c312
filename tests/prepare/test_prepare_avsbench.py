"""AVSBench: made trees in the published layout; a frame, the sound of its second and its mask belong together."""

import csv
import json
import shutil
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import avloc
from avloc import Store
from avloc.annotations.mask_files import read_classes, voc_palette
from avloc.engine.predicting import frames_to_score
from avloc.errors import DataError
from avloc.scoring import score
from tests.data.making import write_image

RATE = 16000
FRAME = 224


def picture(second: int) -> np.ndarray:
    return np.full((FRAME, FRAME, 3), 20 + 20 * second, np.uint8)


def second_seen(frame: np.ndarray) -> int:
    return round((float(frame.mean()) - 20) / 20)


def sound(seconds: float) -> np.ndarray:
    """Second k is a tone of 400 + 150 k Hz."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * (400 + 150 * np.floor(time)) * time)).astype(np.float32)


def second_heard(waveform: np.ndarray) -> int:
    middle = waveform[len(waveform) // 4 : -len(waveform) // 4]
    peak = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax() * RATE / len(middle)
    return round((peak - 400) / 150)


def square(left: int, top: int, side: int = 60, value: int = 255) -> np.ndarray:
    mask = np.zeros((FRAME, FRAME), np.uint8)
    mask[top : top + side, left : left + side] = value
    return mask


def write_sound(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound(seconds), RATE)


def rows(path: Path, header: list[str], lines: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])


@pytest.fixture(scope="module")
def s4(tmp_path_factory) -> Path:
    """Two training videos, whose first frame alone has a mask, and a test video that has all."""
    root = tmp_path_factory.mktemp("avsbench") / "Single-source"
    data = root / "s4_data"
    videos = [("aaa", "dog_barking", "train"), ("ccc", "playing_piano", "train"), ("bbb", "dog_barking", "test")]
    for number, (video, category, split) in enumerate(videos):
        place = f"{split}/{category}/{video}"
        for n in range(1, 6):
            write_image(data / "visual_frames" / place / f"{video}_{n}.png", picture(n - 1))
            if split == "test" or n == 1:
                write_image(data / "gt_masks" / place / f"{video}_{n}.png", square(10 * n, 20 * number))
        write_sound(data / "audio_wav" / split / category / f"{video}.wav", 5)
        # a pickle of torch tensors: only a name here, since it is never opened
        log_mel = data / "audio_log_mel" / split / category / f"{video}.pkl"
        log_mel.parent.mkdir(parents=True)
        log_mel.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    rows(root / "s4_meta_data.csv", ["name", "start", "category", "split"], [[v, "0", c, s] for v, c, s in videos])
    return root


@pytest.fixture(scope="module")
def ms3(tmp_path_factory) -> Path:
    """Frames with the video's ending in their name; the last two of the test video are silent."""
    root = tmp_path_factory.mktemp("avsbench") / "Multi-sources"
    for video, split in (("x_0_5", "train"), ("y_10_15", "test")):
        for n in range(1, 6):
            write_image(root / "ms3_data" / "visual_frames" / video / f"{video}.mp4_{n}.png", picture(n - 1))
            mask = square(20, 20) | square(120, 100) if split == "train" or n < 4 else square(0, 0, 0)
            write_image(root / "ms3_data" / "gt_masks" / split / video / f"{video}_{n}.png", mask)
        write_sound(root / "ms3_data" / "audio_wav" / split / f"{video}.wav", 5)
    rows(root / "ms3_meta_data.csv", ["video_id", "split"], [["x_0_5", "train"], ["y_10_15", "test"]])
    return root


NAMES = ["background", *(f"thing{number:02d}" for number in range(1, 71))]


@pytest.fixture(scope="module")
def avss(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("avss")
    (root / "label2idx.json").write_text(json.dumps({name: place for place, name in enumerate(NAMES, 1)}))
    for part, uid, count in (("v1s", "u1", 5), ("v2", "u2", 10), ("v2", "u3", 10)):
        for k in range(count):
            folder = root / part / uid
            write_image(folder / "frames" / f"{k}.jpg", cv2.resize(picture(k), (320, 180)))
            if part == "v1s" and k:
                continue
            classes = cv2.resize(
                square(0, 0, 80, 3) + square(100, 100, 50, 70), (320, 180), interpolation=cv2.INTER_NEAREST
            )
            if uid == "u3":  # only the coloured picture of it
                write_image(folder / "labels_rgb" / f"{k}.png", voc_palette(71)[classes][:, :, ::-1])
            else:
                write_image(folder / "labels_semantic" / f"{k}.png", classes)
        write_sound(root / part / uid / "audio.wav", count)
    header = ["vid", "uid", "s_min", "s_sec", "a_obj", "split", "label"]
    lines = [
        ["vid1", "u1", "0", "0", "thing03_thing70", "train", "v1s"],
        ["vid2", "u2", "0", "0", "thing03_thing70_ghost", "test", "v2"],
        ["vid3", "u3", "0", "0", "thing03", "test", "v2"],
    ]
    rows(root / "metadata.csv", header, lines)
    return root


def prepare(source: Path, out: Path, **options: object) -> Store:
    options = {"frames": "raw", "jobs": 0, **options}
    avloc.prepare_avsbench(source, out, **options)
    return Store.open(out)


def test_each_frame_has_the_sound_of_its_second_and_its_mask(s4, tmp_path):
    store = prepare(s4.parent, tmp_path / "s")  # a folder that holds the tree
    assert store.splits == {"train": 10, "test": 5} and store.classes == ("dog_barking", "playing_piano")
    test = store.split("test")
    assert test.ids == [f"dog_barking/bbb/bbb_{n}" for n in range(1, 6)] and set(test.videos) == {"bbb"}
    for index in range(5):
        clip = test.clip(index)
        assert second_seen(clip.frames) == second_heard(clip.waveform) == index == clip.start
        (mask,) = clip.masks
        assert (mask.pixels == (square(10 * (index + 1), 40) > 0)).all() and (mask.label, mask.sounding) == (0, True)
        left, top = 10 * (index + 1) / FRAME, 40 / FRAME
        assert clip.boxes[0].xyxy == pytest.approx((left, top, left + 60 / FRAME, top + 60 / FRAME), abs=1e-6)
    train = store.split("train")
    assert train.annotated[:, 0].tolist() == [True, False, False, False, False] * 2
    assert len(train.masks) == 2 and train.labels.tolist() == [[True, False]] * 5 + [[False, True]] * 5


def test_a_longer_sound_is_around_the_second_and_stays_within_the_recording(s4, tmp_path):
    test = prepare(s4, tmp_path / "s", seconds=3, splits=["test"]).split("test")
    assert test.starts.tolist() == [0.0, 0.0, 1.0, 2.0, 2.0]
    whole = soundfile.read(s4 / "s4_data" / "audio_wav" / "test" / "dog_barking" / "bbb.wav", dtype="int16")[0]
    for start, waveform in zip(test.starts, test.all_sounds(), strict=True):
        cut = whole[round(start * RATE) : round((start + 3) * RATE)]
        assert np.abs(waveform.astype(int) - cut).max() <= 1


def test_frames_of_ms3_have_the_ids_of_the_benchmark_and_silent_ones_are_negatives(ms3, tmp_path):
    store = prepare(ms3, tmp_path / "s")
    test = store.split("test")
    assert test.ids == [f"y_10_15/y_10_15.mp4_{n}" for n in range(1, 6)] and test.classes == ("sounding",)
    assert test.annotated.all() and test.masks.clip.tolist() == [0, 1, 2]
    assert test.labels[:, 0].tolist() == [True, True, True, False, False]
    found = avloc.data_check(tmp_path / "s").splits
    assert (found["test"].masks, found["test"].silent_frames, found["test"].annotated) == (3, 2, 5)
    truth = frames_to_score(test, "all", 0, "test").truth
    assert truth.masks.shape == (5, 1, FRAME, FRAME) and truth.sounding.tolist() == [True] * 3 + [False] * 2
    perfect = truth.masks[:, 0].astype(np.float32)
    result = score("kaist", perfect, truth, resamples=0)
    # the protocol counts silent frames as misses, with masks as with boxes
    assert result.counts["evaluated"] == 5 and result.metrics["locacc"].value == 0.6
    box = np.zeros_like(perfect)
    box[:, 20:160, 20:180] = 1  # what a box around both squares would mark: 7,200 of 22,400 pixels
    assert score("kaist", box, truth, resamples=0).metrics["locacc"].value == 0.0


def test_avss_keeps_a_mask_for_each_class(avss, tmp_path, caplog):
    store = prepare(avss, tmp_path / "s", size=90)
    assert store.classes == tuple(NAMES[1:]) and store.splits == {"train": 5, "test": 20}
    assert "1 object name is not a class and labels nothing: ghost" in caplog.text
    train, test = store.split("train"), store.split("test")
    assert train.annotated[:, 0].tolist() == [True, False, False, False, False]
    for clip in (*range(5), 12):
        part = train if clip < 5 else test
        assert np.flatnonzero(part.labels[clip]).tolist() == [2, 69]
    semantic, coloured = test.clip(0), test.clip(10)
    assert test.ids[0] == "v2/u2/0" and test.ids[10] == "v2/u3/0" and test.videos[10] == "vid3"
    assert [mask.label for mask in coloured.masks] == [2, 69]
    for one, other in zip(semantic.masks, coloured.masks, strict=True):
        assert (one.pixels == other.pixels).all() and one.pixels.any()
    assert [second_heard(test.clip(k).waveform) for k in (0, 9)] == [0, 9]
    truth = frames_to_score(test, "first", 0, "test").truth
    assert truth.masks.shape == (20, 2, 90, 90) and truth.mask_class.tolist() == [[2, 69]] * 20


def test_the_palette_of_voc(tmp_path):
    assert voc_palette(9)[[1, 2, 8]].tolist() == [[128, 0, 0], [0, 128, 0], [64, 0, 0]]
    write_image(tmp_path / "m.png", np.array([[[0, 0, 128], [1, 2, 3], [0, 0, 64]]], np.uint8))  # BGR
    assert read_classes(tmp_path / "m.png").tolist() == [[1, 0, 8]]


def test_what_is_missing_or_broken_costs_its_frame_alone(ms3, tmp_path, caplog):
    root = tmp_path / "tree"
    shutil.copytree(ms3, root)
    (root / "ms3_data/visual_frames/y_10_15/y_10_15.mp4_2.png").unlink()
    (root / "ms3_data/gt_masks/test/y_10_15/y_10_15_1.png").write_bytes(b"no picture")
    (root / "ms3_data/gt_masks/test/y_10_15/y_10_15_3.png").unlink()
    prepared = avloc.prepare_avsbench(root, tmp_path / "s", splits=["test"], jobs=0)
    assert prepared.reasons == {"broken mask": 1, "missing frame": 1} and prepared.splits == {"test": 3}
    assert "test: 1 of 5 frames have no mask and cannot be scored: y_10_15/y_10_15.mp4_3" in caplog.text
    (root / "ms3_data/audio_wav/test/y_10_15.wav").unlink()
    with pytest.raises(DataError, match=r"none of 5 listed items could be prepared \(missing sound: 3, "):
        avloc.prepare_avsbench(root, tmp_path / "t", splits=["test"], jobs=0)


def test_a_mask_of_a_class_that_avss_does_not_have_fails(avss, tmp_path):
    shutil.copytree(avss, tmp_path / "tree")
    write_image(tmp_path / "tree/v2/u2/labels_semantic/4.png", np.full((180, 320), 71, np.uint8))
    prepared = avloc.prepare_avsbench(tmp_path / "tree", tmp_path / "s", splits=["test"], jobs=0)
    assert prepared.reasons == {"mask of an unknown class": 1} and prepared.ok == 19


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "ms3_meta_data.csv").write_text("video_id\nx_0_5\n"), "no column 'split'"),
        (lambda root: (root / "ms3_meta_data.csv").write_text("video_id,split\n,test\n"), "is not a folder name"),
        (lambda root: (root / "ms3_meta_data.csv").write_text("video_id,split\n../../x,test\n"), "is not a folder name"),
        (lambda root: (root / "ms3_meta_data.csv").write_bytes(b"\xff\xfe\x00"), "cannot be read"),
        (lambda root: (root / "ms3_meta_data.csv").unlink(), "expected AVSBench's metadata"),
        (lambda root: (root / "s4_meta_data.csv").write_text("name,category,split\n"), "ms3 and s4; choose one with --subset"),
    ],
)  # fmt: skip
def test_another_tree_is_refused_in_one_line(ms3, tmp_path, change, message):
    shutil.copytree(ms3, tmp_path / "tree")
    change(tmp_path / "tree")
    with pytest.raises(DataError, match=message) as caught:
        avloc.prepare_avsbench(tmp_path / "tree", tmp_path / "s", jobs=0)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert not (tmp_path / "s" / "store.json").exists()


def test_an_unknown_split_and_an_empty_folder_are_named(s4, tmp_path):
    with pytest.raises(DataError, match="no split 'dev'; its csv has train, test"):
        avloc.prepare_avsbench(s4, tmp_path / "s", splits="dev", jobs=0)
    with pytest.raises(DataError, match="not AVSBench"):
        avloc.prepare_avsbench(tmp_path, tmp_path / "s", jobs=0)
    with pytest.raises(DataError, match=r"expected avsbench|metadata.csv in it"):
        avloc.prepare_avsbench(s4, tmp_path / "s", subset="avss", jobs=0)


def test_parts_processes_and_lmdb_end_in_the_same_clips(s4, tmp_path):
    one = prepare(s4, tmp_path / "one", store="lmdb")
    avloc.prepare_avsbench(s4, tmp_path / "two", frames="raw", jobs=2)
    two = Store.open(tmp_path / "two")
    assert [row["sha256"] for row, _ in one.lines()] == [row["sha256"] for row, _ in two.lines()]
    again = avloc.prepare_avsbench(s4, tmp_path / "two", frames="raw", jobs=0)
    assert again.kept == 15


@pytest.fixture
def copied(ms3, tmp_path) -> Path:
    shutil.copytree(ms3, tmp_path / "tree")
    return tmp_path / "tree"


def left_over(source: Path, out: Path, **options: object) -> list[str]:
    return [str(join) for join in avloc.prepare_avsbench(source, out, **{"jobs": 0, **options}).unmatched]


def test_what_the_csv_and_the_tree_leave_over_is_said_and_strict_refuses_it(copied, tmp_path):
    data = copied / "ms3_data"
    assert left_over(copied, tmp_path / "whole", strict=True) == []
    shutil.copytree(data / "visual_frames" / "y_10_15", data / "visual_frames" / "zzz")
    shutil.copytree(data / "gt_masks" / "test" / "y_10_15", data / "gt_masks" / "test" / "zzz")
    shutil.copy(data / "audio_wav" / "test" / "y_10_15.wav", data / "audio_wav" / "test" / "zzz.wav")
    write_image(data / "visual_frames" / "y_10_15" / "y_10_15.mp4_6.png", picture(5))
    with (copied / "ms3_meta_data.csv").open("a") as file:
        file.write("gone,train\n")
    found = left_over(copied, tmp_path / "s")
    assert found == [
        "ms3_meta_data.csv: 1 of 3 videos have no frames: gone; 1 frame folder is not in any row: zzz",
        "ms3_meta_data.csv: 1 mask folder is not in any row: test/zzz",
        "ms3_meta_data.csv: 1 of 3 videos have no sound: train/gone; 1 sound is not in any row: test/zzz.wav",
        "tree: 1 picture matches no second of a clip: ms3_data/visual_frames/y_10_15/y_10_15.mp4_6.png",
    ]
    (first, *_) = left_over(copied, tmp_path / "t", splits=["test"])
    assert first == "ms3_meta_data.csv: 1 frame folder is not in any row: zzz"  # the missing video is of another split
    with pytest.raises(DataError, match=r"1 of 3 videos have no frames: gone; .*--strict"):
        avloc.prepare_avsbench(copied, tmp_path / "u", jobs=0, strict=True)


def test_names_may_be_spelled_in_another_form_of_unicode(copied, tmp_path):
    data, name = copied / "ms3_data", "café_0_5"
    apart = unicodedata.normalize("NFD", name)
    (data / "gt_masks" / "train" / "x_0_5").rename(data / "gt_masks" / "train" / apart)
    (data / "audio_wav" / "train" / "x_0_5.wav").rename(data / "audio_wav" / "train" / f"{apart}.wav")
    (data / "visual_frames" / "x_0_5").rename(data / "visual_frames" / apart)
    for folder, between in ((data / "gt_masks" / "train" / apart, "_"), (data / "visual_frames" / apart, ".mp4_")):
        for path in list(folder.iterdir()):
            path.rename(folder / f"{apart}{between}{path.stem[-1]}.png")
    rows(copied / "ms3_meta_data.csv", ["video_id", "split"], [[name, "train"], ["y_10_15", "test"]])
    assert left_over(copied, tmp_path / "s", strict=True) == []
    train = Store.open(tmp_path / "s").split("train")
    assert train.ids[0] == f"{name}/{name}.mp4_1" and len(train.masks) == 5


def test_two_files_that_could_be_one_frame_are_never_settled_by_chance(copied, tmp_path):
    folder = copied / "ms3_data" / "visual_frames" / "y_10_15"
    shutil.copy(folder / "y_10_15.mp4_2.png", folder / "y_10_15.mp4_2.jpg")
    shutil.copy(copied / "ms3_data/audio_wav/train/x_0_5.wav", copied / "ms3_data/audio_wav/train/x_0_5.flac")
    prepared = avloc.prepare_avsbench(copied, tmp_path / "s", jobs=0)
    assert prepared.reasons == {"ambiguous name": 6} and prepared.splits == {"train": 0, "test": 4}
    assert any("1 of 2 rows match more than one of them: train/x_0_5 (" in str(join) for join in prepared.unmatched)
