"""SSPL against its published formulas: what it computes, what it trains, what it refuses."""

import logging

import pytest
import torch
from torch import Tensor

from avloc.data.loader import Batch
from avloc.data.views import FrameView, VggishPatches
from avloc.errors import AvlocError
from avloc.methods.base import Train
from avloc.methods.sspl import Sspl
from avloc.methods.sspl.published import NAMES
from avloc.nn.similarity import attended
from avloc.nn.vgg import Vgg
from avloc.nn.vggish import Vggish
from tests.methods import plain_sspl

VISUAL, AUDIO = Vgg(widths=(4, 6), blocks=(1, 2)), Vggish(widths=(2, 3), blocks=(1, 1), hidden=7, dim=5)
POOLS = {"frame": (2,), "sound": (2, 5)}
B = 4


def small(**options) -> Sspl:
    torch.manual_seed(0)
    sizes = {"visual": VISUAL, "audio": AUDIO, "pcm_cycles": 2, "head_width": 8, "head_bottleneck": 3}
    return Sspl(**{**sizes, **options}).double()


def published(one: Sspl) -> dict[str, Tensor]:
    """Its state under the authors' names."""
    state = {}
    for name, value in one.state_dict().items():
        theirs, ours = next(pair for pair in NAMES.items() if name.startswith(pair[1]))
        state[theirs + name.removeprefix(ours)] = value
    return state


