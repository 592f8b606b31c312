import shutil

import numpy as np
import pytest

from avloc.data.cached import cached
from avloc.data.store import Store
from avloc.errors import AvlocError
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing


@pytest.fixture(scope="module", params=["hdf5", "lmdb"])
def path(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("cached") / "store"
    build_store(out, out.parent, made_listing(), MadeReader(), {**SETTINGS, "store": request.param}, block=3, jobs=0)
    return out


def test_shards_are_copied_once_and_read_from_the_copies(path, tmp_path, caplog):
    caplog.set_level("INFO")
    store = Store.open(shutil.copytree(path, tmp_path / "slow")).split("all")
    fast = cached(store, tmp_path / "fast")
    shards = sorted((tmp_path / "slow" / "shards").iterdir())
    copies = sorted((tmp_path / "fast" / store.fingerprint / "shards").iterdir())
    assert [copy.name for copy in copies] == [shard.name for shard in shards] and "copying" in caplog.text
    stamps = [copy.stat().st_mtime_ns for copy in copies]
    caplog.clear()
    again = cached(store, tmp_path / "fast")
    assert stamps == [copy.stat().st_mtime_ns for copy in copies] and not caplog.text
    expected = store.all_sounds(), store.frames([3, 1], [0, 1])
    for shard in shards:
        shard.unlink()
    for part in (fast, again):
        assert (part.all_sounds() == expected[0]).all() and (part.frames([3, 1], [0, 1]) == expected[1]).all()
    assert fast.ids == store.ids and fast.path == store.path


def test_only_the_shards_of_the_split_are_copied_and_half_a_copy_is_made_again(path, tmp_path):
    store = Store.open(path)
    one, _ = store.item_of(0)
    cached(one, tmp_path)
    (copy,) = (tmp_path / store.fingerprint / "shards").iterdir()
    whole = copy.read_bytes()
    copy.write_bytes(whole[:100])
    assert (cached(one, tmp_path).all_sounds() == one.all_sounds()).all() and copy.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_refused_in_a_line(path, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AvlocError, match=r"cannot be written .*; choose another data\.cache"):
        cached(Store.open(path).split("all"), tmp_path / "file")


def test_tar_shards_are_copied_too(path, tmp_path):
    import avloc
    from avloc.prepare.layouts.tar_store import TarStore

    avloc.data_export(path, tmp_path / "slow", clips=9)
    part = TarStore.of(tmp_path / "slow").split("all")
    fast, expected = cached(part, tmp_path / "fast"), part.all_sounds()
    for shard in (tmp_path / "slow").glob("*.tar"):
        shard.unlink()
    assert (fast.all_sounds() == expected).all() and fast.ids == part.ids and fast.fingerprint == part.fingerprint


def test_copied_arrays_are_those_of_the_store(path, tmp_path):
    part = Store.open(path).split("all")
    fast = cached(part, tmp_path)
    assert np.array_equal(fast.labels, part.labels) and fast.boxes.clip.tolist() == part.boxes.clip.tolist()
