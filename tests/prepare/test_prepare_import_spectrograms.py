"""Layouts that hold spectrograms and no sounds, DSOL's and coarse-to-fine's: what lands in the store, what is refused."""

import json
import logging
import pickle
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import soundfile
import torch

import avloc
from avloc import Store
from avloc.data.labels import read_labels
from avloc.data.proposals import read_proposals
from avloc.data.views import LogMel
from avloc.errors import DataError
from avloc.methods.coarse_to_fine.stage_one import SOUND
from avloc.methods.dsol.stage_one import StageOne
from avloc.prepare.parts.id_lists import read_lists
from tests.commands import printed, refused

STEMS = ["abcdefghijk_0_1000", "-bcdefghijk_0_1000", "_bcdefghijk_0_1000"]
DSOL = LogMel()


class Trap:
    """A pickle that would run a command."""

    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


def sound(number: int, rate: int, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * (300 + 200 * number) * time)).astype(np.float32)


def levels(number: int, view: LogMel, seconds: float = 1.0) -> np.ndarray:
    return view(torch.from_numpy(sound(number, view.rate, seconds)[None]))[0, 0].numpy()


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((48, 64, 3), np.uint8)
    image[:] = 20 + number
    cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tofile(path)


def put(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value))
    return path


def make_dsol(root: Path, seconds: int = 2) -> Path:
    """Frames show 60 x video + 20 x second + 10 x their place; the second second of the last video has two frames."""
    for number, name in enumerate(STEMS):
        for second in range(seconds):
            put(root / "audio_frames" / name / f"{second:03d}.pkl", levels(10 * number + second, DSOL))
            for pick, offset in enumerate((0, 7, 14, 21)[: 2 if (number, second) == (2, 1) else 4]):
                frame = root / "video_frames" / name / f"frame_{second:03d}" / f"{30 * second + offset:05d}.jpg"
                picture(frame, 60 * number + 20 * second + 10 * pick)
    (root / "train.txt").write_text("".join(f"{name}.flac {name}.mp4\r\n" for name in STEMS[:2]))
    (root / "test.txt").write_text(f"{STEMS[2]}.flac {STEMS[2]}.mp4\n")
    labels = {"cello": [STEMS[0][:11], STEMS[2][:11]], "tuba": [STEMS[1][:11]]}
    (root / "MUSIC_solo_videos.json").write_text(json.dumps({"videos": labels}))
    return root


def lists(root: Path) -> list[str]:
    return [f"{split}={root / f'{split}.txt'}" for split in ("train", "test")]


