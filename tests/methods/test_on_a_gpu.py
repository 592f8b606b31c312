"""On a GPU every method sees, hears, locates and trains as on a processor."""

import pytest
import torch

import avloc
from avloc.data.loader import Batch, Loader
from avloc.engine.trainer import fit
from avloc.methods.base import Localizer, Train
from tests.engine.tiny import make_tiny_store
from tests.methods.test_contract import by_stage, stage

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> avloc.Store:
    return avloc.Store.open(make_tiny_store(tmp_path_factory.mktemp("gpu") / "store")).split("train")


@pytest.fixture(autouse=True)
def in_full_precision(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def batches(store: avloc.Store, localizer: Localizer, resident: bool = True) -> list[Batch]:
    return [next(Loader(store, localizer, device, resident=resident).training(5, 0, 0)) for device in (CPU, GPU)]


@by_stage
@pytest.mark.parametrize("resident", [True, False])
def test_it_sees_and_hears_the_same(name, number, resident, store):
    here, there = batches(store, stage(name, number), resident)
    for field, value in vars(here).items():
        if value is not None:
            other = getattr(there, field)
            assert other.device.type == "cuda"
            torch.testing.assert_close(other.cpu(), value, rtol=1e-4, atol=2e-3)


@by_stage
def test_it_locates_the_same(name, number, store):
    localizer = stage(name, number).eval()
    here, _ = batches(store, localizer)
    there = Batch(**{field: None if value is None else value.to(GPU) for field, value in vars(here).items()})
    with torch.no_grad():
        maps = localizer.locate(here)
        torch.testing.assert_close(localizer.to(GPU).locate(there).cpu(), maps, rtol=1e-3, atol=1e-4)


@by_stage
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_trains_and_goes_on_after_an_interruption(name, number, precision, store, tmp_path):
    train = Train(epochs=2, batch_size=6, lr=1e-3, precision=precision, select="last")
    logs = {}
    for way in ("whole", "interrupted"):
        ended = []

        def progress(done: int, total: int, text: str, way=way, ended=ended) -> None:
            if way == "interrupted" and done == 1 and not ended:
                ended.append(done)
                raise KeyboardInterrupt

        while way not in logs:
            localizer = stage(name, number).to(GPU)
            loader = Loader(store, localizer, GPU, resident=True)
            about = {"method": name, "stage": number}
            try:
                logs[way] = fit(localizer, {"train": loader}, train, tmp_path / way, 0, about, progress)
            except KeyboardInterrupt:
                continue
    for one, other in zip(logs["whole"], logs["interrupted"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=0.05, abs=0.02)  # a GPU adds in any order


def test_the_gpus_memory_is_asked_before_a_split_stays_there(store):
    from avloc.data.memory import free_memory

    assert 0 < free_memory(GPU) <= torch.cuda.get_device_properties(0).total_memory
    assert Loader(store, stage("hard_way", 1), GPU).resident
