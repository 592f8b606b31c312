"""Data prepared for published programs: what lands in the store, what is counted, what is refused."""

import json
from pathlib import Path

import cv2
import h5py
import lmdb
import numpy as np
import pytest
import soundfile

import avloc
from avloc import Store
from avloc.errors import DataError
from tests.commands import printed
from tests.data.making import rows_of

IDS = ["-abcdefghij_000010", "_bcdefghijk_000020", "cdefghijklm_000030"]
SIDE = 256


def picture(number: int) -> np.ndarray:
    """(256, 256, 3) RGB, whose left half says its number and whose red, green and blue differ."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:, :128] = (10 + number, 100, 200)
    return image


def wave(number: int, samples: int) -> np.ndarray:
    return np.linspace(-0.5, 0.5, samples, dtype=np.float32) * (number + 1) / 4


def boxes_of_vggss(path: Path) -> Path:
    rows = [
        {"file": IDS[0], "class": "dog barking", "bbox": [[0.1, 0.2, 0.5, 0.6]]},
        {"file": IDS[1], "class": "cat purring", "bbox": [[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]]},
        {"file": "zzzzzzzzzzz_000000", "class": "dog barking", "bbox": [[0, 0, 1, 1]]},
    ]
    path.write_text(json.dumps(rows))
    return path


# frames and sounds in folders


def make_folder(root: Path, numbered: bool = True, seconds: float = 4.0, rate: int = 8000) -> Path:
    for number, name in enumerate(IDS):
        file = root / "video_frames" / name / "007.jpg" if numbered else root / "frames" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        done, content = cv2.imencode(".jpg", picture(40 * number)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
        assert done
        content.tofile(file)
        sound = root / ("audios" if numbered else "audio") / f"{name}.wav"
        sound.parent.mkdir(exist_ok=True)
        soundfile.write(sound, wave(number, round(seconds * rate)), rate, "PCM_16")
    (root / "train.txt").write_text("".join(f"{name}\n" for name in IDS[:2]))
    (root / "test.csv").write_text(f"{IDS[2]},17\r\n")
    return root


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered frames", "one frame each"])
def test_a_folder_of_frames_and_sounds(tmp_path, numbered):
    root = make_folder(tmp_path / "data", numbered)
    lists = [f"train={root / 'train.txt'}", f"test={root / 'test.csv'}"]
    avloc.prepare_import(root, "folder", tmp_path / "store", lists, seconds=3.0, rate=8000, jobs=1)
    store = Store.open(tmp_path / "store")
    assert store.splits == {"train": 2, "test": 1} and (store.rate, store.seconds, store.samples) == (8000, 3.0, 24000)
    part = store.split("train")
    assert part.ids == IDS[:2] and part.frame_keys == [(IDS[0],), (IDS[1],)]
    np.testing.assert_allclose(part.all_frames()[1, 0, 128, 64], (50, 100, 200), atol=4)
    middle = np.rint(wave(1, 32000)[4000:28000] * 32767)
    np.testing.assert_allclose(part.all_sounds()[1], middle, atol=1)


def test_without_lists_all_that_sounds_is_one_split(tmp_path):
    root = make_folder(tmp_path / "data")
    prepared = avloc.prepare_import(root, "folder", tmp_path / "store", seconds=3.0, jobs=1)
    assert prepared.splits == {"all": 3} and Store.open(tmp_path / "store").split("all").ids == sorted(IDS)


def make_subfolders(root: Path) -> Path:
    """Pictures and sounds of other endings, in folders for their classes."""
    for number, (name, still, sound) in enumerate(
        [("dog/a", "PNG", "flac"), ("cat/a", "webp", "ogg"), ("cat/b", "jpg", "wav"), ("c", "tiff", "aiff")]
    ):
        for folder, ending in (("images", still), ("audios", sound)):
            (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
            path = root / folder / f"{name}.{ending}"
            if folder == "images":
                assert cv2.imwrite(str(path), picture(40 * number)[..., ::-1])
            else:
                soundfile.write(path, wave(number, 32000), 8000)
    return root


def test_pictures_and_sounds_of_all_endings_are_found_in_subfolders(tmp_path):
    root = make_subfolders(tmp_path / "data")
    prepared = avloc.prepare_import(root, "folder", tmp_path / "all", seconds=3.0, rate=8000, jobs=1, strict=True)
    part = Store.open(tmp_path / "all").split("all")
    assert prepared.failed == 0 and part.ids == ["c", "cat/a", "cat/b", "dog/a"]
    red = part.all_frames()[:, 0, 128, 64, 0]
    np.testing.assert_allclose(red, [130, 50, 90, 10], atol=6)
    loud = np.abs(part.all_sounds().astype(int)).max(1)
    np.testing.assert_allclose(loud / loud[3], [4, 2, 3, 1], atol=0.1)
    (root / "list.txt").write_text("dog/a\ncat/b\nc\nb\na\n")
    prepared = avloc.prepare_import(
        root, "folder", tmp_path / "some", [f"test={root / 'list.txt'}"], seconds=3.0, rate=8000, jobs=1
    )
    rows = rows_of(tmp_path / "some")
    assert {name: row.get("reason") for name, row in rows.items()} == {
        "dog/a": None, "cat/b": None, "c": None,
        "a": "ambiguous name",  # of the dog or of the cat
        "b": "missing frame",  # which the list has as cat/b already
    }  # fmt: skip
    avloc.prepare_import(root, "folder", tmp_path / "one", [f"test={put_list(root, 'b')}"], seconds=3.0, jobs=1)
    assert Store.open(tmp_path / "one").split("test").ids == ["b"]


def put_list(root: Path, *names: str) -> Path:
    (root / "names.txt").write_text("".join(f"{name}\n" for name in names))
    return root / "names.txt"


def test_pictures_and_sounds_in_subfolders_without_a_partner_are_named(tmp_path, caplog):
    root = make_subfolders(tmp_path / "data")
    (root / "audios" / "dog" / "a.flac").unlink()
    (root / "images" / "cat" / "b.jpg").unlink()
    (root / "images" / "cat" / "notes.doc").write_text("")
    found = avloc.prepare_import(root, "folder", tmp_path / "s", seconds=3.0, jobs=1)
    assert "audios: 1 of 3 sounds have no frame: cat/b; 1 frame has no sound: dog/a.PNG" in caplog.text
    assert found.reasons == {"missing frame": 1} and found.passed == {".doc": 1}


def test_without_lists_frames_without_a_sound_are_named_and_an_error_with_strict(tmp_path, caplog):
    root = make_folder(tmp_path / "data", numbered=False)
    (root / "frames" / "cafe\u0301.jpg").write_bytes((root / "frames" / f"{IDS[0]}.jpg").read_bytes())
    soundfile.write(root / "audio" / "caf\u00e9.wav", wave(3, 32000), 8000, "PCM_16")
    prepared = avloc.prepare_import(root, "folder", tmp_path / "a", seconds=3.0, jobs=1, strict=True)
    assert prepared.splits == {"all": 4}  # another spelling is no frame without a sound
    (root / "frames" / "lonely.jpg").write_bytes((root / "frames" / f"{IDS[0]}.jpg").read_bytes())
    avloc.prepare_import(root, "folder", tmp_path / "b", seconds=3.0, jobs=1)
    assert "audio: 1 frame has no sound: lonely.jpg" in caplog.text
    with pytest.raises(DataError, match=r"audio: 1 frame has no sound: lonely\.jpg; --strict"):
        avloc.prepare_import(root, "folder", tmp_path / "c", seconds=3.0, jobs=1, strict=True)


def test_bad_items_are_counted_and_named(tmp_path):
    root = make_folder(tmp_path / "data")
    (root / "video_frames" / IDS[0] / "007.jpg").write_text("no picture")
    (root / "audios" / f"{IDS[1]}.wav").unlink()
    soundfile.write(root / "audios" / f"{IDS[2]}.wav", wave(2, 8000), 8000, "PCM_16")
    for name in ("has no frame", "has no samples", "is well"):
        soundfile.write(root / "audios" / f"{name}.wav", wave(0, 0 if "samples" in name else 32000), 8000, "PCM_16")
        if name != "has no frame":
            (root / "video_frames" / name).mkdir()
            cv2.imwrite(str(root / "video_frames" / name / "007.jpg"), picture(0))
    (root / "every.txt").write_text("\n".join([*IDS, "has no frame", "has no samples", "is well"]))
    lists = [f"every={root / 'every.txt'}"]
    prepared = avloc.prepare_import(root, "folder", tmp_path / "store", lists, seconds=3.0, jobs=1)
    rows = rows_of(tmp_path / "store")
    reasons = {name: row.get("reason") for name, row in rows.items()}
    assert reasons == {
        IDS[0]: "not a picture", IDS[1]: "missing sound", IDS[2]: "sound too short", "has no frame": "missing frame",
        "has no samples": reasons["has no samples"], "is well": None,
    }  # fmt: skip
    assert reasons["has no samples"] in ("no sound", "no sound track")
    assert "1.000 s of 3.000 s; use --short repeat" in rows[IDS[2]]["detail"]
    assert (prepared.ok, prepared.failed) == (1, 5)
    again = avloc.prepare_import(
        root, "folder", tmp_path / "other", lists, seconds=3.0, rate=8000, short="repeat", jobs=1
    )
    assert again.failed == 4
    repeated = Store.open(tmp_path / "other").split("every").sounds([0])[0]
    assert (repeated[:4000] == repeated[8000:12000]).all() and repeated.any()


def test_boxes_come_with_the_benchmark(tmp_path):
    root = make_folder(tmp_path / "data")
    boxes = boxes_of_vggss(root / "vggss.json")
    avloc.prepare_import(root, "folder", tmp_path / "store", benchmark="vggss", annotations=boxes, seconds=3.0, jobs=1)
    store = Store.open(tmp_path / "store").split("all")
    assert store.classes == ("cat purring", "dog barking") and store.votes == 1
    at = [store.ids.index(name) for name in IDS]
    assert store.annotated[at, 0].tolist() == [True, True, False]
    assert store.labels[at].tolist() == [[False, True], [True, False], [False, False]]
    own = store.boxes.clip == at[1]
    assert store.boxes.xyxy[own].tolist() == [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]] and store.boxes.sounding.all()
    assert [store.videos[n] for n in at[:2]] == [name[:11] for name in IDS[:2]]


def test_flickr_keeps_every_annotators_box_and_the_two_votes(tmp_path):
    from avloc.engine.predicting import frames_to_score

    root = make_folder(tmp_path / "data")
    boxes = root / "flickr_boxes_256.json"
    boxes.write_text(json.dumps({IDS[0]: [[0, 0, 128, 128], [64, 64, 256, 256]]}))
    avloc.prepare_import(
        root, "folder", tmp_path / "store", benchmark="flickr-soundnet", annotations=boxes, seconds=3.0, jobs=1
    )
    store = Store.open(tmp_path / "store").split("all")
    truth = frames_to_score(store, "all", 0, "flickr").truth
    assert truth.votes == 2 and truth.ids == [IDS[0]]
    np.testing.assert_allclose(truth.boxes, [[0, 0, 0.5, 0.5], [0.25, 0.25, 1, 1]], atol=1e-6)


# SSPL's trees


def make_trees(root: Path, rows: int = 3) -> Path:
    frames = np.stack([picture(40 * number) for number in range(rows)]).astype(np.float32)
    sounds = np.stack([wave(number, 48000) for number in range(rows)])
    for folder, kind, name in (
        (root / "10k_unlabeled", "train", "h5py_train_{}_10k.h5"),
        (root / "5k_labeled" / "Data", "test", "h5py_test_{}.h5"),
    ):
        folder.mkdir(parents=True)
        for what, content in (("frames", frames), ("audios", sounds)):
            with h5py.File(folder / name.format(what), "w") as file:
                file[f"{kind}_{what}"] = content
    (root / "vggss_test_4692.csv").write_text("".join(f"{name}\r\n" for name in IDS[:rows]))
    return root


def test_trees_of_sspl(tmp_path):
    root = make_trees(tmp_path / "data")
    boxes = boxes_of_vggss(tmp_path / "vggss.json")
    avloc.prepare_import(root, "sspl", tmp_path / "store", benchmark="vggss", annotations=boxes, frames="raw", jobs=1)
    store = Store.open(tmp_path / "store")
    assert store.splits == {"train_10k": 3, "test": 3} and (store.rate, store.seconds) == (16000, 3.0)
    part, test = store.split("train_10k"), store.split("test")
    assert part.ids == ["10k/00000", "10k/00001", "10k/00002"] and test.ids == IDS
    assert all((part.all_frames()[n, 0] == picture(40 * n)).all() for n in range(3))
    assert (part.all_sounds()[2] == np.rint(wave(2, 48000) * 32767)).all()
    assert test.annotated[:, 0].tolist() == [True, True, False]


def test_the_ten_files_of_the_large_tree_are_one_split(tmp_path):
    folder = tmp_path / "data" / "144k_unlabeled"
    folder.mkdir(parents=True)
    for number in range(1, 11):
        for what, content in (
            ("frames", picture(number)[None].astype(np.float32)),
            ("audios", wave(number, 48000)[None]),
        ):
            with h5py.File(folder / f"h5py_train_{what}_144k_{number}.h5", "w") as file:
                file[f"train_{what}"] = content
    avloc.prepare_import(tmp_path / "data", "sspl", tmp_path / "store", frames="raw", jobs=1)
    part = Store.open(tmp_path / "store").split("train_144k")
    assert part.all_frames()[:, 0, 0, 0, 0].tolist() == [10 + number for number in range(1, 11)]


def test_a_row_of_zeros_and_one_that_is_not_finite_are_counted(tmp_path):
    root = make_trees(tmp_path / "data")
    folder = root / "10k_unlabeled"
    with h5py.File(folder / "h5py_train_frames_10k.h5", "a") as file:
        file["train_frames"][0] = 0
    with h5py.File(folder / "h5py_train_audios_10k.h5", "a") as file:
        file["train_audios"][0] = 0
        file["train_audios"][1, 5] = np.nan
    prepared = avloc.prepare_import(root, "sspl", tmp_path / "store", jobs=1)
    assert prepared.reasons == {"empty row": 1, "not finite": 1} and prepared.splits == {"train_10k": 1, "test": 3}


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("shape", r"train_frames has the shape \(3, 128, 128, 3\); expected \(N, 256, 256, 3\)"),
        ("name", r"no dataset train_frames \(it holds frames\)"),
        ("rows", r"h5py_train_frames_10k.h5: 2 rows, but h5py_train_audios_10k.h5 has 3"),
        ("cut", "not an HDF5 file, or truncated"),
        ("missing", "h5py_train_frames_10k.h5: missing"),
        ("list", "3 rows, but .*vggss_test_4692.csv lists 2 clips"),
        ("no list", "give --lists test=FILE"),
    ],
)
def test_trees_that_are_not_as_published_are_refused_before_anything_is_written(tmp_path, damage, expected):
    root = make_trees(tmp_path / "data")
    file = root / "10k_unlabeled" / "h5py_train_frames_10k.h5"
    match damage:
        case "shape" | "name" | "rows":
            shape = (3, 128, 128, 3) if damage == "shape" else (2, 256, 256, 3)
            with h5py.File(file, "w") as new:
                new["frames" if damage == "name" else "train_frames"] = np.ones(shape, np.float32)
        case "cut":
            file.write_bytes(file.read_bytes()[:5000])
        case "missing":
            file.unlink()
        case "list":
            (root / "vggss_test_4692.csv").write_text("\n".join(IDS[:2]))
        case "no list":
            (root / "vggss_test_4692.csv").unlink()
    with pytest.raises(DataError, match=expected) as refused:
        avloc.prepare_import(root, "sspl", tmp_path / "store", jobs=1)
    assert "\n" not in str(refused.value) and not (tmp_path / "store").exists()


# the LMDB folders of visual context


def make_lmdb(root: Path) -> Path:
    root.mkdir()
    for kind in ("images", "audios"):
        with lmdb.open(str(root / f"train_{kind}.lmdb"), map_size=1 << 27) as place, place.begin(write=True) as writing:
            for number, name in enumerate(IDS):
                if kind == "audios":
                    writing.put(name.encode(), wave(number, 240_000).tobytes())
                for second in range(1, 13):
                    pixels = np.ascontiguousarray(picture(10 * number + second)[..., ::-1])
                    if kind == "images":
                        writing.put(f"{name}/{second:03d}.jpg".encode(), pixels.tobytes())
        (root / f"train_{kind}.lmdb" / "meta_info.pkl").write_bytes(b"cos\nsystem\n(S'touch executed'\ntR.")
    return root


def test_lmdb_folders_of_visual_context(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = make_lmdb(tmp_path / "data")
    avloc.prepare_import(root, "visual-context", tmp_path / "store", frames="raw", store="lmdb", jobs=1)
    part = Store.open(tmp_path / "store").split("train")
    assert part.ids == sorted(IDS) and (part.rate, part.seconds) == (24000, 10.0)
    assert all((part.all_frames()[n, 0] == picture(10 * n + 7)).all() for n in range(3))
    assert (part.all_sounds()[1] == np.rint(wave(1, 240_000) * 32767)).all()
    assert not (tmp_path / "executed").exists()


def test_a_missing_key_and_a_value_of_another_size_are_counted(tmp_path):
    root = make_lmdb(tmp_path / "data")
    with lmdb.open(str(root / "train_images.lmdb"), map_size=1 << 27) as place, place.begin(write=True) as writing:
        writing.delete(f"{IDS[0]}/007.jpg".encode())
        writing.put(f"{IDS[1]}/007.jpg".encode(), b"123")
    prepared = avloc.prepare_import(root, "visual-context", tmp_path / "store", jobs=1)
    assert prepared.reasons == {"missing frame": 1, "wrong size": 1} and prepared.splits == {"train": 1}


@pytest.mark.parametrize("damage", ["cut", "empty", "no sounds"])
def test_a_folder_that_is_not_whole_is_refused_in_one_line(tmp_path, damage):
    root = make_lmdb(tmp_path / "data")
    file = root / "train_audios.lmdb" / "data.mdb"
    if damage == "no sounds":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 200_000 if damage == "cut" else 0])
    with pytest.raises(DataError, match=r"train_audios\.lmdb: not a complete LMDB folder") as refused:
        avloc.prepare_import(root, "visual-context", tmp_path / "store", jobs=1)
    assert "\n" not in str(refused.value)


# options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"layout": "zip"}, "layout is 'zip'; expected one of folder, sspl, visual-context"),
        ({"layout": "sspl", "rate": 8000}, "stored at 16000 Hz; leave out --rate"),
        ({"layout": "sspl", "seconds": 4.0}, "seconds is 4.0, but the sounds of layout sspl have 3.0"),
        ({"short": "tile"}, "short is 'tile'"),
        ({"benchmark": "vggss"}, "--annotations is missing"),
        ({"benchmark": "vgg", "annotations": Path("x")}, "benchmark 'vgg' is unknown"),
        ({"lists": ["train"]}, "lists 'train': expected SPLIT=FILE"),
        ({"frame": 3}, "none of 3 listed items could be prepared .missing frame: 3"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, options, expected):
    root = make_folder(tmp_path / "data")
    with pytest.raises(DataError, match=expected) as refused:
        avloc.prepare_import(root, **{"layout": "folder", "seconds": 3.0, **options}, out=tmp_path / "store", jobs=1)
    assert "\n" not in str(refused.value)


def test_boxes_that_are_laid_out_otherwise_are_a_mistake_of_their_file(tmp_path):
    root, boxes = make_folder(tmp_path / "data"), tmp_path / "vggss.json"
    boxes.write_text(json.dumps([{"file": "a_000001", "class": "dog", "bbox": 3}]))
    options = {"layout": "folder", "seconds": 3.0, "benchmark": "vggss", "annotations": boxes, "jobs": 1}
    with pytest.raises(DataError, match="not in the format of vggss"):
        avloc.prepare_import(root, out=tmp_path / "store", **options)


def test_the_command_does_the_same(tmp_path):
    root = make_folder(tmp_path / "data")
    options = ["--source", root, "--layout", "folder", "--seconds", 3, "--lists", f"train={root / 'train.txt'}"]
    assert printed("prepare", "import", *options, "--out", tmp_path / "s")["splits"] == {"train": 2}