def test_videos_longer_than_a_thousand_seconds_lose_none_of_them(tmp_path):
    root = make_dsol(tmp_path / "d", seconds=1)
    for second in (999, 1000, 1234):
        put(root / "audio_frames" / STEMS[0] / f"{second}.pkl", levels(0, DSOL))
        picture(root / "video_frames" / STEMS[0] / f"frame_{second}" / "00000.jpg", 7)
    put(root / "audio_frames" / STEMS[0] / "0007.pkl", levels(0, DSOL))  # not a name that the scripts write
    picture(root / "video_frames" / STEMS[0] / "frame_0007" / "00000.jpg", 7)
    avloc.prepare_import(root, "dsol", tmp_path / "s", [f"train={root / 'train.txt'}"], size=32, jobs=0)
    own = [clip for clip in Store.open(tmp_path / "s").split("train").ids if clip.startswith(STEMS[0])]
    assert own == [f"{STEMS[0]}/{second:03d}" for second in (0, 999, 1000, 1234)]


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
def test_each_second_with_frames_and_a_pickle_is_a_clip(tmp_path, kind):
    root = make_dsol(tmp_path / "d")
    put(root / "audio_frames" / STEMS[0] / "002.pkl", levels(2, DSOL))  # without frames
    avloc.prepare_import(root, "dsol", tmp_path / "s", lists(root), size=32, frames="raw", store=kind, jobs=0)
    store = Store.open(tmp_path / "s")
    assert store.splits == {"train": 4, "test": 2} and (store.rate, store.seconds, store.frames_per_clip) == (
        16000,
        1.0,
        4,
    )
    part, test = store.split("train"), store.split("test")
    assert part.ids == [f"{name}/{second:03d}" for name in STEMS[:2] for second in range(2)]
    assert part.videos == [STEMS[0]] * 2 + [STEMS[1]] * 2 and part.starts.tolist() == [0, 1, 0, 1]
    assert part.frame_keys[1] == tuple(f"{STEMS[0]}/frame_001/{30 + n:05d}.jpg" for n in (0, 7, 14, 21))
    np.testing.assert_allclose(part.all_frames()[:, :, 16, 16, 0], [[20 + 60 * n + 20 * s + 10 * p for p in range(4)]
                               for n in range(2) for s in range(2)], atol=2)  # fmt: skip
    expected = np.stack([levels(10 * n + s, DSOL) for n in range(2) for s in range(2)])
    assert (part.all_sounds() == expected).all()
    assert store.classes == ("cello", "tuba") and part.labels.argmax(1).tolist() == [0, 0, 1, 1]
    assert test.frame_keys[1][2:] == ("", "") and (test.all_frames()[1, 1] == test.all_frames()[1, 3]).all()
    assert part.spectrograms.view == "LogMel" and avloc.data_check(tmp_path / "s").problems == []


def test_boxes_belong_to_their_frames(tmp_path):
    root = make_dsol(tmp_path / "d")
    key = f"{STEMS[2]}/frame_001/00037.jpg"
    row = {"bbox": [[1, 0.25, 0.5, 0.25, 0.25]]}
    boxes = put(
        tmp_path / "solotest_compact.json",
        json.dumps({key: row, f"{STEMS[2]}/frame_000/00000.jpg": {"bbox": []}}).encode(),
    )
    avloc.prepare_import(root, "dsol", tmp_path / "s", lists(root), "dsol-solo", boxes, size=32, jobs=0)
    test = Store.open(tmp_path / "s").split("test")
    assert test.boxes.clip.tolist() == [1] and test.boxes.frame.tolist() == [1]
    assert test.boxes.xyxy.tolist() == [[0.25, 0.5, 0.5, 0.75]]
    assert test.annotated.tolist() == [[True, False, False, False], [False, True, False, False]]
    assert len(test.classes) == 11 and test.classes[int(test.boxes.label[0])] == "cello"
    assert [test.classes[n] for n in test.labels.argmax(1)] == ["cello", "cello"]


def test_silent_objects_of_the_users_own_file_are_kept(tmp_path):
    root = make_dsol(tmp_path / "d")
    boxes = [{"box": [0, 0, 0.5, 1], "class": "cello"}, {"box": [0.5, 0, 1, 1], "class": "tuba", "sounding": False}]
    clips = [{"id": f"{STEMS[2]}/frame_001/00037.jpg", "boxes": boxes}]
    own = put(tmp_path / "own.json", json.dumps({"clips": clips}).encode())
    avloc.prepare_import(root, "dsol", tmp_path / "s", lists(root), "own", own, size=32, jobs=0)
    test = Store.open(tmp_path / "s").split("test")
    assert test.boxes.clip.tolist() == [1, 1] and test.boxes.frame.tolist() == [1, 1]
    assert test.boxes.sounding.tolist() == [True, False] and test.boxes.label.tolist() == [0, 1]
    assert test.labels[1].tolist() == [True, False]
    clips = [{"id": f"s{number}", "boxes": boxes} for number in range(2)]
    own = put(tmp_path / "mosaics.json", json.dumps({"clips": clips}).encode())
    root = make_mosaics(tmp_path / "m")
    avloc.prepare_import(root, "dsol", tmp_path / "t", benchmark="own", annotations=own, size=32, jobs=0)
    test = Store.open(tmp_path / "t").split("test1")
    assert test.boxes.clip.tolist() == [0, 0, 1, 1] and test.boxes.sounding.tolist() == [True, False] * 2


