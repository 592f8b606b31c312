"""Runs as people use them: imported weights, stages that do not exist, batches smaller than a mixture."""

from types import SimpleNamespace

import pytest
from safetensors.torch import load_file, save_file

import avloc
from avloc.data.loader import Batch
from avloc.engine.step import rate_factor
from avloc.errors import AvlocError, ConfigError, RunError
from avloc.methods.base import Phase, Train
from avloc.methods.noprior.method import NoPrior
from avloc.prepare.layouts.folder_store import FolderStore
from tests.engine.tiny import make_tiny_store, tiny_config, write_config


def test_imported_weights_are_not_trained_over(tmp_path):
    make_tiny_store(tmp_path / "store")
    config, run = write_config(tmp_path / "c.yaml", tiny_config(tmp_path / "store")), tmp_path / "run"
    avloc.train_stage1(config, run)
    weights = max((run / "stage1").glob("*.safetensors"))
    for state in (run / "stage1").glob("*state*"):
        state.unlink()
    content = weights.read_bytes()
    about = {"method": "dsol", "stage": "1", "imported_from": "theirs.pth"}
    for path in (run / "stage1").glob("*.safetensors"):
        save_file(load_file(path), path, about)
    with pytest.raises(RunError, match="was imported, and training would replace it; choose another --run"):
        avloc.train_stage1(run=run)
    assert content
    with pytest.raises(AvlocError, match="stage"):
        avloc.load(run, 3)


def test_keys_of_a_mapping_given_by_set_are_text(tmp_path):
    make_tiny_store(tmp_path / "store")
    config = write_config(tmp_path / "c.yaml", tiny_config(tmp_path / "store"))
    given = f"evaluate={{1: {{store: {tmp_path / 'store'}, split: test, protocol: ez-vsl, nothing: 1}}}}"
    with pytest.raises(ConfigError, match=r"evaluate\.1"):
        avloc.evaluate(config, tmp_path / "run", set=[given])


def test_a_batch_smaller_than_a_mixture_is_mixed_of_what_there_is():
    import torch

    one = Batch(torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8))
    mixed = NoPrior.mixed(SimpleNamespace(mixture=2, mixes_waveforms=False), one)
    assert mixed.frame.shape == (1, 3, 8, 8)


def test_a_warm_up_is_of_optimizer_steps():
    train = Train(warmup=4, accumulate=4)
    phase = Phase("p", lambda batch: {}, [], 1)
    assert [rate_factor(train, phase, step, 32) for step in (3, 7, 11, 15, 19)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_a_folder_has_a_line_for_each_clip():
    store = SimpleNamespace(ids=["a", "b"], split_name="all")
    assert [(row["id"], list(places)) for row, places in FolderStore.lines(store)] == [("a", [0]), ("b", [1])]
