"""Keeping a split in memory: what is said, what is refused."""

import logging

import pytest
import torch

from avloc.data import memory
from avloc.data.memory import GIB, free_memory, stays_in_memory
from avloc.data.store import Store
from avloc.errors import DataError
from tests.engine.tiny import make_tiny_store

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store.open(make_tiny_store(tmp_path_factory.mktemp("memory") / "store")).split("train")


@pytest.mark.parametrize(("share", "kept"), [(2.1, True), (1.9, False)])
def test_unasked_a_split_takes_at_most_half_of_what_is_free(store, monkeypatch, share, kept):
    monkeypatch.setattr(memory, "free_memory", lambda device: int(share * store.nbytes))
    assert stays_in_memory(store, CPU, None) == kept


def test_asked_for_the_estimate_comes_first(store, monkeypatch, caplog):
    monkeypatch.setattr(memory, "free_memory", lambda device: 3 * GIB)
    with caplog.at_level(logging.INFO, logger="avloc.data"):
        assert stays_in_memory(store, CPU, True)
    assert (
        f"train: {store.nbytes / GIB:.2f} GiB raw, 3.0 GiB are free on cpu: kept in memory, as requested" in caplog.text
    )


def test_what_does_not_fit_is_refused_in_one_line(store, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: store.nbytes - 1)
    with pytest.raises(
        DataError, match=r"GiB are free on cpu; set train.resident: false, or prepare it with a smaller --size"
    ) as no:
        stays_in_memory(store, CPU, True)
    assert "\n" not in str(no.value)
    assert not stays_in_memory(store, CPU, False)


def test_free_memory_is_measured():
    assert 2**28 < free_memory(CPU) < 2**50