def test_boxes_of_other_videos_are_said(tmp_path, caplog):
    root = make_dsol(tmp_path / "d")
    marks = {f"{STEMS[2]}/frame_000/00000.jpg": {"bbox": []}, "othervideo0_0_1000/frame_000/00000.jpg": {"bbox": []}}
    boxes = put(tmp_path / "solotest_compact.json", json.dumps(marks).encode())
    how = {"lists": lists(root), "benchmark": "dsol-solo", "annotations": boxes, "size": 32, "jobs": 0}
    avloc.prepare_import(root, "dsol", tmp_path / "s", **how)
    line = "dsol-solo: 1 of 2 annotated videos are not listed: othervideo0_0_1000"
    assert line in caplog.text
    with pytest.raises(DataError, match=f"{line}; --strict"):
        avloc.prepare_import(root, "dsol", tmp_path / "t", strict=True, **how)


def test_sound_files_are_taken_where_all_videos_have_them(tmp_path, caplog):
    root = make_dsol(tmp_path / "d")
    (root / "audio").mkdir()
    for number, name in enumerate(STEMS):
        if number == 2:
            with caplog.at_level(logging.WARNING, "avloc"):
                avloc.prepare_import(root, "dsol", tmp_path / "few", lists(root), size=32, jobs=0)
            assert "2 of 3 listed videos have a sound file (_bcdefghijk_0_1000 has none)" in caplog.text
        ending = "wav" if number else "flac"
        soundfile.write(root / "audio" / f"{name}.{ending}", sound(number, 8000, 2.5), 8000)
    avloc.prepare_import(root, "dsol", tmp_path / "s", lists(root), size=32, rate=8000, jobs=0)
    assert Store.open(tmp_path / "few").spectrograms is not None
    part = Store.open(tmp_path / "s").split("train")
    assert part.spectrograms is None and (part.rate, part.samples) == (8000, 8000) and len(part) == 4
    np.testing.assert_allclose(part.sounds([3])[0] / 32767, sound(1, 8000, 2.0)[8000:], atol=2e-4)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Trap(), "refused pickle"),
        (np.array([{}], object), "refused pickle"),
        (b"no pickle", "refused pickle"),
        (pickle.dumps(np.zeros((201, 64), np.float32))[:-9], "refused pickle"),
        ([1.0, 2.0], "no spectrogram"),
        (np.zeros((51, 64), np.float32), "no spectrogram"),
        (np.zeros((201, 64), np.int16), "no spectrogram"),
        (np.full((201, 64), np.nan, np.float32), "not finite"),
    ],
)
def test_a_pickle_that_is_no_spectrogram_costs_its_video_and_is_not_run(tmp_path, monkeypatch, value, reason):
    monkeypatch.chdir(tmp_path)
    root = make_dsol(tmp_path / "d")
    put(root / "audio_frames" / STEMS[0] / "001.pkl", value)
    found = avloc.prepare_import(root, "dsol", tmp_path / "s", lists(root), size=32, jobs=0)
    assert found.reasons == {reason: 1} and found.splits == {"train": 2, "test": 2}
    rows = [json.loads(line) for line in (tmp_path / "s" / "manifest.jsonl").open()]
    detail = next(row["detail"] for row in rows if row["status"] == "failed")
    assert detail and "\n" not in detail and not (tmp_path / "executed").exists()


