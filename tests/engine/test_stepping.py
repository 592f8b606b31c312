import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from avloc.engine import stepping
from avloc.engine.shipped import configs_folder
from avloc.engine.stepping import Average, Steps, autocast, number_type
from avloc.errors import AvlocError
from avloc.methods.base import Train

CPU = torch.device("cpu")
TRAIN = Train(lr=0.1, weight_decay=0.0, optimizer="sgd")


def trained(train: Train, batches: torch.Tensor) -> torch.Tensor:
    """The weights of a linear model after an epoch over (n, B, 3), the mean of whose outputs is minimised."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = train.make_optimizer(model.parameters())
    steps = Steps(train, CPU)
    for number, batch in enumerate(batches):
        if steps.backward(model(batch).square().mean(), [optimizer], number, len(batches)):
            steps.step([optimizer], 1.0)
    return model.weight.detach()


def test_batches_that_are_accumulated_are_one_larger_batch():
    batches = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1))
    together = trained(TRAIN, batches.reshape(3, 8, 3))
    torch.testing.assert_close(trained(replace(TRAIN, accumulate=2), batches), together)
    assert not torch.allclose(trained(TRAIN, batches), together)


def test_the_last_batches_make_a_step_of_their_own_size():
    batches = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(1))
    apart = torch.manual_seed(0) and nn.Linear(3, 1)
    optimizer, steps = TRAIN.make_optimizer(apart.parameters()), Steps(TRAIN, CPU)
    for number, part in enumerate((batches[:3].flatten(0, 1), batches[3:].flatten(0, 1))):
        assert steps.backward(apart(part).square().mean(), [optimizer], number, 2)
        steps.step([optimizer], 1.0)
    torch.testing.assert_close(trained(replace(TRAIN, accumulate=3), batches), apart.weight.detach())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_fused_optimizer_makes_the_same_steps_but_for_rounding(optimizer):
    batches = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1))
    train = replace(TRAIN, optimizer=optimizer, weight_decay=0.1)
    torch.testing.assert_close(trained(replace(train, fused=True), batches), trained(train, batches))
    assert train.make_optimizer([nn.Parameter(torch.ones(1))]).defaults["fused"] is None


def test_a_gradient_that_is_too_long_is_cut_and_a_short_one_left():
    for scale, cut in ((100.0, True), (0.01, False)):
        weight = nn.Parameter(torch.tensor([3.0, 4.0]))
        optimizer = torch.optim.SGD([weight], lr=1.0)
        steps = Steps(replace(TRAIN, clip_grad=1.0), CPU)
        assert steps.backward((weight * weight.detach()).sum() * scale, [optimizer], 0, 1)
        steps.step([optimizer], 1.0)
        moved = torch.tensor([3.0, 4.0]) - weight.detach()
        torch.testing.assert_close(moved, torch.tensor([0.6, 0.8]) if cut else scale * torch.tensor([3.0, 4.0]))


def test_the_average_of_weights_follows_them_and_is_only_shown():
    model, average = nn.BatchNorm1d(2), Average(0.75)
    with average.shown(model):
        assert model.weight[0] == 1
    for value in (1.0, 2.0, 4.0):
        nn.init.constant_(model.weight, value)
        model.num_batches_tracked += 1
        average.add(model)
    expected = 0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 4
    with average.shown(model):
        assert model.weight[0].item() == pytest.approx(expected) and model.num_batches_tracked == 3
    assert model.weight[0] == 4
    none = Average(None)
    none.add(model)
    assert none.values is None


def test_auto_is_bf16_where_the_device_has_it(monkeypatch):
    for has, kind in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(stepping, "has_bf16", lambda device, has=has: has)
        assert number_type("auto", CPU) == kind
        assert autocast(replace(TRAIN, precision="auto"), CPU)._enabled == has
    assert isinstance(stepping.has_bf16(CPU), bool)


@pytest.mark.parametrize(
    ("precision", "has", "warned"), [("bf16", False, True), ("bf16", True, False), ("auto", False, False)]
)
def test_bf16_that_the_device_does_not_have_is_used_with_a_warning(precision, has, warned, monkeypatch, caplog):
    monkeypatch.setattr(stepping, "has_bf16", lambda device: has)
    Steps(replace(TRAIN, precision=precision), CPU)
    assert ("auto or fp32 is much faster" in caplog.text) == warned


def test_no_shipped_configuration_requires_bf16():
    for path in sorted(configs_folder().glob("*.yaml")):
        assert not re.search(r"precision: *bf16", path.read_text("utf-8")), path


def test_fp16_on_a_processor_is_refused_with_what_to_set():
    with pytest.raises(AvlocError, match="fp16, which needs a GPU, and the device is cpu; set auto, bf16 or fp32"):
        number_type("fp16", CPU)
