"""Two processes as torchrun starts them, and the functions that are the identity with one."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc import processes
from avloc.engine.collect import _in_order
from avloc.errors import AvlocError
from tests.engine.running import torchrun
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("two")
    settings = tiny_config(make_tiny_store(folder / "store"))
    for number in (1, 2):
        settings[f"stage{number}"]["train"] |= {"epochs": 2, "batch_size": 3}
    config, run = write_config(folder / "tiny.yaml", settings), folder / "run"
    first = torchrun("-m", "--", "avloc", "train-stage1", "--config", config, "--run", run, "--json")
    torchrun("-m", "--", "avloc", "cluster", "--run", run)
    torchrun("-m", "--", "avloc", "train-stage2", "--run", run)
    return run, first.stdout


def log(run: Path, stage: int) -> list[dict]:
    return [json.loads(line) for line in (run / f"stage{stage}" / "log.jsonl").read_text().splitlines()]


def test_both_stages_train_on_two_processes_into_one_run(trained):
    run, _ = trained
    assert [entry["phase"] for entry in log(run, 1)] == ["localize", "localize", "classify", "classify"]
    assert [entry["phase"] for entry in log(run, 2)] == ["train", "train"]
    assert all(math.isfinite(entry["loss"]) for stage in (1, 2) for entry in log(run, stage))
    for path in run.rglob("*.safetensors"):
        assert all(torch.isfinite(value.float()).all() for value in load_file(path).values())
    assert len(list((run / "stage1").glob("state-*.pt"))) == 2


def test_only_the_first_process_prints(trained):
    printed = json.loads(trained[1])
    assert printed["stage"] == 1 and printed["epochs"] == 4


def test_what_the_backend_prints_while_it_connects_is_not_in_the_output(monkeypatch, capfd):
    """As Gloo of PyTorch 2.8 does, from C++."""
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    distributed = torch.distributed
    monkeypatch.setattr(processes, "_groups", 0)
    monkeypatch.setattr(distributed, "rendezvous", lambda _: iter([(distributed.HashStore(), 0, 2)]))
    monkeypatch.setattr(
        distributed, "init_process_group", lambda *_, **__: os.write(1, b"[Gloo] Rank 0 is connected\n")
    )
    processes._enter("gloo")
    print("{}")
    assert capfd.readouterr().out == "{}\n"


def test_every_clip_has_one_pseudo_label_whatever_the_processes(trained):
    run, _ = trained
    labels = load_file(run / "stage1" / "classify.safetensors")["memory.labels"]
    assert labels.shape == (18,) and set(labels.tolist()) <= {0, 1, 2}
    clusters = np.load(run / "clusters.npz")
    avloc.cluster(run=run)
    again = np.load(run / "clusters.npz")
    assert all(np.array_equal(clusters[name], again[name]) for name in clusters.files)
    assert (
        clusters["labels"].shape == (18,)
        and list(clusters["ids"]) == avloc.Store.open(run.parent / "store").split("train").ids
    )


CHECK = """
import sys
from pathlib import Path
import torch
import torch.distributed as distributed
from avloc import processes
from avloc.engine.collect import _in_order
from avloc.data.loader import Loader
from avloc.data.store import Store
from avloc.engine.collect import Collector
from avloc.engine.experiment import read_experiment
from avloc.engine.trainer import _validate, fit

processes.join()
rank = processes.rank()
folder, stage = Path(sys.argv[1]), read_experiment(Path(sys.argv[2])).stage(1)
experiment = read_experiment(Path(sys.argv[2]))
localizer = experiment.build(1)
loaders = {"train": Loader(Store.open(stage.data.store).split("train"), localizer, torch.device("cpu"))}
rows = Collector(localizer, loaders, 4, 7, augment=False)(
    lambda batch: {"index": batch.index, "video": batch.video, "map": localizer.locate(batch)}
)
fit(localizer, loaders, stage.train, folder / "fit", 3, {"method": "dsol", "stage": 1})
augmented = Collector(localizer, loaders, 4, 7)(lambda batch: {"frame": batch.frame})["frame"]
test = Loader(Store.open(stage.data.store).split("test"), localizer, torch.device("cpu"))
validation = _validate(localizer, localizer.phases(stage.train)[0], {"validation": test}, stage.train)
torch.save({"rows": rows, "augmented": augmented, "validation": validation,
            "weights": localizer.state_dict(), "memory": localizer.memory,
            "mean": processes.mean(torch.tensor(float(rank))),
            "gathered": processes.gather_rows(torch.full((2, 3), rank))}, folder / f"rank{rank}.pt")
