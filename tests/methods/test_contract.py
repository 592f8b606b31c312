"""What every method in avloc/methods promises: small ones train a step, locate, and follow a plan."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

import avloc
from avloc.data.loader import Batch, Loader
from avloc.engine.experiment import load_method, method_names
from avloc.methods.base import Localizer, Phase, Train
from avloc.nn.encoders import Backbone
from avloc.nn.mobile_crnn import MobileCrnn
from avloc.nn.vgg import Vgg
from avloc.nn.vggish import Vggish
from tests.engine.tiny import RATE, make_tiny_store

SMALL = Backbone(widths=(8, 16), blocks=(1, 1), strides=(1, 2))
STAGES = [  # methods without training have promises of their own, in their tests
    (name, number)
    for name in method_names()
    for number, kind in enumerate(load_method(name).STAGES, start=1)
    if kind.needs_training
]
by_stage = pytest.mark.parametrize(
    ("name", "number"), STAGES, ids=[f"{name} stage {number}" for name, number in STAGES]
)


def small(kind: type[Localizer]) -> Localizer:
    """Defaults but for what makes a method quick: narrow encoders, small frames, the store's rate."""
    torch.manual_seed(0)
    parameters = inspect.signature(kind).parameters
    options = {}
    for name, parameter in parameters.items():
        if isinstance(parameter.default, Backbone):
            options[name] = SMALL
        if isinstance(parameter.default, Vgg | Vggish):
            options[name] = replace(parameter.default, widths=(8, 16), blocks=(1, 1))
        if isinstance(parameter.default, MobileCrnn):
            options[name] = replace(parameter.default, widths=(4, 8, 8, 16), expand=2, hidden=8)
    if "frame" in parameters and parameters["frame"].default is not None:
        # predictive coding wants a grid of 6, 10, 14 ... places
        size = 12 if "pcm_cycles" in parameters else 32
        options["frame"] = avloc.FrameView(size=size, resize=size + 4)
    if "sound" in parameters and isinstance(parameters["sound"].default, avloc.LogMel):
        crnn = any(isinstance(value, MobileCrnn) for value in options.values())  # which halves the bands five times
        options["sound"] = avloc.LogMel(rate=RATE, n_fft=128, hop=80, mels=64 if crnn else 16)
    for name in ("clusters", "classes"):
        if name in parameters:
            options[name] = 3
    if "sound_cut" in parameters:
        options["sound_cut"] = 0.0  # the probabilities of a network that learnt nothing have small gradients
    return kind(**options)


def stage(name: str, number: int) -> Localizer:
    stages = load_method(name).STAGES
    first = small(stages[0])
    if number == 1:
        return first
    second = small(stages[1])
    channels = first.streams.visual.channels if hasattr(first, "streams") else 16
    second.start_from(first, np.random.default_rng(0).random((3, channels)).astype(np.float32))
    return second


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> avloc.Store:
    return avloc.Store.open(make_tiny_store(tmp_path_factory.mktemp("contract") / "store")).split("train")


def batch_of(store: avloc.Store, localizer: Localizer) -> Batch:
    return next(Loader(store, localizer, torch.device("cpu")).training(5, 0, 0))


def test_methods_without_training_have_nothing_to_train():
    untrained = [kind for name in method_names() for kind in load_method(name).STAGES if not kind.needs_training]
    assert untrained and all("loss" not in vars(kind) and "phases" not in vars(kind) for kind in untrained)
    assert all("locate" in vars(kind) and "20" in (kind.__doc__ or "") for kind in untrained)


def test_there_are_methods():
    assert "dsol" in method_names()
    assert all(issubclass(kind, Localizer) for name in method_names() for kind in load_method(name).STAGES)


@by_stage
def test_its_loss_is_finite_and_reaches_its_parameters(name, number, store):
    localizer = stage(name, number).train()
    terms = localizer.loss(batch_of(store, localizer))
    assert terms and all(
        isinstance(key, str) and term.ndim == 0 and torch.isfinite(term) for key, term in terms.items()
    )
    torch.stack(list(terms.values())).sum().backward()
    reached = [parameter.grad for parameter in localizer.parameters() if parameter.grad is not None]
    assert reached and all(torch.isfinite(gradient).all() for gradient in reached)


