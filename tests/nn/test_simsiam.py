import pytest
import torch

from avloc.methods.sspl.published import NAMES
from avloc.nn.simsiam import SimSiamHead, negative_cosine
from tests.methods import plain_sspl
from tests.methods.published_states import renamed

OURS = {theirs: ours.removeprefix("head.") for theirs, ours in NAMES.items() if theirs.startswith("head.")}


def test_the_loss_of_the_worked_example():
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    z1, z2 = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    assert negative_cosine((one, other), (z1, z2)).item() == pytest.approx(-0.85355, abs=1e-5)


def test_the_loss_is_a_mean_over_clips_and_lies_between_its_bounds():
    same = torch.eye(3)
    assert negative_cosine((same, same), (same, same)).item() == pytest.approx(-1)
    assert negative_cosine((same, same), (-same, -same)).item() == pytest.approx(1)
    half = torch.cat([same, same]), torch.cat([same, same])
    assert negative_cosine(half, (torch.cat([same, -same]),) * 2).item() == pytest.approx(0)


@pytest.mark.parametrize("training", [False, True])
def test_projection_and_prediction_are_the_published_ones(training):
    torch.manual_seed(0)
    head = SimSiamHead(3, 7, 5).double().train(training)
    views = torch.randn(6, 3, dtype=torch.double)
    expected = plain_sspl.head(renamed(head, OURS), views, training)
    with torch.no_grad():
        prediction, projection = head(views)
    torch.testing.assert_close((projection, prediction), expected)


def test_targets_are_constants_and_predictions_are_not():
    prediction, projection = SimSiamHead(3, 7, 5)(torch.randn(4, 3, requires_grad=True))
    assert prediction.requires_grad and not projection.requires_grad


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        head = SimSiamHead()
    shapes = {name: tuple(value.shape) for name, value in renamed(head, OURS).items() if value.ndim > 1}
    assert shapes == {
        "head.projector.layer1.0.weight": (2048, 512),
        "head.projector.layer2.0.weight": (2048, 2048),
        "head.projector.layer3.0.weight": (2048, 2048),
        "head.predictor.layer1.0.weight": (512, 2048),
        "head.predictor.layer2.weight": (2048, 512),
    }
    assert sum(parameter.numel() for parameter in head.parameters()) == 11_545_600
    assert "head.projector.layer3.1.weight" not in renamed(head, OURS)