def expected(one: Sspl, batch: Batch, view: Tensor, training: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Of one view the map, z and p."""
    state = published(one)
    features = plain_sspl.frame_features(state, view, POOLS["frame"])
    sound, query = plain_sspl.sound_features(state, batch.sound, POOLS["sound"])
    if one.pcm is not None:
        features = plain_sspl.pcm(state, features, sound, one.pcm.cycles, training)[-1]
    maps = plain_sspl.similarity(features, query)
    return maps, *plain_sspl.head(state, plain_sspl.pooled(features, maps), training)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)

    def frames() -> Tensor:
        return torch.randn(B, 3, 12, 12, generator=generator, dtype=torch.double)

    sound = torch.randn(B, 3, 1, 96, 64, generator=generator, dtype=torch.double)
    return Batch(frames(), sound, view2=frames(), video=torch.tensor([0, 0, 1, 2]))


def part_of(batch: Batch, rows: slice) -> Batch:
    return Batch(**{name: None if value is None else value[rows] for name, value in vars(batch).items()})


variants = pytest.mark.parametrize("cycles", [0, 2], ids=["without PCM", "with PCM"])


# what it computes


@variants
@pytest.mark.parametrize("training", [False, True])
def test_the_loss_is_the_published_one(batch, cycles, training):
    one = small(pcm_cycles=cycles).train(training)
    (_, z1, p1), (_, z2, p2) = (expected(one, batch, view, training) for view in (batch.frame, batch.view2))
    found = one.loss(batch)
    assert set(found) == {"prediction"} and -1 <= found["prediction"].item() <= 1
    torch.testing.assert_close(found["prediction"], plain_sspl.loss(p1, p2, z1, z2), check_dtype=False)


@variants
def test_the_map_is_the_cosine_of_what_is_seen_with_what_is_heard(batch, cycles):
    one = small(pcm_cycles=cycles).eval()
    maps = one.locate(batch)
    assert maps.shape == (B, 1, 6, 6) and maps.min() >= -1 and maps.max() <= 1
    torch.testing.assert_close(maps[:, 0], expected(one, batch, batch.frame, False)[0])


def test_attention_weighs_places_from_none_to_whole():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]]])
    maps = torch.tensor([[[[-1.0, 0.0], [0.5, 1.0]]]])  # scaled: 0, 1/2, 3/4, 1
    torch.testing.assert_close(attended(features, maps), torch.tensor([[7.25, 72.5]]))
    torch.testing.assert_close(attended(features, torch.full((1, 1, 2, 2), 0.3)), torch.zeros(1, 2))


def test_of_equally_similar_places_one_alone_gets_the_gradient():
    maps = torch.tensor([[[[0.0, 1.0], [1.0, 0.5]]]], requires_grad=True)
    attended(torch.ones(1, 1, 2, 2), maps).sum().backward()
    one, other = maps.grad[0, 0, 0, 1], maps.grad[0, 0, 1, 0]  # type: ignore[index]
    assert one != other


def test_maps_over_the_cycles_end_with_the_one_that_locates(batch):
    one = small(pcm_cycles=3).eval()
    maps = one.cycles(batch)
    assert maps.shape == (4, B, 1, 6, 6)
    torch.testing.assert_close(maps[-1], one.locate(batch))
    assert not torch.allclose(maps[0], maps[-1])
    assert small(pcm_cycles=0).eval().cycles(batch).shape == (1, B, 1, 6, 6)


@variants
def test_one_clip_alone_is_located_as_among_others_and_has_a_loss_in_evaluation(batch, cycles):
    one = small(pcm_cycles=cycles).eval()
    alone = part_of(batch, slice(1))
    torch.testing.assert_close(one.locate(alone), one.locate(batch)[:1])
    assert torch.isfinite(one.loss(alone)["prediction"])


def test_a_training_step_of_one_clip_is_refused_in_a_line(batch):
    with pytest.raises(AvlocError, match=r"^a step of SSPL has 1 clip; [^\n]*increase train.batch_size$"):
        small().train().loss(part_of(batch, slice(1)))


def test_the_published_networks_have_the_published_sizes():
    with torch.device("meta"):
        one = Sspl()
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in one.named_children()}
    assert count["visual"] == 14_714_688 and count["pcm"] == 9_859_712 and count["head"] == 11_545_600
    assert count["query"] == 328_704 and count["audio"] + count["query"] == 72_469_888


def test_the_defaults_see_and_hear_as_published():
    one = small()
    assert one.frame == FrameView(
        size=224, resize=246, flip=0.5, brightness=0.0, colour=0.0, interpolation="bicubic",
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    )  # fmt: skip
    assert one.sound == VggishPatches(rate=16000, seconds=3.0, stretch=True, shift=0.0, gain=0.0)
    assert one.sound(torch.zeros(2, 48000)).shape == (2, 3, 1, 96, 64)


# what it trains


def groups(one: Sspl, **train) -> list[dict]:
    (optimizer,) = one.phases(Train(epochs=2, optimizer="adamw", **train))[-1].optimizers
    return optimizer.param_groups


def names_of(one: Sspl, group: dict) -> set[str]:
    found = {id(parameter): name for name, parameter in one.named_parameters()}
    return {found[id(parameter)] for parameter in group["params"]}


def test_with_predictive_coding_there_are_four_groups_and_its_rates_do_not_decay():
    one = small(pcm_lr=2e-5, head_lr=5e-5)
    found = groups(one, lr=3e-5, weight_decay=1e-4)
    assert [(group["lr"], group["weight_decay"]) for group in found] == [
        (3e-5, 1e-4),
        (2e-5, 1e-4),
        (2e-5, 0),
        (5e-5, 1e-4),
    ]
    assert all(group["betas"] == (0.9, 0.999) and group["eps"] == 1e-8 for group in found)
    rates = {f"pcm.{kind}_rates.{n}" for kind in ("feedback", "error") for n in range(3)}
    assert names_of(one, found[0]) == {"query.0.weight", "query.0.bias", "query.2.weight", "query.2.bias"}
    assert names_of(one, found[2]) == rates and names_of(one, found[1]).isdisjoint(rates)
    assert {name.split(".")[0] for name in names_of(one, found[1])} == {"pcm"}
    assert {name.split(".")[0] for name in names_of(one, found[3])} == {"head"}
    together = set.union(*(names_of(one, group) for group in found))
    trained = {name for name, _ in one.named_parameters() if not name.startswith(("visual.", "audio."))}
    assert together == trained


def test_without_predictive_coding_there_are_two_groups():
    found = groups(small(pcm_cycles=0, head_lr=2e-3), lr=5e-4)
    assert [group["lr"] for group in found] == [5e-4, 2e-3]


@variants
def test_every_group_learns_from_the_loss_and_the_encoders_do_not(batch, cycles):
    one = small(pcm_cycles=cycles, warm_up=1).train()  # whose encoders could learn
    one.loss(batch)["prediction"].backward()
    assert all(parameter.grad is None for part in (one.visual, one.audio) for parameter in part.parameters())
    learning = [one.query, one.head, *([one.pcm] if one.pcm else [])]
    reached = [parameter.grad for part in learning for parameter in part.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in reached)
    assert sum(gradient.abs().sum() for gradient in reached) > 0


def test_each_view_passes_the_norms_by_itself_and_the_encoders_norms_stand_still(batch):
    one = small(visual=Vgg((4, 6), (1, 2), norms=True), audio=Vggish((2, 3), (1, 1), 7, 5, norms=True)).train()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    one.loss(batch)
    after = one.state_dict()
    assert after["head.projector.1.num_batches_tracked"] == after["pcm.corrected.0.num_batches_tracked"] == 2
    assert all(
        torch.equal(value, after[name]) for name, value in before.items() if name.startswith(("visual", "audio"))
    )
    assert one.visual.training and one.audio.training


def test_the_loss_falls_on_a_few_clips(batch):
    one = small(head_lr=2e-2, pcm_lr=2e-2).train()
    (phase,) = one.phases(Train(epochs=1, lr=2e-2, optimizer="adamw"))
    losses = []
    for _ in range(60):
        loss = one.loss(batch)["prediction"]
        phase.optimizers[0].zero_grad()
        loss.backward()
        phase.optimizers[0].step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < sum(losses[:10]) / 10 - 0.1


# how encoders learn where none are to be had


def test_the_plan_warms_up_what_is_asked_for_then_trains():
    def plan(**options) -> list[tuple[str, int]]:
        return [(phase.name, phase.epochs) for phase in small(**options).phases(Train(epochs=3))]

    assert plan() == [("train", 3)]
    assert plan(warm_up=2) == [("warm_up", 2), ("train", 3)]
    assert plan(warm_up=2, warm_up_pcm=4) == [("warm_up", 2), ("warm_up_pcm", 4), ("train", 3)]
    assert [phase.name for phase in small(warm_up=2).phases(Train(epochs=0))] == ["warm_up"]


def test_random_encoders_that_stay_frozen_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING, "avloc.sspl"):
        small(warm_up=1).phases(Train())
        assert not caplog.records
        small().phases(Train())
    assert "the encoders start at random and stay frozen" in caplog.text


def test_warming_up_coding_that_is_not_there_is_refused():
    with pytest.raises(AvlocError, match="pcm_cycles is 0, warm_up_pcm 3; expected 1 cycle or more"):
        small(pcm_cycles=0, warm_up_pcm=3)


def test_all_pairs_leaves_out_other_clips_of_the_same_video(batch):
    one = small(pcm_cycles=0, warm_up=1, warm_up_pool=0.1)
    query = plain_sspl.sound_features(published_encoders(one), batch.sound, POOLS["sound"])[1]
    features = plain_sspl.frame_features(published_encoders(one), batch.frame, POOLS["frame"])
    own, foreign = [], []
    for sound in range(B):
        for frame in range(B):
            cells = plain_sspl.similarity(features[frame : frame + 1], query[sound : sound + 1]).flatten()
            score = 10 * cells.sort(descending=True).values[:4].mean()  # a tenth of 36 cells
            if frame == sound:
                own.append(torch.log1p(torch.exp(-score)))
            elif batch.video[frame] != batch.video[sound]:
                foreign.append(torch.log1p(torch.exp(score)))
    assert len(own) == 4 and len(foreign) == 10
    torch.testing.assert_close(
        one.all_pairs_loss(batch)["correspondence"], torch.stack(own).mean() / 2 + torch.stack(foreign).mean() / 2
    )


def test_coding_hears_each_frame_with_its_own_sound_and_with_one_of_another_video(batch):
    one = small(warm_up_pcm=1, warm_up_pool=0.1).train()
    state = published_encoders(one)
    features = plain_sspl.frame_features(state, batch.frame, POOLS["frame"])
    sound, query = plain_sspl.sound_features(state, batch.sound, POOLS["sound"])
    frames, sounds = [0, 1, 2, 3, 0, 2, 3], [0, 1, 2, 3, 3, 1, 2]  # clip 1 is of the same video as clip 0 before it
    seen = plain_sspl.pcm(state, features[frames], sound[sounds], 2, training=True)[-1]
    maps = plain_sspl.similarity(seen, query[sounds]).flatten(1)
    scores = 10 * maps.sort(dim=1, descending=True).values[:, :4].mean(1)
    expected_loss = (torch.log1p(torch.exp(-scores[:4])).mean() + torch.log1p(torch.exp(scores[4:])).mean()) / 2
    torch.testing.assert_close(one.two_sounds_loss(batch)["correspondence"], expected_loss)
    alone = part_of(batch, slice(0, 2))  # two clips of one video: nothing to tell apart
    assert torch.isfinite(one.two_sounds_loss(alone)["correspondence"])


def published_encoders(one: Sspl) -> dict[str, Tensor]:
    agreement, one.agreement = one.agreement, torch.nn.Identity()
    state = published(one)
    one.agreement = agreement
    return state
