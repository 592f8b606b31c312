"""Every stage of every method on two processes: other clips each, one model."""

import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.running import torchrun
from tests.engine.tiny import make_tiny_store
from tests.methods.test_contract import STAGES, by_stage

pytestmark = pytest.mark.slow

TRAIN = """
import sys
from pathlib import Path
import torch
from avloc import processes
from avloc.data.loader import Loader
from avloc.data.store import Store
from avloc.engine.trainer import fit
from avloc.methods.base import Train
from tests.methods.test_contract import STAGES, stage

processes.join()
torch.set_num_threads(1)
store, folder, found = Store.open(sys.argv[1]).split("train"), Path(sys.argv[2]), {}
for name, number in STAGES:
    localizer = stage(name, number)
    start = {key: value.clone() for key, value in localizer.state_dict().items()}
    loader = Loader(store, localizer, torch.device("cpu"))
    train = Train(epochs=2, batch_size=6, lr=1e-2, select="last")
    clips = [batch.index.tolist() for batch in loader.training(train.batch_size, 0, 0)]
    log = fit(localizer, {"train": loader}, train, folder / f"{name}{number}", 0, {"method": name, "stage": number})
    learnt = [key for key, parameter in localizer.named_parameters() if parameter.requires_grad]
    found[f"{name}{number}"] = {
        "start": start, "weights": dict(localizer.state_dict()), "learnt": learnt, "clips": clips,
        "losses": [entry["loss"] for entry in log],
    }
torch.save(found, folder / f"rank{processes.rank()}.pt")
processes.leave()
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("two")
    store = make_tiny_store(folder / "store")
    (folder / "train.py").write_text(TRAIN)
    torchrun(folder / "train.py", store, folder)
    found = [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    shutil.rmtree(folder)  # 1.6 GB: SSPL's ear has 72 million numbers
    return found


def test_none_was_left_out(ranks):
    assert len(ranks[0]) == len(ranks[1]) == len(STAGES)


@by_stage
def test_two_processes_train_one_model(ranks, name, number):
    """Without averaged gradients the weights would part, since each process sees other clips."""
    zero, one = (rank[f"{name}{number}"] for rank in ranks)
    assert not set(chain(*zero["clips"])) & set(chain(*one["clips"]))
    assert all(torch.equal(zero["weights"][key], one["weights"][key]) for key in zero["learnt"])
    moved = [key for key in zero["learnt"] if not torch.equal(zero["weights"][key], zero["start"][key])]
    assert len(moved) > len(zero["learnt"]) / 3
    assert torch.isfinite(torch.tensor(zero["losses"])).all() and zero["losses"] == one["losses"]
