import pytest
import torch

from avloc.errors import AvlocError
from avloc.methods.sspl.published import NAMES
from avloc.nn.pcm import PredictiveCoding
from tests.methods import plain_sspl
from tests.methods.published_states import renamed

GENERATOR = torch.Generator().manual_seed(3)
OURS = {theirs: ours.removeprefix("pcm.") for theirs, ours in NAMES.items() if theirs.startswith("pcm.")}


def module(cycles: int = 2, channels: int = 5, sound: int = 4) -> PredictiveCoding:
    """In double precision, with rates of either sign and norms that do something."""
    made = PredictiveCoding(channels, sound, cycles).double()
    with torch.no_grad():
        for name, value in made.state_dict().items():
            if "rates" in name or ("ed." in name and not name.endswith(("running_var", "num_batches_tracked"))):
                value.add_(0.7 * torch.randn(value.shape, generator=GENERATOR, dtype=torch.double))
    return made


def inputs(batch: int = 3, side: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    frame = torch.randn(batch, 5, side, side, generator=GENERATOR, dtype=torch.double)
    return frame, torch.rand(batch, 4, generator=GENERATOR, dtype=torch.double)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("side", [6, 14])
def test_the_recurrence_is_the_published_one(training, side):
    made = module().train(training)
    frame, sound = inputs(side=side)
    expected = plain_sspl.pcm(renamed(made, OURS), frame, sound, 2, training)
    with torch.no_grad():
        found = made.steps(frame, sound)
        assert len(found) == 3
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(made(frame, sound), expected[-1])


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        made = PredictiveCoding()
    shapes = {name: tuple(value.shape) for name, value in renamed(made, OURS).items()}
    square, norms = (512, 512, 3, 3), ("weight", "bias", "running_mean", "running_var")
    expected = {
        "pcm.PredProcess.0.weight": (128, 512, 1, 1), "pcm.PredProcess.0.bias": (128,),
        "pcm.PredProcess.1.conv2d.weight": square, "pcm.PredProcess.2.conv2d.weight": square,
        "pcm.ErrorProcess.0.weight": (128, 512, 1, 1), "pcm.ErrorProcess.1.weight": square,
        "pcm.ErrorProcess.2.convtrans2d.weight": square, "pcm.ErrorProcess.3.weight": (512, 512, 1, 1),
        "pcm.ErrorProcess.3.bias": (512,),
    }  # fmt: skip
    expected |= {f"pcm.{rate}.{n}": (1, 512, 1, 1) for rate in ("a0", "b0") for n in range(3)}
    for group, count in (("BNPred", 2), ("BNError", 3), ("BNPred_step", 8), ("BNError_step", 12)):
        expected |= {f"pcm.{group}.{n}.{part}": (512,) for n in range(count) for part in norms}
        expected |= {f"pcm.{group}.{n}.num_batches_tracked": () for n in range(count)}
    assert shapes == expected
    assert sum(parameter.numel() for parameter in made.parameters()) == 9_859_712


def test_rates_start_as_published_and_are_six():
    made = PredictiveCoding(5, 4)
    assert all((rate == 0.5).all() for rate in made.feedback_rates)
    assert all((rate == 1).all() for rate in made.error_rates)
    assert len(made.rates()) == 6


def test_gradients_flow_through_all_cycles_to_frame_sound_and_rates():
    made = module(cycles=4).train()
    frame, sound = (part.requires_grad_() for part in inputs())
    made(frame, sound).square().sum().backward()
    for part in (frame, sound, *made.parameters()):
        assert part.grad is not None and torch.isfinite(part.grad).all()
    assert frame.grad.abs().sum() > 0 and sound.grad.abs().sum() > 0


def test_one_clip_alone_gives_what_it_gives_among_others():
    made = module().eval()
    frame, sound = inputs()
    with torch.no_grad():
        torch.testing.assert_close(made(frame[:1], sound[:1]), made(frame, sound)[:1])


@pytest.mark.parametrize("side", [2, 7, 8, 16, 20])
def test_grids_that_do_not_come_back_are_refused_in_a_line(side):
    with pytest.raises(AvlocError, match=rf"^the frame encoder gives {side}x{side} positions; [^\n]*6, 10, 14[^\n]*$"):
        module()(*inputs(side=side))
