import json
import multiprocessing
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from avloc.data import shards
from avloc.data.build import build_store
from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from tests.data.making import SETTINGS, MadeReader, made_listing


@pytest.fixture(scope="module", params=["raw", "jpeg"])
def path(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    settings = {**SETTINGS, "frames": request.param}
    build_store(folder / "store", folder, made_listing(), MadeReader(), settings, block=3, jobs=1)
    return folder / "store"


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
    with pytest.raises(DataError, match="avloc prepare music --source DIR --out"):
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
    shard = tmp_path / "store" / "shards" / "00002.h5"
    if damage == "missing":
        shard.unlink()
    elif damage == "no frames":
        shutil.copy(tmp_path / "store" / "shards" / "00004.h5", shard)  # of another block, with fewer clips
    else:
        shard.write_bytes(shard.read_bytes()[: 3000 if damage == "truncated" else 0])
    part = Store.open(tmp_path / "store").split("all")
    with pytest.raises(DataError) as refused:
        part.all_frames()
        part.frames(range(len(part)), [0] * len(part))
    assert "00002.h5" in str(refused.value) and "\n" not in str(refused.value)
