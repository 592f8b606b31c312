"""What is wrong with somebody's method is said in one line, before an epoch is spent."""

import textwrap
from pathlib import Path

import pytest
import torch

import avloc
from avloc.data.loader import Batch
from avloc.engine import contract
from avloc.errors import AvlocError
from tests.commands import error_of
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

GOOD = """
import torch
from torch import nn
from avloc import FrameView, Localizer, LogMel, Needs, Phase


class Mine(Localizer):
    frame = FrameView(size=32, resize=36)
    sound = LogMel(rate=4000, n_fft=128, hop=80, mels=16)

    def __init__(self):
        super().__init__()
        self.eye, self.drop = nn.Conv2d(3, 1, 8, 8), nn.Dropout(0.5)

    def locate(self, batch):
        return self.eye(batch.frame)

    def loss(self, batch):
        return {"quiet": self.drop(self.locate(batch)).square().mean()}


STAGES = (Mine,)
"""
LOCATE, LOSS = "return self.eye(batch.frame)", 'return {"quiet": self.drop(self.locate(batch)).square().mean()}'
WRONG = [  # what of the good file is replaced, by what, and what is said of it
    (
        LOCATE,
        LOCATE + ".squeeze(1)",
        "Mine.locate returned shape (6, 4, 4); expected heat maps (B, K, h, w) with B = 6",
    ),
    (LOCATE, LOCATE + "[:2]", "Mine.locate returned shape (2, 1, 4, 4); expected heat maps (B, K, h, w) with B = 6"),
    (LOCATE, LOCATE + " / 0 * 0", "Mine.locate returned maps that are not finite"),
    (LOCATE, LOCATE + " > 0", "Mine.locate returned torch.bool"),
    (LOCATE, "return [self.eye(batch.frame)]", "Mine.locate returned a list; expected heat maps (B, K, h, w)"),
    (LOCATE, LOCATE + '.to("meta")', "Mine.locate returned maps on meta; expected cpu, where the batch is"),
    ("def locate(", "def find(", "mine.method.Mine defines no locate; expected a method locate(batch)"),
    ("def loss(", "def lose(", "mine.method.Mine defines no loss; expected a method loss(batch)"),
    (
        LOSS,
        "return self.locate(batch).mean()",
        "Mine.loss returned a tensor of shape (); expected a dict of named scalar",
    ),
    (LOSS, "return {}", "Mine.loss returned an empty dict; expected a dict of named scalar tensors"),
    (
        LOSS,
        'return {"quiet": self.locate(batch)}',
        "the term 'quiet' is a tensor of shape (6, 1, 4, 4); expected a scalar",
    ),
    (LOSS, 'return {"quiet": 3.0}', "the term 'quiet' is 3.0; expected a scalar tensor, shape ()"),
    (LOSS, LOSS.replace("mean()}", "mean() / 0}"), "the term 'quiet' is inf on the first batch of phase 'train'"),
    (LOSS, LOSS.replace("mean()}", "mean().detach()}"), "Mine.loss: no term has a gradient"),
    (
        LOSS,
        LOSS.replace("mean()}", 'mean().to("meta")}'),
        "the term 'quiet' is on meta; expected cpu, where the batch is",
    ),
    ("    frame = ", "    picture = ", "Mine.frame is missing; expected a view such as avloc.FrameView"),
    (
        "    frame = ",
        "    negatives = True\n    frame = ",
        "mine.method.Mine sets negatives; expected needs = Needs(negatives=...)",
    ),
    (
        "super().__init__()",
        "super().__init__()\n        self.noises = 4",
        "Mine.noises is 4; expected needs = Needs(noises=4)",
    ),
    (
        "(Mine,)",
        "Mine",
        "STAGES of mine.method is <class 'mine.method.Mine'>; expected a tuple of one or two subclasses",
    ),
    (
        "(Mine,)",
        "(nn.Conv2d,)",
        "stage 1 of mine.method is <class 'torch.nn.modules.conv.Conv2d'>; expected a subclass",
    ),
    (
        "import torch\n",
        "import torchh\n",
        "method.py:2: ModuleNotFoundError: No module named 'torchh'); fix the module",
    ),
    ("import torch\n", "import torch\n1 / 0\n", "method.py:3: ZeroDivisionError: division by zero); fix the module"),
    ("class Mine(", "class Mine((", "SyntaxError: invalid syntax); fix the module"),
    (
        "    def loss",
        "    def phases(self, train):\n        return [Phase('train', self.loss, [], 1)]\n\n    def loss",
        "Mine.phases: phase 'train' has no optimizer",
    ),
    (
        "    def loss",
        "    def phases(self, train):\n        return self.loss\n\n    def loss",
        "Mine.phases returned a method; expected a list of avloc.Phase",
    ),
    (
        "    def loss",
        "    def phases(self, train):\n        other = nn.Linear(1, 1).parameters()\n"
        "        return [Phase('train', self.loss, [train.make_optimizer(other)], 1)]\n\n    def loss",
        "Mine.phases: phase 'train' steps a parameter that is not the Localizer's",
    ),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("contract") / "store")


def configured(folder: Path, store: Path, text: str, name: str = "mine.method") -> Path:
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine" / "method.py").write_text(textwrap.dedent(text))
    stage = tiny_config(store)["stage1"]
    train = {**stage["train"], "epochs": 1}
    return write_config(folder / "c.yaml", {"method": name, "stage1": {"data": stage["data"], "train": train}})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, in which a package `mine` is new to Python."""
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[name]


@pytest.mark.parametrize(("good", "wrong", "said"), WRONG, ids=[said[:60] for _, _, said in WRONG])
def test_a_broken_contract_is_one_line(good, wrong, said, store, folder):
    assert GOOD.count(good) >= 1
    config = configured(folder, store, GOOD.replace(good, wrong))
    assert said in error_of("train-stage1", "--config", config, "--run", folder / "run", "--quiet")
    assert not list((folder / "run").glob("stage1/*"))


def test_a_method_that_is_no_module_says_so(store, folder):
    config = configured(folder, store, GOOD, "mine.other")
    words = error_of("train-stage1", "--config", config, "--run", folder / "run", "--quiet")
    assert "no such module; expected a file mine/other.py in the current folder" in words


def test_a_method_of_somebody_trains_and_checking_it_draws_no_random_numbers(store, folder, monkeypatch):
    config = configured(folder, store, GOOD)
    checked = avloc.train_stage1(config, folder / "run")
    monkeypatch.setattr(contract, "try_locate", lambda localizer, batch: None)
    unchecked = avloc.train_stage1(config, folder / "other")
    assert checked.last["train"]["loss"] == unchecked.last["train"]["loss"]


def test_maps_that_are_no_heat_maps_are_refused_where_nothing_is_trained(store):
    from avloc.methods.motion import Motion

    class Flat(Motion):
        def locate(self, batch):
            return super().locate(batch)[:, 0]

    batch = Batch(torch.zeros(2, 3, 8, 8), torch.zeros(2, 4000))
    with pytest.raises(AvlocError, match=r"Flat\.locate returned shape \(2, 8, 8\)"):
        contract.refuse_maps(Flat(), torch.zeros(2, 8, 8), batch)


def test_two_devices_in_one_method_are_named_and_other_errors_are_left_alone():
    localizer = avloc.Localizer()
    wrong = RuntimeError(
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
    )
    said = contract.on_other_device(localizer, "loss", wrong)
    assert isinstance(said, AvlocError) and str(said).startswith("Localizer.loss: Expected all tensors")
    other = RuntimeError("shapes cannot be multiplied")
    assert contract.on_other_device(localizer, "loss", other) is other
