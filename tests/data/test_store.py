import json
import multiprocessing
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from avloc.data import shards
from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing


def make(folder: Path, frames: str, kind: str) -> Path:
    settings = {**SETTINGS, "frames": frames, "store": kind}
    build_store(folder / "store", folder, made_listing(), MadeReader(), settings, block=3, jobs=0)
    return folder / "store"


@pytest.fixture(scope="module", params=["raw hdf5", "jpeg hdf5", "raw lmdb", "jpeg lmdb"])
def path(request, tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("store"), *request.param.split())


@pytest.fixture
def part(path) -> Store:
    return Store.open(path).split("all")


def numbers(store: Store) -> list[tuple[int, int]]:
    return [(int(name[4:6]), int(name[-3:])) for name in store.ids]


def test_a_store_says_what_it_holds(path):
    store = Store.open(path)
    assert (store.classes, store.rate, store.seconds, store.frames_per_clip, store.size) == (
        ("a", "b"),
        100,
        1.0,
        2,
        16,
    )
    assert store.splits == {"all": 22, "even": 11}
    assert len(store) == 33 and len(store.split("even")) == 11 and store.split("even").split_name == "even"


def test_columns_belong_to_their_clips(part):
    assert part.videos == [name[:6] for name in part.ids]
    assert part.starts.tolist() == [float(second) for _, second in numbers(part)]
    assert part.labels.dtype == bool
    assert part.labels.tolist() == [[n % 2 == 0, n % 2 == 1] for n, _ in numbers(part)]
    assert part.frame_keys == [(f"item{n:02d}/{s}/a", f"item{n:02d}/{s}/b") for n, s in numbers(part)]
    assert part.annotated.tolist() == [[False, True]] * len(part)


def test_boxes_are_ordered_by_clip_and_belong_to_it(part):
    boxes = part.boxes
    expected = [(clip, n % 2) for clip, (n, _) in enumerate(numbers(part)) for _ in range(n % 4)]
    assert list(zip(boxes.clip.tolist(), boxes.label.tolist(), strict=True)) == expected
    assert boxes.sounding.all() and (boxes.frame == 1).all()
    assert boxes.xyxy.dtype == np.float32 and (boxes.xyxy == [0.0, 0.25, 0.5, 1.0]).all()


def test_frames_and_sounds_come_in_the_order_asked_for(part):
    random = np.random.default_rng(0)
    clips = random.integers(len(part), size=50)
    picks = random.integers(2, size=50)
    values = np.array([10 * n + s for n, s in numbers(part)])
    frames = part.frames(clips, picks)
    assert frames.shape == (50, 16, 16, 3) and frames.dtype == np.uint8
    np.testing.assert_allclose(frames[:, 8, 8], np.repeat(values[clips, None], 3, 1), atol=1)
    assert (part.sounds(clips)[:, 50] == np.array([100 * n + s for n, s in numbers(part)])[clips]).all()


def test_all_of_it_equals_the_clips_one_by_one(part):
    everything = np.arange(len(part))
    frames, sounds = part.all_frames(), part.all_sounds()
    assert frames.nbytes + sounds.nbytes == part.nbytes
    assert (frames[:, 1] == part.frames(everything, np.ones(len(part), int))).all()
    assert (sounds == part.sounds(everything)).all()
    assert part.sounds([]).shape == (0, 100)


def test_a_clip_is_read_whole(part):
    place = part.ids.index("item07/001")
    clip = part.clip(place)
    assert (clip.id, clip.video, clip.split, clip.start, clip.labels) == ("item07/001", "item07", "all", 1.0, (1,))
    assert (clip.frames == part.all_frames()[place]).all() and (clip.waveform == 701).all()
    assert len(clip.boxes) == 3 and clip.boxes[0].xyxy == (0.0, 0.25, 0.5, 1.0) and clip.boxes[0].sounding
    assert clip.annotated == (False, True)
    with pytest.raises(IndexError):
        part.clip(len(part))


def sum_in_child(part: Store) -> int:
    return int(part.all_sounds().sum(dtype=np.int64))


@pytest.mark.parametrize("way", ["spawn", "fork"])
def test_an_opened_store_can_be_sent_to_other_processes(part, way):
    expected = sum_in_child(part)
    with multiprocessing.get_context(way).Pool(2) as pool:
        assert pool.map(sum_in_child, [part, part, part]) == [expected] * 3
    assert (pickle.loads(pickle.dumps(part)).all_frames() == part.all_frames()).all()


def test_few_files_stay_open(part, monkeypatch):
    monkeypatch.setattr(shards, "OPEN_FILES", 2)
    for clip in range(len(part)):
        part.sounds([clip])
    assert len(part._shards._open) <= 2


def test_the_fingerprint_does_not_depend_on_the_place(path, tmp_path):
    shutil.copytree(path, tmp_path / "moved")
    assert Store.open(tmp_path / "moved").fingerprint == Store.open(path).fingerprint
    manifest = tmp_path / "moved" / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("made so", "made thus"))
    assert Store.open(tmp_path / "moved").fingerprint != Store.open(path).fingerprint


