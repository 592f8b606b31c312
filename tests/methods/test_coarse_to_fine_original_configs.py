"""The published configurations of coarse-to-fine's original version say what was published."""

import inspect
from pathlib import Path

import pytest

from avloc.data.views import FrameView, LogMel
from avloc.engine.experiment import Experiment, read_experiment
from avloc.engine.trainer import rate_factor
from avloc.methods.base import Phase
from avloc.methods.coarse_to_fine_original import StageOne
from avloc.nn.encoders import Backbone
from avloc.nn.mobile_crnn import MobileCrnn

LABELS = ("coarse_to_fine_original_flickr", "coarse_to_fine_original_ave")
AUDIOSET = "coarse_to_fine_original_audioset"


def experiment(name: str) -> Experiment:
    return read_experiment(Path(__file__).parents[2] / "configs" / f"{name}.yaml")


def rates(name: str, stage: int, steps: int = 200) -> list[tuple[int, float]]:
    """(published epoch, learning rate) wherever the rate changes, with so many steps an epoch."""
    train = experiment(name).stages[stage].train
    phase = Phase("train", lambda batch: {}, [], train.epochs)
    first = 0 if stage == 1 else 10
    found: list[tuple[int, float]] = []
    for step in range(steps * train.epochs):
        rate = train.lr * rate_factor(train, phase, step, steps * train.epochs)
        if not found or found[-1][1] != pytest.approx(rate):
            found.append((first + step // steps, rate))
    return found


@pytest.mark.parametrize("name", [*LABELS, AUDIOSET])
def test_the_path_of_the_learning_rate_is_the_published_one(name):
    """A tenth for a hundred steps of the first epoch, then 1e-3."""
    assert rates(name, 1) == [(0, pytest.approx(1e-4)), (0, pytest.approx(1e-3))]
    falls = [(40, 1e-4)] if name in LABELS else [(20, 1e-4), (40, 1e-5)]
    starts = [(10, 1e-3)] if name in LABELS else [(10, 1e-4), (10, 1e-3)]
    assert rates(name, 2) == [(epoch, pytest.approx(rate)) for epoch, rate in (*starts, *falls)]


@pytest.mark.parametrize("name", [*LABELS, AUDIOSET])
def test_batches_optimizers_and_epochs_are_the_published_ones(name):
    one, two = (experiment(name).stages[number].train for number in (1, 2))
    assert (one.epochs, two.epochs, one.batch_size, two.batch_size) == (10, 50, 32, 32)
    assert {one.optimizer, two.optimizer} == {"adam" if name in LABELS else "sgd"}
    assert one.weight_decay == two.weight_decay == 5e-4


@pytest.mark.parametrize("name", [*LABELS, AUDIOSET])
def test_networks_views_and_variants_are_the_published_ones(name):
    defaults = {key: parameter.default for key, parameter in inspect.signature(StageOne).parameters.items()}
    model = defaults | experiment(name).stages[1].model
    assert model["visual"] == Backbone(weights="imagenet") and model["audio"] == MobileCrnn(weights="mobilecrnn_v2.pth")
    assert model["frame"] == FrameView(size=256, resize=256, crop=False, augment=False)
    assert model["sound"] == LogMel(22050, 882, 441, 64, power=2.0, decibels=False, offset=2.220446e-16)
    assert (model["freeze_stem"], model["freeze_norms"], model["backbone_rate"]) == (True, True, 1.0)
    chosen = (model["variant"], model["classes"], model["frames"], model["mix"])
    assert chosen == (("labels", 7, 1, 2) if name in LABELS else ("tags", 15, 4, 1))
    assert (model["priors"] is not None) == (name in LABELS)