def test_what_is_missing_of_a_video_is_counted(tmp_path):
    root = make_dsol(tmp_path / "d")
    (root / "train.txt").write_text(
        "".join(f"{name}.flac {name}.mp4\n" for name in (*STEMS[:2], "absent_0_1000", "seen_0_1000"))
    )
    (root / "video_frames" / "seen_0_1000" / "frame_000").mkdir(parents=True)
    folder = root / "video_frames" / STEMS[0] / "frame_000"
    for frame in folder.iterdir():
        frame.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    found = avloc.prepare_import(root, "dsol", tmp_path / "s", lists(root), size=32, jobs=0)
    assert found.reasons == {"missing frame": 2, "too short": 1} and found.splits == {"train": 2, "test": 2}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read (No such file or directory); expected a pickled list of ids"),
        (
            b"abc\ndef\n",
            "not a pickle, or a damaged one; expected plain values and arrays; write its ids into a text file",
        ),
        (pickle.dumps(["abc", "def"])[:-4], "not a pickle, or a damaged one"),
        (b"", "not a pickle, or a damaged one"),
        ([Path("abc")], "refused, it contains the name pathlib."),
        (np.array(["abc"], object), "refused, it contains an array of objects; expected plain values and arrays"),
        ({"abc"}, "expected a list of ids; found set"),
        (["abc", None], "expected a list of ids, which are text; found None in it"),
        (["abc", b"def"], "expected a list of ids, which are text; found b'def' in it"),
    ],
)
def test_why_a_pickled_list_is_not_read_is_said(tmp_path, content, expected):
    if content is not None:
        put(tmp_path / "ids.pkl", content)
    with pytest.raises(DataError) as error:
        read_lists([f"train={tmp_path / 'ids.pkl'}"])
    assert f"{tmp_path / 'ids.pkl'}: {expected}" in str(error.value) and "\n" not in str(error.value)


def test_pickled_lists_and_labels_of_audioset(tmp_path):
    root = make_dsol(tmp_path / "d")
    (root / "MUSIC_solo_videos.json").unlink()
    names = [stem[:11] for stem in STEMS]
    for kind in ("audio_frames", "video_frames"):
        for name in names:
            (root / kind / f"{name}_0_1000").rename(root / kind / name)
    train = put(root / "single_train_data.pkl", names[:2])
    put(root / "single_train_data_label.pkl", {name: np.eye(13)[2 * n + 1] for n, name in enumerate(names)})
    boxes = {f"{names[0]}/1": {"bbox": [{"category": 1, "normbox": [0.5, 0.5, 0.25, 0.5]}]}}
    avloc.prepare_import(
        root, "dsol", tmp_path / "s", [f"train={train}"], "audioset-instrument",
        put(tmp_path / "audioset_box.json", json.dumps(boxes).encode()), size=32, jobs=0,
    )  # fmt: skip
    part = Store.open(tmp_path / "s").split("train")
    assert [part.classes[n] for n in part.labels.argmax(1)] == ["Cello", "Cello", "Guitar", "Guitar"]
    assert (
        part.frame_keys[1][0] == f"{names[0]}/1"
        and part.boxes.clip.tolist() == [1]
        and part.boxes.frame.tolist() == [0]
    )
    put(root / "single_train_data_label.pkl", {names[0]: np.eye(15)[2]})
    with pytest.raises(DataError, match=r"single_train_data_label.pkl: expected \{id: vector\} of the 13 classes"):
        avloc.prepare_import(root, "dsol", tmp_path / "t", [f"train={train}"])
    put(train, [names[0], names[0]])
    with pytest.raises(DataError, match="duplicate id"):
        avloc.prepare_import(root, "dsol", tmp_path / "t", [f"train={train}"])
    put(train, Trap())
    with pytest.raises(DataError, match=r"single_train_data.pkl: refused, it contains the name posix.system"):
        avloc.prepare_import(root, "dsol", tmp_path / "t", [f"train={train}"])


