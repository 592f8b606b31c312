import json
import pickle
import shutil

import numpy as np
import pytest

from avloc.data import items
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    out = tmp_path_factory.mktemp("items") / "store"
    build_store(out, out.parent, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    return out


def told(store: Store) -> list:
    parts = [store, store.split("even"), store.split("even+all")]
    return [(part.ids, [row for row, _ in part.lines()], part.all_sounds().tolist()) for part in parts]


def test_a_store_without_its_columns_reads_the_same_from_the_manifest(path, tmp_path, monkeypatch):
    old = shutil.copytree(path, tmp_path / "old")
    (old / items.FILE).unlink()
    with monkeypatch.context() as patched:
        patched.setattr("avloc.data.opening.read_manifest", lambda *_: pytest.fail("the manifest was parsed"))
        with pytest.raises(pytest.fail.Exception):
            Store.open(old)
        new = told(Store.open(path))
    assert told(Store.open(old)) == new
    assert Store.open(old).fingerprint == Store.open(path).fingerprint


def test_columns_of_another_manifest_are_not_believed(path, tmp_path):
    store = shutil.copytree(path, tmp_path / "s")
    manifest = store / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("item00/000", "changed/000"))
    assert "changed/000" in Store.open(store).ids and "item00/000" not in Store.open(store).ids


@pytest.mark.parametrize("damage", ["cut off", "no zip", "other splits", "too few ids", "text", "missing"])
def test_damaged_columns_are_passed_over(path, tmp_path, damage):
    store = shutil.copytree(path, tmp_path / "s")
    file = store / items.FILE
    arrays = dict(np.load(file))
    match damage:
        case "cut off":
            file.write_bytes(file.read_bytes()[:-400])
        case "no zip":
            file.write_bytes(b"columns")
        case "missing":
            del arrays["row"]
        case "other splits":
            arrays["names"] = arrays["names"][::-1]
        case "too few ids":
            arrays["ends"] = arrays["ends"][:-1]
        case "text":
            arrays["shard"] = arrays["shard"].astype(str)
    if damage not in ("cut off", "no zip"):
        np.savez(file, **arrays)
    assert told(Store.open(store)) == told(Store.open(path))


def test_an_earlier_store_gets_its_columns_when_it_is_prepared_again(path, tmp_path):
    store = shutil.copytree(path, tmp_path / "s")
    (store / items.FILE).unlink()
    build_store(store, store.parent, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    assert (store / items.FILE).read_bytes() == (path / items.FILE).read_bytes()


def test_names_keep_their_letters_and_lines_their_places(tmp_path):
    rows = [
        {"status": "ok", "split": "b", "shard": 1, "row": 0, "clips": ["é/1", "日本"]},
        {"status": "failed", "split": "a", "clips": [], "reason": "no"},
        {"status": "ok", "split": "a", "shard": 0, "row": 4, "clips": ["\udc80"]},
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "backslashreplace")
    (tmp_path / "manifest.jsonl").write_bytes(text)
    items.write_items(tmp_path, items.items_of(rows, text), "digest")
    found = items.read_items(tmp_path, "digest", {"a": 1, "b": 2})
    assert found is not None and found.texts(np.arange(3)) == ["é/1", "日本", "\udc80"]
    assert found.of_split("a").tolist() == [1] and found.clips_of(np.array([1, 0])).tolist() == [2, 0, 1]
    assert [row["split"] for row in items.lines_at(tmp_path / "manifest.jsonl", found.line)] == ["b", "a"]
    assert items.read_items(tmp_path, "digest", {"a": 1, "b": 3}) is None


def test_videos_and_labels_come_from_the_columns_while_the_shards_are_as_large_as_they_were(path, tmp_path):
    store, other = Store.open(path), Store.open(shutil.copytree(path, tmp_path / "other"))
    with open(other.path / "shards" / "00001.h5", "ab") as file:
        file.write(b"more")
    for one, read in ((store, other), (store.split("even+all"), other.split("even+all"))):
        assert one._kept is not None and read._kept is None
        assert one.videos == read.videos and one.labels.tolist() == read.labels.tolist()
        assert one.video_numbers.tolist() == read.video_numbers.tolist()
        assert (one.labels.dtype, one.labels.shape) == (read.labels.dtype, read.labels.shape)
    assert store._shards._open == {} and read._shards._open
    (other.path / "shards" / "00001.h5").unlink()
    with pytest.raises(DataError, match=r"00001\.h5: missing"):
        other.split("all").labels  # noqa: B018


def test_what_is_sent_to_a_worker_grows_by_eight_bytes_a_clip(path):
    reader = Store.open(path).clip_reader
    assert sum(place.nbytes for place in reader.places) == 8 * len(Store.open(path))
    assert len(pickle.dumps(reader)) < 2000
