"""`train.gather` and `train.sync_bn`: two processes with half a batch each train as one process with the whole batch."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import avloc
from avloc.data.loader import Loader
from avloc.engine.experiment import load_method, method_names
from avloc.engine.trainer import fit
from avloc.errors import AvlocError
from avloc.methods.base import Train
from avloc.methods.dsol.stage_one import StageOne
from avloc.nn.synced_norms import SyncedNorm2d, sync_norms
from tests.engine.running import torchrun
from tests.engine.tiny import RATE, make_tiny_store
from tests.methods import gathering
from tests.methods.gathering import APART, STAGES, small, store_of, trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("data")
    for rate in (RATE, *gathering.RATES.values()):
        make_tiny_store(folder / f"store{rate}", rate)
    return folder


@pytest.fixture(scope="module")
def store(stores) -> avloc.Store:
    return store_of(APART, stores)


@pytest.fixture(scope="module")
def ranks(stores, tmp_path_factory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("two")
    said = torchrun(gathering.__file__, stores, folder).stderr
    assert "find_unused_parameters" not in said, said
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def furthest(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    """The largest difference of any weight, and of any statistic of a batch norm."""
    return max(float((ours[key] - value).abs().max()) for key, value in theirs.items() if value.is_floating_point())


@pytest.mark.parametrize(("name", "number"), STAGES, ids=[f"{name} {number}" for name, number in STAGES])
def test_two_processes_train_as_one_with_the_whole_batch(name, number, ranks, stores, tmp_path):
    whole = trained(name, number, store_of(name, stores), tmp_path, 6)
    start = small(name, number).state_dict()
    for rank in ranks:
        two = rank[f"{name}{number}"]
        assert two["losses"] == pytest.approx(whole["losses"], rel=1e-3, abs=1e-4)
        assert furthest(two["weights"], whole["weights"]) < 0.02 * furthest(start, whole["weights"])


def test_contrasts_within_each_process_are_another_training(ranks, store, tmp_path):
    whole = trained(APART, 1, store, tmp_path, 6)
    apart = ranks[0]["apart"]
    assert abs(apart["losses"][0] - whole["losses"][0]) > 0.1
    assert furthest(apart["weights"], whole["weights"]) > 20 * furthest(
        ranks[0][f"{APART}1"]["weights"], whole["weights"]
    )


def test_every_method_that_contrasts_clips_is_tried():
    """SSPL contrasts them only with a warm-up, so that its source tells it, not its class."""

    def contrasts(kind: type) -> bool:
        return kind.gathers or "self.gathered(" in inspect.getsource(inspect.getmodule(kind))

    able = {name for name in method_names() if any(map(contrasts, load_method(name).STAGES))}
    assert "sspl" in able and able <= set(gathering.MODELS)


def test_a_loss_without_contrasts_cannot_use_other_processes(store, tmp_path):
    localizer = StageOne(**{**gathering.MODELS["dsol"], "pairs": "negative"})
    loader = Loader(store, localizer, torch.device("cpu"))
    with pytest.raises(
        AvlocError, match=r"train\.gather is true, but the loss of StageOne with these settings contrasts"
    ):
        fit(localizer, {"train": loader}, Train(epochs=1, gather=True), tmp_path, 0, {"method": "dsol", "stage": 1})


def test_norms_that_are_left_out_in_some_batches_cannot_wait_for_other_processes(store, tmp_path):
    localizer = small("ez_vsl")
    localizer.same_parts = False
    loader = Loader(store, localizer, torch.device("cpu"))
    with pytest.raises(AvlocError, match=r"train\.sync_bn is true, but EzVsl leaves out batch norms in some batches"):
        fit(localizer, {"train": loader}, Train(epochs=1, sync_bn=True), tmp_path, 0, {"method": "ez_vsl", "stage": 1})


def test_with_one_process_neither_setting_changes_a_number(store, tmp_path):
    plain = trained("hard_way", 1, store, tmp_path / "plain", 6)
    shared = trained("hard_way", 1, store, tmp_path / "shared", 6, gather=True, sync_bn=True)
    assert plain["losses"] == shared["losses"] and furthest(plain["weights"], shared["weights"]) == 0


def test_synced_norms_keep_their_names_and_are_the_norms_that_methods_look_for():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm1d(4)), nn.BatchNorm3d(4))
    before = list(network.state_dict())
    assert sync_norms(network) == 1  # the last one is of a kind that no method has
    assert list(network.state_dict()) == before
    assert isinstance(network[1], SyncedNorm2d) and isinstance(network[1], nn.BatchNorm2d)
