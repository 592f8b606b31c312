"""How a phase's objective is called: compiled where that changes nothing, and which parameters it leaves out."""

import re
from typing import Any

import pytest
import torch

import avloc
from avloc.data.loader import Batch, Loader
from avloc.engine.objectives import Objectives, reached_by, without_trace
from avloc.engine.trainer import fit
from avloc.methods.base import Train
from tests.engine.tiny import make_tiny_store
from tests.methods.gathering import small

TRAIN = Train(epochs=1, batch_size=6, lr=1e-2, compile=True)


@pytest.fixture(scope="module")
def loader(tmp_path_factory) -> Loader:
    store = avloc.Store.open(make_tiny_store(tmp_path_factory.mktemp("data") / "store")).split("train")
    return Loader(store, small("ez_vsl"), torch.device("cpu"))


@pytest.fixture
def batch(loader) -> Batch:
    return next(loader.training(6, 0, 0))


def compiling(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    monkeypatch.setattr(torch, "compile", lambda objective, **settings: make(objective))


def test_a_compiled_objective_with_the_same_losses_is_used_and_leaves_no_trace(batch, monkeypatch):
    calls = []

    def counted(objective: Any) -> Any:
        return lambda batch: (calls.append(1), objective(batch))[1]

    compiling(monkeypatch, counted)
    localizer = small("ez_vsl")
    localizer.train()
    before = {name: value.clone() for name, value in localizer.state_dict().items()}
    phase, state = localizer.phases(TRAIN)[0], torch.get_rng_state()
    made = Objectives(localizer, TRAIN)
    stepped = made.of(phase, batch)
    assert all(torch.equal(value, before[name]) for name, value in localizer.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state) and len(calls) == 1
    stepped(batch)
    assert made.of(phase, batch) is stepped and len(calls) == 2


def broken(objective: Any) -> Any:
    raise RuntimeError("no C++ compiler\nsecond line")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (broken, r"without train\.compile: it does not compile \(RuntimeError: no C\+\+ compiler\)$"),
        (
            lambda objective: lambda batch: {name: 1.1 * term for name, term in objective(batch).items()},
            r"without train\.compile: compiled, frames is \S+ instead of \S+$",
        ),
    ],
    ids=["it does not compile", "it computes something else"],
)
def test_what_does_not_compile_to_the_same_losses_is_trained_as_it_is_and_a_line_says_so(
    make, said, loader, tmp_path, monkeypatch, caplog
):
    entries = []
    for compiled in (True, False):
        compiling(monkeypatch, make)
        localizer = small("ez_vsl")
        train = Train(epochs=1, batch_size=6, lr=1e-2, compile=compiled)
        about = {"method": "ez_vsl", "stage": 1}
        entries.append(fit(localizer, {"train": loader}, train, tmp_path / str(compiled), 0, about)[0]["loss"])
    assert entries[0] == entries[1]
    assert len([line for line in caplog.messages if re.search(said, line)]) == 1


def test_torch_compiles_a_step(batch):
    """The tracer only: the machine code of every method would take minutes."""
    localizer = small("ez_vsl")
    localizer.train()
    phase = localizer.phases(TRAIN)[0]
    traced = torch.compile(phase.objective, backend="aot_eager")
    with without_trace(localizer):
        plain = phase.objective(batch)
    with without_trace(localizer):
        quick = traced(batch)
        sum(quick.values()).backward()
    assert all(torch.allclose(quick[name], plain[name], rtol=1e-4) for name in plain)


def test_which_parameters_a_phase_reaches_is_found_in_its_graph(batch):
    localizer = small("dsol")
    localizer.train()
    reached = reached_by(localizer.loss(batch).values())
    left_out = [name for name, one in localizer.named_parameters() if id(one) not in reached]
    heads = ("streams.frame_head", "streams.sound_head")
    assert left_out == [f"{head}.{part}" for head in heads for part in ("weight", "bias")]
    assert Objectives(localizer, TRAIN)._leaves_parts_out(localizer.phases(TRAIN)[0], batch)
    whole = small("ez_vsl")
    assert not Objectives(whole, TRAIN)._leaves_parts_out(whole.phases(TRAIN)[0], batch)