def make_mosaics(root: Path) -> Path:
    for split, count in (("train/train", 3), ("test1", 2)):
        for number in range(count):
            put(root / split / "audio" / f"a{number}.pkl", levels(number, DSOL))
            picture(root / split / "video" / f"v{number}.jpg", 20 * number)
            if split == "test1":
                (root / split / "box").mkdir(exist_ok=True)
                np.save(root / split / "box" / f"s{number}.npy", [[0, 0, 0.5, 0.5, 3], [0.5, 0.5, 0.5, 0.5, 12]])
    return root


def test_music_synthetic_as_it_is_published(tmp_path):
    root = make_mosaics(tmp_path / "d")
    avloc.prepare_import(root, "dsol", tmp_path / "s", size=32, frames="raw", jobs=0)
    store = Store.open(tmp_path / "s")
    assert store.splits == {"test1": 2, "train": 3} and store.frames_per_clip == 1
    train, test = store.split("train"), store.split("test1")
    assert train.ids == ["train/v0", "train/v1", "train/v2"] and test.frame_keys == [("s0",), ("s1",)]
    assert (test.all_sounds()[1] == levels(1, DSOL)).all()
    np.testing.assert_allclose(train.all_frames()[:, 0, 16, 16, 0], [20, 40, 60], atol=2)
    assert test.annotated.all() and not train.annotated.any() and test.boxes.clip.tolist() == [0, 0, 1, 1]
    assert {test.classes[n] for n in np.flatnonzero(test.labels[0])} == {"acoustic_guitar", "flute"}
    (root / "test1" / "audio" / "a1.pkl").unlink()
    with pytest.raises(DataError, match="1 spectrograms, 2 pictures and 2 boxes; they are matched by position"):
        avloc.prepare_import(root, "dsol", tmp_path / "t")


def test_a_method_with_published_settings_reads_the_store(tmp_path):
    from avloc.engine.stores import open_named

    avloc.prepare_import(make_mosaics(tmp_path / "d"), "dsol", tmp_path / "s", size=32, jobs=0)
    assert len(open_named(tmp_path / "s", "train", StageOne(), training=True)) == 3
    with pytest.raises(DataError, match=r"LogMel\(rate=16000, .*needs LogMel\(rate=22050"):
        open_named(tmp_path / "s", "train", type("Other", (), {"sound": SOUND, "waveform": False}))


# coarse-to-fine


def make_files(root: Path, rows: int = 3, ave: bool = False, view: LogMel = SOUND) -> Path:
    root.mkdir(parents=True)
    frames, spectra, roi = [], [], []
    for row in range(rows):
        frames.append(np.full((256, 256, 3), 10 + 40 * row, np.uint8))
        spectra.append(levels(row, view, 1.0 if ave else 5.0))
        roi.append(np.tile(np.array([0.1 * row, 0.2, 0.9, 0.8], np.float32), (8, 1)))
    contents = {
        "Video": ("video", np.stack(frames)),
        "Spec": ("audio", np.stack(spectra)),
        "Roi": ("roi", np.stack(roi)),
    }
    for file, (name, content) in contents.items():
        content = np.repeat(content[:, None], 10, axis=1) if ave else content
        with h5py.File(root / f"{file}.h5", "w") as out:
            out.create_dataset(name, data=content, compression="gzip", compression_opts=1)
    if not ave:
        for letter, shift in (("a", 0), ("v", 1)):
            np.save(root / f"labels_{letter}.npy", np.eye(7, dtype=np.float32)[(np.arange(rows) + shift) % 7] * 0.9)
    return root


