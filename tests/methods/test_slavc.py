"""SLAVC: its scores by hand, what follows what, and the authors' checkpoint."""

import math

import pytest
import torch
from torch.nn import functional as F

import avloc
from avloc.data.loader import Batch
from avloc.errors import AvlocError
from avloc.methods.base import Train
from avloc.methods.slavc import NAMES, Slavc
from avloc.nn.encoders import Backbone
from avloc.nn.momentum import follow
from tests.methods.published_states import filled, resnet_state

SMALL = Backbone((4, 8), (1, 1), (1, 2))


def small(**options) -> Slavc:
    torch.manual_seed(0)
    return Slavc(visual=SMALL, audio=SMALL, dim=6, **{"tau": 0.1, "frame_dropout": 0.5} | options)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        frame=torch.randn(4, 3, 48, 48, generator=generator), sound=torch.randn(4, 1, 64, 40, generator=generator)
    )


def with_products(products: list) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames (1, sounds, 1, cells) and sounds (sounds, sounds) whose inner products are `products`[sound][cell]."""
    table = torch.tensor(products, dtype=torch.float64)
    return table[None, :, None, :], torch.eye(len(table), dtype=torch.float64)


@pytest.mark.parametrize(
    ("which", "where", "expected"),
    [
        ([[1], [0]], [[0], [0]], [-0.313262, -1.313262]),  # one cell: a softmax over the sounds
        ([[1, 0], [0, 1]], [[1, 0], [0, 1]], [math.log(0.606776)] * 2),
        ([[1, 0], [0, 1]], [[2, 0], [0, 0]], [-0.391602, -0.693147]),
    ],
)
def test_scores_are_those_worked_out_by_hand(which, where, expected):
    frames, sounds = zip(with_products(which), with_products(where), strict=True)
    found = small(tau=1.0).scores(frames, sounds)
    assert found[0].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("which", "where", "target", "expected"),
    [
        ([[1], [0]], [[0], [0]], 0, 0.313262),
        ([[1, 0], [0, 1]], [[1, 0], [0, 1]], 0, math.log(2)),  # of probabilities 0.606776 both, 1.213552 together
        ([[1, 0], [0, 1]], [[2, 0], [0, 0]], 0, 0.553698),
        ([[1, 0], [0, 1]], [[2, 0], [0, 0]], 1, 0.855243),
    ],
)
def test_the_cross_entropy_normalises_scores_that_do_not_sum_to_one(which, where, target, expected):
    frames, sounds = zip(with_products(which), with_products(where), strict=True)
    scores = small(tau=1.0).scores(frames, sounds)
    assert F.cross_entropy(scores, torch.tensor([target])).item() == pytest.approx(expected, abs=1e-5)


def test_scores_stay_finite_where_the_product_of_probabilities_underflows():
    products = [[-66.0, 0.0], [0.0, -66.0]]  # each sound is unlike the place that could show it
    frames, sounds = (part.float() for part in with_products(products))
    where = torch.tensor([[[[-66.0, 66.0]], [[66.0, -66.0]]]])
    found = small(tau=1.0).scores((frames, where), (sounds, torch.eye(2)))
    assert found.isfinite().all()
    low = small(tau=1.0).scores((torch.tensor([[[[-66.0]], [[0.0]]]]), torch.zeros(1, 2, 1, 1)), (torch.eye(2),) * 2)
    assert low[0].tolist() == pytest.approx([-66.0, 0.0])
    which = torch.tensor([[[[-66.0, -1000.0]], [[0.0, 0.0]]]])  # in the only place that matters, which is unlikely too
    far = small(tau=1.0).scores((which, torch.tensor([[[[-66.0, 0.0]]]])), (torch.eye(2), torch.ones(2, 1)))
    assert far[0, 0].item() == pytest.approx(-132.0) and math.exp(-132) < torch.finfo(torch.float32).tiny


def test_clips_that_are_all_alike_have_a_loss_of_two_logarithms():
    clip = Batch(frame=torch.ones(4, 3, 48, 48), sound=torch.ones(4, 1, 64, 40))
    terms = small(frame_dropout=0.0).eval().loss(clip)
    assert sum(term.item() for term in terms.values()) == pytest.approx(2 * math.log(4), rel=1e-5)


def test_the_copy_follows_by_its_momentum():
    slow, fast = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(slow.weight, 1.0)
    torch.nn.init.constant_(fast.weight, 2.0)
    found = []
    for _ in range(2):
        follow(slow, fast, 0.999)
        found.append(slow.weight.item())
    assert found == pytest.approx([1.001, 1.001999], abs=1e-6)


def test_only_a_training_batch_moves_the_copy_and_only_its_own_statistics(batch):
    method = small()
    start = {name: value.clone() for name, value in method.state_dict().items()}
    method.eval().loss(batch)
    method.locate(batch)
    assert all(torch.equal(value, start[name]) for name, value in method.state_dict().items())
    method.train().loss(batch)
    for name, value in method.slow.named_parameters():
        torch.testing.assert_close(value, start[f"slow.{name}"])  # equal weights: following changes nothing yet
    assert not torch.equal(method.slow.visual.bn1.running_mean, start["slow.visual.bn1.running_mean"])
    with torch.no_grad():
        method.online.visual.conv1.weight.add_(1.0)
    method.loss(batch)
    torch.testing.assert_close(
        method.slow.visual.conv1.weight, start["slow.visual.conv1.weight"] + 0.001, rtol=0, atol=1e-6
    )


def test_gradients_reach_each_side_through_its_own_term_and_never_the_copy(batch):
    method = small(frame_dropout=0.0).train()
    for term, reached, unreached in (
        ("frames", method.online.frame_projections, method.online.sound_projections),
        ("sounds", method.online.sound_projections, method.online.frame_projections),
    ):
        method.zero_grad(set_to_none=True)
        method.loss(batch)[term].backward()
        assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in reached.parameters())
        assert all(value.grad is None for value in unreached.parameters())
        assert all(value.grad is None for value in method.slow.parameters())


def test_both_directions_pick_a_sound_unless_frames_are_asked_for(batch):
    published, ours = small(frame_dropout=0.0).eval(), small(frame_dropout=0.0, over="frames").eval()
    with torch.no_grad():
        frames, sounds = (
            published.online.see(batch.frame, torch.nn.Identity()),
            published.online.hear(batch.sound, torch.nn.Identity()),
        )
        which = torch.einsum("nchw,mc->nmhw", frames[0], sounds[0]).flatten(2) / 0.1
        where = (torch.einsum("nchw,mc->nmhw", frames[1], sounds[1]).flatten(2) / 0.1).softmax(2)
        own = torch.arange(4)
        over_sounds = F.cross_entropy((which.softmax(1) * where).sum(2).log(), own)
        over_frames = F.cross_entropy((which.softmax(0) * where).sum(2).log().T, own)
        assert published.loss(batch)["sounds"].item() == pytest.approx(over_sounds.item(), rel=1e-5)
        assert ours.loss(batch)["sounds"].item() == pytest.approx(over_frames.item(), rel=1e-5)
        assert published.loss(batch)["frames"].item() == ours.loss(batch)["frames"].item()


def test_the_map_is_the_mean_of_both_cosines_over_tau(batch):
    method = small(tau=0.03).eval()
    with torch.no_grad():
        frames, sounds = (
            method.online.see(batch.frame, torch.nn.Identity()),
            method.online.hear(batch.sound, torch.nn.Identity()),
        )
        one, two = (torch.einsum("bchw,bc->bhw", frame, sound) for frame, sound in zip(frames, sounds, strict=True))
        maps = method.locate(batch)
    torch.testing.assert_close(maps[:, 0], (one + two) / 2 / 0.03)
    assert maps.abs().max() <= 1 / 0.03


class Told(Slavc):
    """Cosines of 0.5 and 0.1 between frame and sound in the two projections, and objects of 1.0, everywhere."""

    cosines = (0.5, 0.1)

    def _seen_and_heard(self, streams, batch):
        frames = [torch.tensor([cosine, (1 - cosine**2) ** 0.5]).reshape(1, 2, 1, 1) for cosine in self.cosines]
        return tuple(frames), (torch.tensor([[1.0, 0.0]]),) * 2


def test_the_map_and_the_guided_map_have_the_values_worked_out_by_hand():
    batch = Batch(frame=torch.ones(1, 3, 8, 8), sound=torch.ones(1, 1, 8, 8))
    method = Told(visual=SMALL, audio=SMALL, dim=2)
    assert method.locate(batch).item() == pytest.approx(10, abs=1e-5)
    method.cosines, method.objects = (
        (0.2, 0.2),
        torch.nn.Identity(),
    )  # 0.6 of the map's range, 0.4 of that of the objects
    assert method.locate(batch).item() == pytest.approx(2 / 0.03 * (0.9 * 0.6 + 0.1 * 0.4) - 1 / 0.03, abs=1e-4)
    assert method.locate(batch).item() == pytest.approx(5.3333, abs=1e-4)


def test_dropout_keeps_a_tenth_of_the_features_ten_times_as_large_and_is_shared_by_both_projections():
    dropped = Slavc(visual=SMALL, audio=SMALL).train().frame_dropout(torch.ones(100_000))
    assert dropped.unique().tolist() == pytest.approx([0, 10]) and (dropped > 0).float().mean() == pytest.approx(
        0.1, abs=0.01
    )
    plain = small(frame_dropout=0.0)
    assert torch.equal(plain.train().frame_dropout(torch.ones(9)), torch.ones(9))


def test_maps_may_be_those_of_the_copy(batch):
    online, copy = small().eval(), small(maps="momentum").eval()
    with torch.no_grad():
        torch.testing.assert_close(online.locate(batch), copy.locate(batch))
        copy.online.visual.conv1.weight.zero_()
        torch.testing.assert_close(online.locate(batch), copy.locate(batch))


def test_guidance_adds_both_maps_on_their_fixed_scales(batch):
    plain, method = small(tau=0.03).eval(), small(tau=0.03, objects=SMALL, alpha=0.9).eval()
    method.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        heard, objects = plain.locate(batch), method.objects(batch.frame).abs().mean(1, keepdim=True)
        expected = 0.9 * (heard + 1 / 0.03) / (2 / 0.03) + 0.1 * objects / 2.5
        torch.testing.assert_close(method.locate(batch), expected * 2 / 0.03 - 1 / 0.03, rtol=1e-4, atol=1e-4)
    assert not method.train().objects.training


def test_the_optimizer_leaves_the_copy_alone(batch):
    method = small(frame_momentum=1.0, sound_momentum=1.0).train()
    [phase] = method.phases(Train(lr=0.1, optimizer="adam"))
    before = method.slow.visual.conv1.weight.clone()
    torch.stack(list(method.loss(batch).values())).sum().backward()
    phase.optimizers[0].step()
    assert torch.equal(method.slow.visual.conv1.weight, before)


def published_state() -> dict[str, torch.Tensor]:
    state = {}
    for copy in ("", "momentum_"):
        state |= resnet_state(f"{copy}imgnet", 3) | resnet_state(f"{copy}audnet", 1)
        for number in (1, 2):
            for part, shape in (("img", (512, 512, 1, 1)), ("aud", (512, 512))):
                state[f"{copy}{part}_proj{number}.weight"] = filled(shape, len(state))
                state[f"{copy}{part}_proj{number}.bias"] = filled((512,), len(state))
    return state


def test_the_authors_checkpoint_fills_the_model_and_its_copy(tmp_path):
    state = published_state()
    assert len(state) == 496
    torch.save(
        {"model": {f"module.{name}": value for name, value in state.items()}, "epoch": 20}, tmp_path / "latest.pth"
    )
    one = avloc.import_weights("slavc", 1, tmp_path / "latest.pth")
    ours = one.state_dict()
    for theirs, name in NAMES.items():
        entry = next(key for key in state if key.startswith(theirs))
        torch.testing.assert_close(ours[name + entry.removeprefix(theirs)], state[entry])
    assert sum(value.numel() for value in one.parameters()) == 46_794_752
    assert sum(value.numel() for value in one.parameters() if value.requires_grad) == 23_397_376
    assert sum(not value.requires_grad for value in one.parameters()) == 128


def test_a_checkpoint_of_ez_vsl_is_refused_in_a_line(tmp_path):
    torch.save({"model": {"img_proj.weight": torch.zeros(2)}}, tmp_path / "other.pth")
    with pytest.raises(AvlocError, match=r"not a checkpoint of SLAVC: it has no img_proj1.weight"):
        avloc.import_weights("slavc", 1, tmp_path / "other.pth")