@by_stage
def test_it_locates_with_a_map_for_each_clip(name, number, store):
    localizer = stage(name, number).eval()
    batch = batch_of(store, localizer)
    with torch.no_grad():
        maps, again = localizer.locate(batch), localizer.locate(batch)
        deaf = localizer.look(batch)
    assert maps.ndim == 4 and len(maps) == 5 and maps.shape[1] in (1, 3) and min(maps.shape[2:]) > 1
    assert maps.is_floating_point() and torch.isfinite(maps).all() and torch.equal(maps, again)
    assert deaf is None or deaf.shape == maps.shape
    one = Batch(**{key: None if value is None else value[:1] for key, value in vars(batch).items()})
    with torch.no_grad():
        torch.testing.assert_close(localizer.locate(one), maps[:1], rtol=1e-4, atol=1e-5)


@by_stage
def test_it_listens(name, number, store):
    localizer = stage(name, number).eval()
    batch = batch_of(store, localizer)
    with torch.no_grad():
        maps = localizer.locate(batch)
        batch.sound = batch.sound.flip(0)
        assert not torch.allclose(localizer.locate(batch), maps)


@by_stage
def test_its_plan_steps_its_own_parameters_for_the_epochs_asked_for(name, number):
    localizer = stage(name, number)
    plan = localizer.phases(Train(epochs=4))
    assert plan and all(isinstance(phase, Phase) and phase.epochs > 0 and phase.optimizers for phase in plan)
    own = {id(parameter) for parameter in localizer.parameters()}
    for phase in plan:
        stepped = [id(p) for optimizer in phase.optimizers for group in optimizer.param_groups for p in group["params"]]
        assert set(stepped) <= own and len(set(stepped)) == len(stepped)
    names = {phase.name for phase in plan}
    assert set(localizer.weights_from) & names, "locate is served by weights that a phase leaves behind"


@by_stage
def test_it_says_what_it_follows_and_takes_plain_arguments(name, number):
    kind = load_method(name).STAGES[number - 1]
    about = load_method(name).__doc__ or ""
    assert "20" in (kind.__doc__ or "") and ("@" in about or "commit" in about), (
        "paper with year, reference at a commit"
    )
    for parameter in inspect.signature(kind).parameters.values():
        assert parameter.default is not inspect.Parameter.empty and parameter.annotation is not inspect.Parameter.empty


@by_stage
def test_its_weights_survive_a_file(name, number, store, tmp_path):
    from avloc.engine.checkpoints import load_weights, save_weights

    localizer, other = stage(name, number).eval(), stage(name, number).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.1)
    localizer.memory["labels"] = torch.arange(4)
    save_weights(localizer, tmp_path / "w.safetensors", method=name, stage=number)
    load_weights(other, tmp_path / "w.safetensors", name, number)
    batch = batch_of(store, localizer)
    with torch.no_grad():
        assert torch.equal(localizer.locate(batch), other.locate(batch))
    assert torch.equal(other.memory["labels"], torch.arange(4))


def test_an_outside_method_is_a_module_with_stages(tmp_path, monkeypatch, store):
    """One file and one YAML: the loop trains what avloc has never heard of."""
    from tests.engine.tiny import write_config

    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "brightest.py").write_text(
        '''
"""The brightest place, learned."""
import torch
from torch import nn
from avloc import FrameView, Localizer, LogMel


class Brightest(Localizer):
    frame = FrameView(size=32, resize=36)
    sound = LogMel(rate=4000, n_fft=128, hop=80, mels=16)

    def __init__(self, channels: int = 4):
        super().__init__()
        self.eye, self.ear = nn.Conv2d(3, channels, 8, 8), nn.Linear(16, channels)

    def locate(self, batch):
        return (self.eye(batch.frame) * self.ear(batch.sound.mean(2).squeeze(1))[:, :, None, None]).sum(1, keepdim=True)

    def loss(self, batch):
        return {"quiet": self.locate(batch).square().mean()}


STAGES = (Brightest,)
'''
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = {
        "method": "outside.brightest",
        "stage1": {
            "data": {"store": str(store.path), "train": "train", "validation": "validation"},
            "model": {"channels": 2},
            "train": {"epochs": 3, "batch_size": 6, "lr": 1e-2, "device": "cpu"},
        },
        "evaluate": {"solo": {"store": str(store.path), "split": "test", "protocol": "dsol-solo"}},
    }
    run = tmp_path / "run"
    trained = avloc.train_stage1(write_config(tmp_path / "c.yaml", config), run)
    assert set(trained.weights) == {"train"} and trained.epochs == 3
    evaluated = avloc.evaluate(run=run, resamples=20)
    assert (
        "wrong sound" in evaluated.sets["solo"].comparisons
        and "without sound" not in evaluated.sets["solo"].comparisons
    )