processes.leave()
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> tuple[Path, list[dict]]:
    folder = tmp_path_factory.mktemp("ranks")
    settings = tiny_config(make_tiny_store(folder / "store"))
    settings["stage1"]["train"] |= {"epochs": 2, "batch_size": 3}
    config = write_config(folder / "tiny.yaml", settings)
    (folder / "check.py").write_text(CHECK)
    torchrun(folder / "check.py", folder, config)
    return config, [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_collected_rows_are_in_store_order_and_the_same_in_every_process(ranks):
    config, (zero, one) = ranks
    assert zero["rows"]["index"].tolist() == list(range(18))
    assert all(torch.equal(zero["rows"][name], one["rows"][name]) for name in zero["rows"])
    from avloc.data.loader import Loader
    from avloc.engine.collect import Collector
    from avloc.engine.experiment import read_experiment

    experiment = read_experiment(config)
    localizer = experiment.build(1)
    loader = Loader(avloc.Store.open(experiment.stage(1).data.store).split("train"), localizer, torch.device("cpu"))
    alone = Collector(localizer, {"train": loader}, 4, 7, augment=False)(lambda batch: {"map": localizer.locate(batch)})
    assert torch.equal(alone["map"], zero["rows"]["map"])
    varied = Collector(localizer, {"train": loader}, 4, 7)(lambda batch: {"frame": batch.frame})
    assert torch.equal(varied["frame"], zero["augmented"]) and torch.equal(varied["frame"], one["augmented"])


def test_the_figures_of_validation_are_the_same_whatever_the_processes(ranks):
    config, (zero, one) = ranks
    from avloc.data.loader import Loader
    from avloc.engine.experiment import read_experiment
    from avloc.engine.trainer import _validate

    experiment = read_experiment(config)
    localizer, train = experiment.build(1), experiment.stage(1).train
    localizer.load_state_dict(zero["weights"])
    localizer.memory = zero["memory"]
    loader = Loader(avloc.Store.open(experiment.stage(1).data.store).split("test"), localizer, torch.device("cpu"))
    alone = _validate(localizer, localizer.phases(train)[0], {"validation": loader}, train)
    assert alone == zero["validation"] == one["validation"] and alone["iou"] > 0


def test_what_processes_found_of_their_shares_comes_into_the_order_of_the_pieces(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    shares = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        shares.append([10 * number for number in processes.share(7)])
    assert processes.in_turn(shares) == [0, 10, 20, 30, 40, 50, 60]


def test_both_processes_end_with_the_same_weights_and_labels(ranks):
    _, (zero, one) = ranks
    assert len(zero["weights"]) > 20
    assert all(torch.equal(zero["weights"][name], one["weights"][name]) for name in zero["weights"])
    assert torch.equal(zero["memory"]["labels"], one["memory"]["labels"])


def test_means_and_rows_of_two_processes(ranks):
    _, (zero, one) = ranks
    assert zero["mean"] == one["mean"] == 0.5
    assert zero["gathered"].tolist() == one["gathered"].tolist() == [[0] * 3] * 2 + [[1] * 3] * 2


def test_with_one_process_every_function_is_the_identity(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    rows = torch.arange(6).view(3, 2)
    processes.join()
    processes.barrier()
    assert processes.mean(rows) is rows and processes.gather_rows(rows) is rows
    assert processes.is_first() and processes.world_size() == 1
    processes.leave()
    assert not torch.distributed.is_initialized()


def test_only_the_first_process_warns(tmp_path):
    """What PyTorch warns of, all processes would repeat."""
    script = tmp_path / "warns.py"
    script.write_text(
        "import logging, warnings\n"
        "from avloc.cli.show import start_log\n"
        "start_log(False)\n"
        "warnings.warn('of torch', stacklevel=1)\n"
        "logging.getLogger('torch').warning('torch says')\n"
        "logging.getLogger('avloc').warning('avloc says')\n"
        "logging.getLogger('avloc').error('avloc fails')\n"
    )
    said = torchrun(script).stderr
    assert [said.count(words) for words in ("of torch\n", "torch says", "avloc says", "avloc fails")] == [1, 1, 1, 2]


@pytest.mark.parametrize(("name", "value"), [("RANK", "x"), ("RANK", "-1"), ("WORLD_SIZE", "0"), ("WORLD_SIZE", "")])
def test_a_variable_of_torchrun_that_is_no_number_is_one_line(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(AvlocError, match=f"{name} is '{value}'; expected a number"):
        processes.rank() + processes.world_size()


def test_processes_that_torchrun_did_not_start_are_told_so(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for missing in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(missing, raising=False)
    with pytest.raises(AvlocError, match="RANK, MASTER_ADDR, MASTER_PORT is not set; start several processes with"):
        processes.join()


def test_maps_of_processes_with_different_numbers_of_maps_come_together(monkeypatch):
    """NoPrior gives as many maps as it hears sounds, so another process can have more maps per frame."""
    other = torch.ones(2, 3, 4, 4)
    monkeypatch.setattr(processes, "world_size", lambda: 2)
    monkeypatch.setattr(processes, "gather", lambda amount: [amount, other.shape[1]])
    monkeypatch.setattr(processes, "gather_rows", lambda rows: torch.cat([rows, other]))
    found = _in_order(torch.zeros(2, 1, 4, 4), 2)
    assert found.shape == (4, 3, 4, 4)
    assert found[:2, 0].eq(0).all() and found[:2, 1:].isnan().all() and found[2:].eq(1).all()