def test_files_of_coarse_to_fine(tmp_path):
    root = make_files(tmp_path / "d")
    (root / "names.txt").write_text("1111\n2222\n3333\n")
    boxes = put(tmp_path / "boxes.json", json.dumps({"2222": [[0, 0, 128, 256], [0, 0, 128, 256]]}).encode())
    avloc.prepare_import(
        root,
        "coarse-to-fine",
        tmp_path / "s",
        [f"train={root / 'names.txt'}"],
        "flickr-soundnet",
        boxes,
        frames="raw",
        jobs=0,
    )
    part = Store.open(tmp_path / "s").split("train")
    assert (part.ids, part.rate, part.seconds, part.spectrograms.times) == (["1111", "2222", "3333"], 22050, 5.0, 251)
    assert (part.all_sounds()[2] == levels(2, SOUND, 5.0)).all() and part.all_frames()[2, 0, 0, 0, 0] == 90
    assert part.boxes.clip.tolist() == [1, 1] and part.votes == 2
    labels = read_labels(part, "published")
    assert labels.classes[4] == "music" and labels.sound.argmax(1).tolist() == [0, 1, 2]
    assert labels.frame.argmax(1).tolist() == [1, 2, 3] and labels.frame.max() == np.float32(0.9)
    with np.load(tmp_path / "s" / "proposals.train.npz") as kept:
        assert kept["ids"].tolist() == part.ids and kept["boxes"].shape == (3, 1, 8, 4)
        np.testing.assert_allclose(kept["boxes"][2, 0, 0], [0.2, 0.2, 0.9, 0.8])
    assert read_proposals(tmp_path / "s" / "proposals.train.npz", part).shape == (3, 1, 8, 4)


def test_the_tagger_hears_stored_spectrograms_as_it_hears_their_sounds(tmp_path):
    from avloc.engine.classifying import SOUND as HEARD
    from avloc.engine.classifying import hear_categories, refuse_rate
    from avloc.nn.mobile_crnn import MobileCrnnNet

    class Sounds:
        spectrograms = None

        def __len__(self):
            return 3

        def sounds(self, clips):
            return np.stack([sound(int(row), 22050, 5.0) for row in clips])

    root = make_files(tmp_path / "d", view=HEARD)
    avloc.prepare_import(root, "coarse-to-fine", tmp_path / "s", size=32, jobs=0)
    part = Store.open(tmp_path / "s").split("all")
    refuse_rate(part)
    torch.manual_seed(0)
    tagger, mapping = MobileCrnnNet(5, (8, 8, 16, 16), 2, 8, 64).eval(), np.eye(5, dtype=np.float32)
    found, expected = (
        hear_categories(store, tagger, mapping, torch.device("cpu"), 2, lambda *_: None) for store in (part, Sounds())
    )
    assert found.shape == (3, 5) and np.ptp(found) > 1e-4
    np.testing.assert_allclose(found, expected, atol=1e-5)
    avloc.prepare_import(make_mosaics(tmp_path / "m"), "dsol", tmp_path / "t", size=32, jobs=0)
    with pytest.raises(DataError, match=r"LogMel\(rate=16000, .*needs LogMel\(rate=22050"):
        refuse_rate(Store.open(tmp_path / "t"))


def test_seconds_of_ave_are_clips_and_what_is_not_there_is_said(tmp_path, caplog):
    root = make_files(tmp_path / "d", rows=2, ave=True)
    with h5py.File(root / "Spec.h5", "a") as file:
        file["audio"][0, 3, 5] = np.nan
    with caplog.at_level(logging.INFO, "avloc"):
        found = avloc.prepare_import(root, "coarse-to-fine", tmp_path / "s", size=32, jobs=0)
    assert found.reasons == {"not finite": 1}
    part = Store.open(tmp_path / "s").split("all")
    assert part.ids == [f"000001/{second:03d}" for second in range(10)] and set(part.videos) == {"000001"}
    assert (part.seconds, part.spectrograms.times) == (1.0, 51) and part.starts.tolist() == list(range(10))
    assert (part.all_sounds()[7] == levels(1, SOUND)).all()
    assert "labels_a.npy: missing, so there are no pseudo labels from it" in caplog.text
    with np.load(tmp_path / "s" / "proposals.all.npz") as kept:
        np.testing.assert_allclose(kept["boxes"][0, 0, 0], [0.1, 0.2, 0.9, 0.8])


