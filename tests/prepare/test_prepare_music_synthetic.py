import json
from pathlib import Path

import pytest

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.music import prepare_music
from avloc.prepare.music_synthetic import prepare_music_synthetic
from tests.data.making import make_music

NAMES = ["accordion", "cello", "erhu", "flute"]
SMALL = {"pool": ["train=solo_training_2", "test=solo_testing"], "count": ["train=6", "test=4"], "size": 32, "jobs": 1}


@pytest.fixture(scope="module")
def music(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    splits = {"solo_training_2": NAMES, "solo_validation": NAMES[:3], "solo_testing": NAMES}
    make_music(folder / "videos", splits, seconds=1)
    return prepare_music(folder / "videos", folder / "store", size=32, jobs=1).store


def test_mosaics_are_composed_of_a_prepared_store(music, tmp_path):
    prepared = prepare_music_synthetic(music, tmp_path / "store", **SMALL)
    assert prepared.splits == {"train": 6, "test": 4} and prepared.failed == 0
    store = Store.open(tmp_path / "store")
    assert (store.classes, store.rate, store.frames_per_clip, store.size) == (tuple(NAMES), 16000, 1, 32)
    part = store.split("test")
    assert part.ids == [f"test_{n:06d}" for n in range(4)] and set(part.videos) == {"test_group_0000"}
    assert (part.labels.sum(1) == 2).all() and part.annotated.all()
    assert (part.boxes.sounding.sum(), (part.boxes.label >= 0).sum(), len(part.boxes)) == (8, 16, 32)
    assert part.frame_keys[2] == ("test_000002",)


def test_the_manifest_tells_how_each_mosaic_was_made(music, tmp_path):
    prepare_music_synthetic(music, tmp_path / "store", **SMALL, seed=7)
    row = json.loads((tmp_path / "store" / "manifest.jsonl").read_text().splitlines()[0])
    assert (row["id"], row["split"], row["drawn_from"], row["seed"]) == ("train_000000", "train", "solo_training_2", 7)
    assert sorted(row["classes"]) == NAMES and len(row["sounding"]) == len(row["gains"]) == 2
    assert set(row["clips"]) == {"train_000000"} and len(row["tiles"]) == 4
    assert set(row["tiles"]) <= set(Store.open(music).split("solo_training_2").ids)


def test_the_same_seed_makes_the_same_store_whatever_the_processes(music, tmp_path, monkeypatch):
    monkeypatch.setattr("avloc.prepare.music_synthetic.BLOCK", 2)
    for jobs in (1, 2):
        prepare_music_synthetic(music, tmp_path / f"store{jobs}", **{**SMALL, "jobs": jobs})
    one, two = (Store.open(tmp_path / f"store{jobs}") for jobs in (1, 2))
    assert one.fingerprint == two.fingerprint
    assert (one.all_frames() == two.all_frames()).all() and (one.all_sounds() == two.all_sounds()).all()


def test_more_mosaics_extend_a_store_and_another_seed_is_refused(music, tmp_path):
    prepare_music_synthetic(music, tmp_path / "store", **SMALL)
    first = Store.open(tmp_path / "store").split("train").all_frames()
    prepare_music_synthetic(music, tmp_path / "store", **{**SMALL, "count": ["train=9", "test=4"]})
    assert (Store.open(tmp_path / "store").split("train").all_frames()[:6] == first).all()
    with pytest.raises(DataError, match="contains a store with seed 0, not 1"):
        prepare_music_synthetic(music, tmp_path / "store", **SMALL, seed=1)


def test_pools_that_share_videos_are_warned_of(music, tmp_path, caplog):
    pools = ["validation=solo_testing", "test=solo_testing"]
    options = {**SMALL, "pool": pools, "count": ["validation=1", "test=1"]}
    prepare_music_synthetic(music, tmp_path / "store", **options)
    assert "validation and test share 4 videos" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 31}, "size is 31; expected an even number"),
        ({"jitter": 1.5}, "jitter is 1.5"),
        ({"frames": "png"}, "frames is 'png'"),
        ({"pool": ["train"]}, "pool 'train': expected"),
        ({"pool": ["a=solo_testing", "a=solo_testing"]}, "pool 'a=solo_testing': expected"),
        ({"pool": ["train=nowhere"], "count": ["train=1"]}, "no split 'nowhere'; it holds solo_testing"),
        ({"count": ["train=6"]}, "count of 'test' is not given"),
        ({"count": ["train=six", "test=1"]}, "count of 'train' is six"),
        ({"count": ["train=1000000000000", "test=1"]}, "count of 'train' is 1000000000000; .* at most 10,000,000"),
        ({"count": [f"train={'9' * 5000}", "test=1"]}, "count of 'train' is 999"),
        ({"count": ["train=6", "test=1", "tset=1"]}, "'tset' is not one of the pools train, test"),
        ({"seed": -1}, "seed is -1; expected a whole number, 0 or more"),
        ({"training": ["trian"]}, "'trian' is not one of the pools"),
        ({"pool": ["test=solo_validation"], "count": ["test=1"]}, "videos of 3 classes"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(music, tmp_path, options, message):
    with pytest.raises(DataError, match=message) as refused:
        prepare_music_synthetic(music, tmp_path / "store", **{**SMALL, **options})
    assert "\n" not in str(refused.value) and not (tmp_path / "store").exists()


def test_a_source_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(DataError, match="no store here"):
        prepare_music_synthetic(tmp_path, tmp_path / "store")
