"""A training looks at the shards in processes that may be lost before it opens them itself."""

import os
import time

import pytest

from avloc.data.store import Store
from avloc.engine import watched_store
from avloc.engine.watched_store import refuse_harmful
from avloc.errors import DataError
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing, mark


@pytest.fixture
def store(tmp_path):
    build_store(tmp_path / "store", tmp_path, made_listing(6), MadeReader(), SETTINGS, block=3, jobs=0)
    return tmp_path / "store"


def test_a_shard_that_hangs_its_library_hangs_no_training(store, monkeypatch):
    monkeypatch.setattr(watched_store, "LIMIT", 1.0)
    mark(store / "shards" / "00001.h5", "hangs", monkeypatch)
    began = time.monotonic()
    with pytest.raises(DataError, match=r"00001.h5: broken, reading it hangs; run the `avloc prepare` command"):
        refuse_harmful(Store.open(store).split("all"))
    assert time.monotonic() - began < 60


def test_a_pipe_in_the_place_of_a_shard_is_not_read(store):
    shard = store / "shards" / "00001.h5"
    shard.unlink()
    os.mkfifo(shard)  # whoever opens it waits for ever
    with pytest.raises(DataError, match=r"00001.h5: broken or of another store \(it is a pipe; expected a file\); run"):
        refuse_harmful(Store.open(store).split("all"))


def test_a_missing_shard_is_told_and_whole_ones_are_looked_at_once(store, monkeypatch):
    part = Store.open(store).split("all")
    refuse_harmful(part)
    monkeypatch.setattr(watched_store, "watched", None)
    refuse_harmful(part)  # nothing is started again
    monkeypatch.undo()
    (store / "shards" / "00000.h5").unlink()
    with pytest.raises(DataError, match=r"00000.h5: missing"):
        refuse_harmful(part)