def test_boxes_of_a_second_of_ave_are_on_its_frame(tmp_path, caplog):
    root = make_files(tmp_path / "d", rows=2, ave=True)
    boxes = [{"box": [0, 0, 0.5, 1]}, {"box": [0.5, 0, 1, 1], "sounding": False}]
    clips = [{"id": name, "boxes": boxes} for name in ("000001/3", "000001", "000007/3")]
    own = put(tmp_path / "own.json", json.dumps({"clips": clips}).encode())
    avloc.prepare_import(root, "coarse-to-fine", tmp_path / "s", benchmark="own", annotations=own, size=32, jobs=0)
    part = Store.open(tmp_path / "s").split("all")
    assert [part.ids[clip] for clip in part.boxes.clip] == ["000001/003"] * 2 and part.annotated.sum() == 1
    assert part.boxes.sounding.tolist() == [True, False] and part.boxes.label.tolist() == [0, -1]
    assert "2 of 3 annotated ids match no clip: 000001, 000007/3" in caplog.text


def test_labels_that_are_none_are_left_and_named(tmp_path, caplog):
    root = make_files(tmp_path / "d")
    np.save(root / "labels_v.npy", np.full((3, 7), 1.5))
    (root / "Roi.h5").write_bytes(b"cut off")
    avloc.prepare_import(root, "coarse-to-fine", tmp_path / "s", size=32, jobs=0)
    assert "score of row 0, class 0 is 1.5; expected 0 to 1; the pseudo labels are not used" in caplog.text
    assert "Roi.h5: not used" in caplog.text and not list((tmp_path / "s").glob("proposals*"))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("no sounds", r"Spec.h5: missing; expected Video.h5"),
        ("name", r"Spec.h5: no dataset audio of numbers \(it holds spec\)"),
        ("bands", r"Spec.h5: audio has the shape \(3, 251, 80\)"),
        (
            "rows",
            r"video has the shape \(3, 256, 256, 3\) and audio \(2, 251, 64\); expected a spectrogram for each frame",
        ),
        ("list", r"3 rows, but .*names.txt lists 1 clips"),
        ("cut", "not an HDF5 file, or truncated"),
        ("seconds", "seconds is 2.0, but the files of layout coarse-to-fine fix the length of clips"),
        ("rate", "stored at 22050 Hz; leave out --rate"),
    ],
)
def test_files_that_are_not_as_published_are_refused_in_one_line(tmp_path, damage, expected):
    root, options = make_files(tmp_path / "d"), {}
    file = root / "Spec.h5"
    match damage:
        case "no sounds":
            file.unlink()
        case "name" | "bands" | "rows":
            shape = {"name": (3, 251, 64), "bands": (3, 251, 80), "rows": (2, 251, 64)}[damage]
            with h5py.File(file, "w") as new:
                new["spec" if damage == "name" else "audio"] = np.zeros(shape, np.float32)
        case "cut":
            file.write_bytes(file.read_bytes()[:700])
        case "list":
            (root / "names.txt").write_text("1111\n")
            options = {"lists": [f"train={root / 'names.txt'}"]}
        case "seconds":
            options = {"seconds": 2.0}
        case "rate":
            options = {"rate": 16000}
    with pytest.raises(DataError, match=expected) as refused:
        avloc.prepare_import(root, "coarse-to-fine", tmp_path / "s", **options)
    assert "\n" not in str(refused.value) and not (tmp_path / "s").exists()


def test_the_command_does_the_same(tmp_path):
    root = make_mosaics(tmp_path / "d")
    command = ("prepare", "import", "--layout", "dsol", "--source")
    assert printed(*command, root, "--out", tmp_path / "s", "--jobs", 0)["splits"] == {"test1": 2, "train": 3}
    for source in ("nothing", "d/test1/box"):
        assert len(refused(*command, tmp_path / source, "--out", "s").splitlines()) == 1