def test_an_unknown_split_is_answered_with_those_there(path):
    with pytest.raises(DataError, match=r"no split 'test'; it holds all \(22 clips\), even \(11 clips\)"):
        Store.open(path).split("test")


def test_no_store_is_answered_with_the_command_that_writes_one(tmp_path):
    with pytest.raises(DataError, match="`avloc prepare --help` lists what writes one"):
        Store.open(tmp_path / "nothing")


@pytest.mark.parametrize(
    "damage", ["no manifest", "half a manifest", "other manifest", "no json", "list", "old", "no size"]
)
def test_a_broken_store_is_refused_in_one_line(path, tmp_path, damage):
    shutil.copytree(path, tmp_path / "store")
    settings, manifest = tmp_path / "store" / "store.json", tmp_path / "store" / "manifest.jsonl"
    good = json.loads(settings.read_text())
    match damage:
        case "no manifest":
            manifest.unlink()
        case "half a manifest":
            manifest.write_text(manifest.read_text()[:1000])
        case "other manifest":
            manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[1:]))
        case "no json":
            settings.write_text(settings.read_text()[:50])
        case "list":
            settings.write_text("[]")
        case "old":
            settings.write_text(json.dumps({**good, "format": 0}))
        case "no size":
            settings.write_text(json.dumps({key: good[key] for key in good if key != "size"}))
    with pytest.raises(AvlocError) as refused:
        Store.open(tmp_path / "store")
    assert str(tmp_path / "store") in str(refused.value) and "\n" not in str(refused.value)
    assert "again" in str(refused.value)


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "no frames"])
def test_a_broken_shard_is_named_when_it_is_read(path, tmp_path, damage):
    shutil.copytree(path, tmp_path / "store")
    shard = next((tmp_path / "store" / "shards").glob("00002.*"))
    if damage == "missing":
        shard.unlink()
    elif damage == "no frames":
        shutil.copy(shard.with_stem("00004"), shard)  # of another block, with fewer clips
    else:
        shard.write_bytes(shard.read_bytes()[: 3000 if damage == "truncated" else 0])
    part = Store.open(tmp_path / "store").split("all")
    with pytest.raises(DataError) as refused:
        part.all_frames()
        part.frames(range(len(part)), [0] * len(part))
    assert shard.name in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
@pytest.mark.parametrize("one", [True, False])
def test_a_shard_that_loses_its_end_while_it_is_used_gives_no_zeros(tmp_path, kind, one):
    """HDF5 reads zeros beyond the end of a file, and LMDB crashes."""
    part = Store.open(make(tmp_path, "raw", kind)).split("all")
    part.all_sounds()
    part.frames([0], [0])
    for shard in (part.path / "shards").iterdir():
        os.truncate(shard, shard.stat().st_size // 3)
    with pytest.raises(DataError, match=r"cut from \d+ bytes to \d+ while it was used"):
        part.frames(range(len(part)), [0] * len(part)) if one else part.all_frames()


@pytest.mark.parametrize("frames", ["raw", "jpeg"])
def test_lmdb_and_hdf5_hold_the_same(tmp_path, frames):
    one, two = (Store.open(make(tmp_path / kind, frames, kind)) for kind in ("hdf5", "lmdb"))
    assert one.fingerprint == two.fingerprint and one.ids == two.ids and one.frame_keys == two.frame_keys
    assert (one.path / "manifest.jsonl").read_bytes() == (two.path / "manifest.jsonl").read_bytes()
    assert (one.all_frames() == two.all_frames()).all() and (one.all_sounds() == two.all_sounds()).all()
    clips, picks = np.arange(len(one))[::-1], np.ones(len(one), int)
    assert (one.frames(clips, picks) == two.frames(clips, picks)).all()
    for name in ("starts", "labels", "annotated"):
        mine, other = getattr(one, name), getattr(two, name)
        assert mine.dtype == other.dtype and (mine == other).all()
    for name in ("clip", "frame", "label", "sounding", "xyxy"):
        assert (getattr(one.boxes, name) == getattr(two.boxes, name)).all()


def test_a_store_is_not_begun_as_one_kind_and_finished_as_another(tmp_path):
    make(tmp_path, "raw", "lmdb")
    with pytest.raises(DataError, match='contains a store with store "lmdb", not "hdf5"'):
        make(tmp_path, "raw", "hdf5")
    with pytest.raises(DataError, match="store is 'zip'; expected hdf5 or lmdb"):
        make(tmp_path / "other", "raw", "zip")


def test_a_file_written_anew_is_read_anew(tmp_path):
    """LMDB opens a file once a process: what was open is not mistaken for what replaced it."""
    store = make(tmp_path, "raw", "lmdb")
    part = Store.open(store).split("all")
    before = part.all_sounds()
    shard = store / "shards" / "00001.lmdb"
    shutil.copy(store / "shards" / "00004.lmdb", tmp_path / "copy")
    (tmp_path / "copy").replace(shard)
    with pytest.raises(DataError, match=r"00001\.lmdb: broken or of another store"):
        Store.open(store).split("all").all_sounds()
    assert (part.all_sounds() == before).all()  # what was opened stays as it was
