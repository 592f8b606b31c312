"""DSOL by its published formulas: shapes, stage one's forward and features, both losses of stage two."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel
from avloc.errors import AvlocError
from avloc.methods.base import Train
from avloc.methods.dsol import StageOne, StageTwo
from avloc.methods.dsol.stage_two import quarters
from avloc.nn.encoders import Backbone
from tests.nn.test_similarity import dilated

SMALL = Backbone(widths=(8, 16), blocks=(1, 1), strides=(1, 2))
SOUND = LogMel(rate=4000, n_fft=128, hop=80, mels=16)
K, C, B = 4, 16, 5


def small(**options) -> StageOne:
    torch.manual_seed(0)
    return StageOne(
        **{"clusters": K, "visual": SMALL, "audio": SMALL, "dim": 8, "sound": SOUND, "frame": FrameView(32), **options}
    )


def small_two(one: StageOne | None = None, dictionary: np.ndarray | None = None, **options) -> StageTwo:
    torch.manual_seed(1)
    two = StageTwo(**options)
    found = np.random.default_rng(0).random((K, C)) if dictionary is None else dictionary
    two.start_from(one or small(), found.astype(np.float32))
    return two.eval()


@pytest.fixture
def batch() -> Batch:
    """Frames of 48x48 give maps of 6x6."""
    random = torch.Generator().manual_seed(0)
    return Batch(
        frame=torch.randn(B, 3, 48, 48, generator=random),
        sound=torch.randn(B, 1, 51, 16, generator=random),
        waveform=torch.randn(B, 4000, generator=random).clamp(-1, 1),
        index=torch.arange(B),
        video=torch.tensor([0, 0, 1, 2, 3]),
        labels=F.one_hot(torch.tensor([0, 1, 2, 0, 1]), 3).bool(),
        negative=torch.randn(B, 3, 48, 48, generator=random),
    )


def parts(streams, frame: Tensor, sound: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features F, vector g, and by formula the cosine of their projections and the map m = sigmoid(w cos)."""
    features, heard = streams.visual(frame), streams.audio(sound)
    vector = heard.flatten(2).max(2).values
    seen, sounding = streams.frame_projection(features), streams.sound_projection(vector)
    dots = (seen * sounding[:, :, None, None]).sum(1)
    cosine = dots / (seen.norm(dim=1) * sounding.norm(dim=1)[:, None, None])
    return features, vector, cosine, (streams.scale.weight.item() * cosine).sigmoid()


def bce(scores: Tensor, target: float) -> Tensor:
    return -(scores.log() if target else (1 - scores).log()).mean()


# the networks


def test_shapes_of_the_published_networks():
    one = StageOne()
    found = {}
    for name, encoder in (("frame", one.streams.visual), ("sound", one.streams.audio)):
        for part in ("conv1", "layer1", "layer2", "layer3", "layer4"):
            getattr(encoder, part).register_forward_hook(
                lambda _module, _input, output, key=(name, part): found.update({key: tuple(output.shape)})
            )
    batch = Batch(torch.zeros(2, 3, 224, 224), torch.zeros(2, 1, 201, 64))
    with torch.no_grad():
        sight, hearing, maps = one.streams.see(batch.frame), one.streams.hear(batch.sound), one.eval().locate(batch)
    assert [found["frame", part][1:] for part in ("conv1", "layer1", "layer2", "layer3", "layer4")] == [
        (64, 112, 112), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 14, 14),
    ]  # fmt: skip
    assert [found["sound", part][1:] for part in ("conv1", "layer1", "layer2", "layer3", "layer4")] == [
        (64, 101, 32), (64, 51, 16), (128, 26, 8), (256, 13, 4), (512, 13, 4),
    ]  # fmt: skip
    assert hearing.vector.shape == (2, 512) and hearing.embedding.shape == (2, 128) and hearing.logits.shape == (2, 11)
    assert sight.embedding.shape == (2, 128, 14, 14) and maps.shape == (2, 1, 14, 14)


def test_the_published_networks_have_the_published_number_of_used_parameters():
    one = StageOne()
    unused = 2 * (512 * 1000 + 1000) + 64 * 49 * (
        1 + 3
    )  # each of their encoders owns a classifier and a first convolution
    assert sum(parameter.numel() for parameter in one.parameters()) == 23_560_935 - unused
    two = StageTwo()
    two.start_from(one, None)
    student = [*two.streams.parameters(), *two.object_scale.parameters()]
    assert sum(parameter.numel() for parameter in student) == 23_560_937 - unused
    audioset = StageOne(clusters=13, cosine=False, logit_scale=None, logit_bias=True)
    assert sum(parameter.numel() for parameter in audioset.parameters()) == 23_562_988 - unused


def test_encoders_start_as_published():
    one = StageOne()
    assert one.streams.scale.weight.item() == 5.0 and one.streams.scale.bias is None
    weight = one.streams.visual.layer4[0].conv1.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (512 * 9)), rel=0.02)  # Kaiming, fan out
    assert all(
        (norm.weight == 1).all() and (norm.bias == 0).all()
        for norm in one.modules()
        if isinstance(norm, torch.nn.BatchNorm2d)
    )


# stage one


def test_the_map_is_the_sigmoid_of_the_scaled_cosine(batch):
    one = small().eval()
    with torch.no_grad():
        expected = parts(one.streams, batch.frame, batch.sound)[3]
        torch.testing.assert_close(one.locate(batch), expected[:, None])
        assert one.locate(batch).shape == (B, 1, 6, 6)


def test_without_normalisation_the_map_is_of_the_plain_inner_product(batch):
    one = small(cosine=False, logit_scale=None, logit_bias=True).eval()
    streams = one.streams
    with torch.no_grad():
        seen = streams.frame_projection(streams.visual(batch.frame))
        heard = streams.sound_projection(streams.audio(batch.sound).amax((2, 3)))
        dots = torch.einsum("bchw,bc->bhw", seen, heard) * streams.scale.weight.item() + streams.scale.bias.item()
        torch.testing.assert_close(one.locate(batch), dots.sigmoid()[:, None])


def test_localization_is_the_cross_entropy_of_each_clips_frame_and_negative(batch):
    one = small().eval()
    with torch.no_grad():
        own = parts(one.streams, batch.frame, batch.sound)[3].flatten(1).max(1).values
        other = parts(one.streams, batch.negative, batch.sound)[3].flatten(1).max(1).values
        assert one.loss(batch)["localization"].item() == pytest.approx(
            (0.5 * (bce(own, 1) + bce(other, 0))).item(), rel=1e-5
        )
        right = torch.cat([own.round() == 1, other.round() == 0]).float().mean()
        assert one.matching_accuracy(batch)["accuracy"].item() == pytest.approx(right.item())


def test_in_training_the_batch_norms_see_positives_and_negatives_together(batch):
    one = small()
    loss = one.loss(batch)["localization"]
    streams = small().streams  # the same weights, nothing seen yet
    rows = torch.stack([batch.frame, batch.negative], 1).flatten(0, 1)
    twice = batch.sound.repeat_interleave(2, 0)
    scores = parts(streams, rows, twice)[3].flatten(1).max(1).values
    expected = 0.5 * (bce(scores[0::2], 1) + bce(scores[1::2], 0))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_all_pairs_score_every_frame_with_every_sound(batch):
    one = small(pairs="all", pool=0.0).eval()
    assert not one.needs.negatives
    with torch.no_grad():
        scores = torch.stack(
            [
                parts(one.streams, batch.frame, sound.expand(B, -1, -1, -1))[2].flatten(1).max(1).values
                for sound in batch.sound
            ],
            1,
        )
        logits = 5.0 * scores
        apart = batch.video[:, None] != batch.video[None]
        expected = 0.5 * bce(logits.diagonal().sigmoid(), 1) + 0.5 * bce(logits[apart].sigmoid(), 0)
        assert one.loss(batch)["localization"].item() == pytest.approx(expected.item(), rel=1e-4)
        best = (logits.argmax(0) == torch.arange(B)).float().mean()
        assert one.matching_accuracy(batch)["accuracy"].item() == pytest.approx(best.item())


def test_object_features_are_the_masked_sum_over_the_whole_maps_area(batch):
    one = small(mask=0.5).eval()
    with torch.no_grad():
        features, _, _, maps = parts(one.streams, batch.frame, batch.sound)
        mask = torch.from_numpy(np.stack([dilated(found) for found in (maps > 0.5).numpy()]))
        assert 0 < (maps > 0.5).float().mean() < mask.float().mean() < 1  # the rule has something to decide
        rows = one.object_features(batch)
    torch.testing.assert_close(rows["objects"], (features * mask[:, None]).sum((2, 3)) / 36)
    assert torch.equal(rows["labels"], batch.labels)


def test_object_features_may_be_averaged_over_the_mask_of_the_top_share(batch):
    one = small(mask_top=0.25, feature_area="mask").eval()
    with torch.no_grad():
        features, _, _, maps = parts(one.streams, batch.frame, batch.sound)
        rows = one.object_features(batch)["objects"]
    for number in range(B):
        best = maps[number].flatten().topk(9).indices
        torch.testing.assert_close(rows[number], features[number].flatten(1)[:, best].mean(1))


def test_classification_is_the_cross_entropy_of_both_heads_with_the_clusters(batch):
    one = small().train()
    labels = torch.tensor([2, 0, 1, 3, 3])
    one.memory["labels"] = labels
    one.eval()
    one.memory["validation_labels"] = labels
    with torch.no_grad():
        features, vector, _, _ = parts(one.streams, batch.frame, batch.sound)
        frame = one.streams.frame_head(features.mean((2, 3)))
        sound = one.streams.sound_head(vector)
        terms = one.classification_loss(batch)
        assert set(terms) == {"frame_class", "sound_class"}
        for logits, name in ((frame, "frame_class"), (sound, "sound_class")):
            expected = (logits.logsumexp(1) - logits[torch.arange(B), labels]).mean()
            assert terms[name].item() == pytest.approx(expected.item(), rel=1e-5)
        accuracy = one.class_accuracy(batch)
        assert accuracy["frame_accuracy"].item() == pytest.approx((frame.argmax(1) == labels).float().mean().item())
        assert accuracy["sound_accuracy"].item() == pytest.approx((sound.argmax(1) == labels).float().mean().item())


def test_pseudo_labels_follow_the_clips_index_not_the_row(batch):
    one = small().train()
    one.memory["labels"] = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    batch.index = torch.tensor([6, 0, 3, 3, 1])
    assert one._labels(batch).tolist() == [2, 0, 3, 3, 1]


class Gathered:
    """A Collect over one batch."""

    seed = 11

    def __init__(self, batch: Batch, validation: bool = True) -> None:
        self.batch, self.validation = batch, validation

    def __call__(self, function, split="train"):
        return {} if split == "validation" and not self.validation else function(self.batch)


def many(count: int) -> Batch:
    random = torch.Generator().manual_seed(4)
    labels = F.one_hot(torch.arange(count) % 3, 3).bool()
    return Batch(
        torch.randn(count, 3, 48, 48, generator=random), torch.randn(count, 1, 51, 16, generator=random), labels=labels
    )


def test_reclustering_remembers_labels_and_dictionary_and_resets_the_heads():
    one = small().eval()
    body = {name: value.clone() for name, value in one.state_dict().items() if "_head" not in name}
    with torch.no_grad():
        objects = one.object_features(many(20))["objects"].numpy()
        one.recluster(Gathered(many(20)))
    labels = one.memory["labels"].numpy()
    assert labels.shape == (20,) and set(labels) == set(range(K))
    for cluster in range(K):  # means of the raw features
        np.testing.assert_allclose(one.memory["dictionary"][cluster], objects[labels == cluster].mean(0), rtol=1e-5)
    unit = objects / np.linalg.norm(objects, axis=1, keepdims=True)
    for cluster in range(K):
        np.testing.assert_allclose(
            one.memory["centres"][cluster], unit[labels == cluster].mean(0), rtol=1e-4, atol=1e-6
        )
    assert torch.equal(one.memory["validation_labels"], one.memory["labels"])
    for head in (one.streams.frame_head, one.streams.sound_head):
        assert (head.bias == 0).all() and 0.006 < head.weight.std().item() < 0.014
    assert all(torch.equal(value, body[name]) for name, value in one.state_dict().items() if name in body)


def test_frozen_heads_stay_as_they_are_and_are_not_stepped():
    one = small(frozen_heads=True).eval()
    before = one.streams.sound_head.weight.clone()
    with torch.no_grad():
        one.recluster(Gathered(many(12), validation=False))
    assert torch.equal(one.streams.sound_head.weight, before)
    assert "validation_labels" not in one.memory
    stepped = {
        id(p)
        for phase in one.phases(Train(epochs=3))
        for o in phase.optimizers
        for g in o.param_groups
        for p in g["params"]
    }
    assert id(one.streams.sound_head.weight) not in stepped


def test_the_plan_alternates_from_init_num_on():
    one = small()
    plan = one.phases(Train(epochs=4, lr=1e-4, weight_decay=1e-4))
    assert [(phase.name, phase.epochs) for phase in plan] == [
        ("localize", 1),
        *[("localize", 1), ("classify", 3)] * 3,
    ]  # fmt: skip
    localize, classify = plan[0], plan[2]
    heads = {id(parameter) for parameter in one.streams.heads()}
    [body] = localize.optimizers
    assert {id(p) for g in body.param_groups for p in g["params"]} == {id(p) for p in one.parameters()} - heads
    assert classify.optimizers[0] is body and classify.before == one.recluster
    fresh = classify.optimizers[1]
    assert {id(p) for g in fresh.param_groups for p in g["params"]} == heads
    assert fresh.param_groups[0]["lr"] == 1e-3 and fresh.param_groups[0]["weight_decay"] == 1e-4
    assert fresh is not plan[4].optimizers[1]  # every alternation starts its heads' optimizer anew
    assert [phase.name for phase in small(class_task=False).phases(Train(epochs=2))] == ["localize"] * 2
    assert sum(phase.epochs for phase in small(init_num=9).phases(Train(epochs=2))) == 2


def test_a_mixture_should_be_heard_as_both_its_sources(batch):
    one = small(mixtures=0.7).eval()
    one.memory["validation_labels"] = labels = torch.tensor([2, 0, 1, 3, 3])
    heard = []
    hear = one.streams.hear
    one.streams.hear = lambda sound: heard.append(sound) or hear(sound)
    with torch.no_grad():
        term = one.classification_loss(batch)["mixture"]
    mixed = heard[-1]
    assert mixed.shape == batch.sound.shape
    targets = 0.5 * F.one_hot(labels, K) + 0.5 * F.one_hot(labels.roll(1), K)
    with torch.no_grad():
        expected = -(targets * hear(mixed).logits.log_softmax(1)).sum(1).mean()
    assert term.item() == pytest.approx(0.7 * expected.item(), rel=1e-5)


def test_a_mixture_belongs_to_the_frames_of_both_its_sources_and_to_none_of_another_video(batch):
    one = small(pairs="all", pool=0.15, mixed_pairs=0.5).eval()
    one.memory["validation_labels"] = torch.zeros(B, dtype=torch.long)
    scores = []
    found = one._scores
    one._scores = lambda *streams: scores.append(found(*streams)) or scores[-1]
    with torch.no_grad():
        terms = one.classification_loss(batch)
    assert "mixture" not in terms and len(scores) == 1
    logits, videos = scores[0].tolist(), batch.video.tolist()
    own, others = [], []
    for frame in range(B):
        for mix in range(B):
            sources = (mix, (mix - 1) % B)
            if frame in sources:
                own.append(math.log1p(math.exp(-logits[frame][mix])))
            elif videos[frame] not in [videos[source] for source in sources]:
                others.append(math.log1p(math.exp(logits[frame][mix])))
    expected = 0.5 * (0.5 * sum(own) / len(own) + 0.5 * sum(others) / len(others))
    assert terms["mixed_pairs"].item() == pytest.approx(expected, rel=1e-5)


def test_mixed_pairs_need_all_pairs():
    with pytest.raises(AvlocError, match="mixed sounds need pairs: all"):
        small(pairs="negative", mixed_pairs=1.0)


def test_mixed_sources_are_equally_loud_within_three_decibels(batch):
    one = small(mixtures=1.0).eval()
    one.memory["validation_labels"] = torch.zeros(B, dtype=torch.long)
    batch.waveform = torch.zeros(B, 4000)
    batch.waveform[:, 0] = torch.tensor([1.0, 0.01, 0.5, 0.1, 0.9])  # one spike each, very different levels
    batch.waveform = torch.stack([row.roll(100 * n) for n, row in enumerate(batch.waveform)])
    mixed = []
    one.sound = lambda waveform: mixed.append(waveform) or SOUND(waveform)
    with torch.no_grad():
        one.classification_loss(batch)
    for number in range(B):
        own, other = mixed[0][number, 100 * number].abs(), mixed[0][number, 100 * ((number - 1) % B)].abs()
        assert -6.1 < 20 * math.log10(own / other) < 6.1
        assert (mixed[0][number] != 0).sum() == 2


# stage two


def test_stage_two_starts_from_stage_one_with_a_frozen_teacher():
    one = small()
    two = small_two(one)
    assert all(torch.equal(value, two.streams.state_dict()[name]) for name, value in one.streams.state_dict().items())
    assert all(torch.equal(value, two.teacher.state_dict()[name]) for name, value in one.streams.state_dict().items())
    assert not any(parameter.requires_grad for parameter in two.teacher.parameters())
    two.train()
    assert two.streams.training and not any(module.training for module in two.teacher.modules())
    stepped = {
        id(p)
        for phase in two.phases(Train(epochs=1))
        for o in phase.optimizers
        for g in o.param_groups
        for p in g["params"]
    }
    assert stepped == {id(p) for p in [*two.streams.parameters(), *two.object_scale.parameters()]}


def test_the_teacher_stays_when_the_student_moves(batch):
    two = small_two().train()
    before = {name: value.clone() for name, value in two.teacher.state_dict().items()}
    [phase] = two.phases(Train(epochs=1, lr=0.1))
    torch.stack(list(two.loss(batch).values())).sum().backward()
    phase.optimizers[0].step()
    assert all(torch.equal(value, before[name]) for name, value in two.teacher.state_dict().items())
    assert not torch.equal(two.streams.sound_projection[0].weight, two.teacher.sound_projection[0].weight)


def test_quarters_pool_like_adaptive_max_pooling():
    for high, wide in ((14, 14), (7, 5), (6, 9), (1, 1)):
        maps = torch.randn(3, 1, high, wide)
        found = quarters(maps).flatten(2).max(2).values
        assert torch.equal(found, F.adaptive_max_pool2d(maps, 2).flatten(1))


def test_stage_two_losses_by_formula(batch):
    two = small_two()
    two.streams = small(logit_scale=3.0).streams.eval()  # another student than teacher
    with torch.no_grad():
        features, _, _, maps = parts(two.streams, batch.frame, batch.sound)
        other = parts(two.streams, batch.negative, batch.sound)[3]
        quarters = F.adaptive_max_pool2d(other[:, None], 2).flatten()
        location = 0.5 * (bce(maps.flatten(1).max(1).values, 1) + bce(quarters, 0))
        target = two.teacher.sound_head(two.teacher.audio(batch.sound).amax((2, 3))).softmax(1)
        objects = torch.einsum("bchw,kc->bkhw", features, two.dictionary) * maps[:, None]
        logs = objects.mean((2, 3)).log_softmax(1)
        matching = (target * (target.log() - logs)).sum() / (B * K)
        terms = two.loss(batch)
    assert terms["localization"].item() == pytest.approx(0.5 * location.item(), rel=1e-5)
    assert terms["matching"].item() == pytest.approx(matching.item(), rel=1e-4)
    assert len(quarters) == 4 * B


@pytest.mark.parametrize("videos", [[0, 1, 2, 3, 4], [0, 0, 1, 2, 0], [5, 5, 5, 5, 5]], ids=["others", "some", "none"])
def test_the_next_frame_of_the_batch_is_a_negative_unless_it_is_of_the_same_video(batch, videos):
    two = small_two(negative="batch")
    two.streams = small(logit_scale=3.0).streams.eval()
    batch = replace(batch, negative=None, video=torch.tensor(videos))
    with torch.no_grad():
        own = parts(two.streams, batch.frame, batch.sound)[3]
        foreign = parts(two.streams, batch.frame.roll(-1, 0), batch.sound)[3]
        kept = [row for row in range(B) if videos[row] != videos[(row + 1) % B]]
        location = bce(own.flatten(1).max(1).values, 1)
        if kept:
            location = location + bce(F.adaptive_max_pool2d(foreign[kept][:, None], 2).flatten(), 0)
        found = two.loss(batch)["localization"]
    assert found.item() == pytest.approx(0.5 * 0.5 * location.item(), rel=1e-5)


def test_gradient_of_the_matching_goes_through_the_mask(batch):
    two = small_two().train()
    two.loss(batch)["matching"].backward()
    assert two.streams.sound_projection[0].weight.grad.abs().sum() > 0
    assert two.streams.scale.weight.grad.abs().sum() > 0


def audioset() -> StageTwo:
    one = small(cosine=False, logit_scale=None, logit_bias=True)
    return small_two(
        one,
        masked=False,
        object_maps="sigmoid",
        quadrants=False,
        match="bce",
        teacher_temperature=0.7,
        match_first=2,
        weight=1.0,
    )


def test_audioset_losses_by_formula(batch):
    two = audioset()
    two.object_scale.weight.data.fill_(0.3)
    two.object_scale.bias.data.fill_(-1.0)
    with torch.no_grad():
        features = two.streams.visual(batch.frame)
        objects = (0.3 * torch.einsum("bchw,kc->bkhw", features, two.dictionary) - 1).sigmoid()
        q = objects.mean((2, 3))
        p = (two.teacher.sound_head(two.teacher.audio(batch.sound).amax((2, 3))) / 0.7).softmax(1)
        local = -(p * q.log() + (1 - p) * (1 - q).log()).mean()
        rows = torch.cat([batch.frame, batch.negative])
        sounds = torch.cat([batch.sound, batch.sound])
        scores = (
            two.streams.agreement(two.streams.see(rows), two.streams.hear(sounds)).sigmoid().flatten(1).max(1).values
        )
        targets = (torch.arange(2 * B) < B).float()
        shared = -(targets * scores.log() + (1 - targets) * (1 - scores).log()).mean()
        terms = two.loss(batch)
        assert terms["matching"].item() == pytest.approx(local.item(), rel=1e-4)
        assert terms["localization"].item() == pytest.approx(shared.item(), rel=1e-4)
        assert two.matching_loss(batch)["matching"].item() == pytest.approx(local.item(), rel=1e-4)


def test_audioset_first_matches_alone_without_the_sounds_gradient(batch):
    two = audioset().train()
    first, then = two.phases(Train(epochs=5))
    assert (first.name, first.epochs, then.name, then.epochs) == ("match", 2, "train", 3)
    assert first.optimizers[0] is then.optimizers[0]
    torch.stack(list(first.objective(batch).values())).sum().backward()
    assert two.streams.visual.conv1.weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in two.streams.audio.parameters())
    assert [phase.name for phase in audioset().phases(Train(epochs=2))] == ["match"]


def test_batch_norms_see_the_negative_frames_while_audioset_matches_alone(batch):
    two, other = audioset().train(), audioset().train()
    other.load_state_dict(two.state_dict())
    found = two.matching_loss(batch)["matching"]
    other.loss(batch)  # both phases show the same frames
    for (name, one), (_, same) in zip(
        two.streams.visual.named_buffers(), other.streams.visual.named_buffers(), strict=True
    ):
        torch.testing.assert_close(one, same, msg=name)
    alone = audioset().train()
    alone.load_state_dict(other.state_dict())
    assert found.item() != pytest.approx(
        alone.matching_loss(replace(batch, negative=None))["matching"].item(), rel=1e-6
    )


def test_objects_start_upright_unless_asked_for_the_published_draw():
    assert small_two().object_scale.weight.item() == 1 and small_two().object_scale.bias.item() == 0
    drawn = []
    for seed in range(20):
        torch.manual_seed(seed)
        drawn.append(StageTwo(obj_init="random").object_scale.weight.item())
    assert -1 <= min(drawn) < 0 < max(drawn) <= 1


def test_a_fitted_factor_makes_scores_alike_however_large_the_features_are():
    rows = np.random.default_rng(3).normal(size=(K, C))
    for size in (1.0, 50.0):
        two = small_two(dictionary=size * rows, obj_init="fitted")
        products = two.object_scale.weight.item() * (size * rows) @ (size * rows).T
        assert products.std(ddof=1) == pytest.approx(1, rel=1e-4)
        assert two.object_scale.bias.item() == 0
    alike = StageTwo(obj_init="fitted", dictionary="centred")
    alike.start_from(small(), (50 * rows).astype(np.float32))
    centred = rows - rows.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert alike.object_scale.weight.item() == pytest.approx(1 / (centred @ centred.T).std(ddof=1), rel=1e-4)


def test_a_fitted_factor_needs_a_dictionary_and_is_one_without():
    assert small_two(dictionary=np.zeros((K, C)), obj_init="fitted").object_scale.weight.item() == 1
    assert small_two(dictionary=np.zeros((0, C)), obj_init="fitted").object_scale.weight.item() == 1


def test_maps_are_a_softmax_over_the_objects_of_three_times_the_masked_maps(batch):
    two = small_two()
    with torch.no_grad():
        features, _, _, maps = parts(two.streams, batch.frame, batch.sound)
        objects = torch.einsum("bchw,kc->bkhw", features, two.dictionary)
        torch.testing.assert_close(two.locate(batch), (3 * objects * maps[:, None]).softmax(1), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(two.look(batch), (3 * objects).softmax(1), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(two.sounding(batch), maps[:, None])
        plain = small_two(masked=False)
        torch.testing.assert_close(plain.locate(batch), (3 * objects).softmax(1), rtol=1e-4, atol=1e-6)
    assert two.locate(batch).shape == (B, K, 6, 6)


def test_one_clip_alone_keeps_its_axes(batch):
    alone = Batch(batch.frame[:1], batch.sound[:1], negative=batch.negative[:1])
    two = small_two()
    assert two.locate(alone).shape == (1, K, 6, 6) and small().eval().locate(alone).shape == (1, 1, 6, 6)
    assert two.loss(alone)["matching"].ndim == 0 and audioset().loss(alone)["matching"].ndim == 0


def test_centred_dictionary_compares_directions_from_the_mean_object(batch):
    two = small_two(dictionary=None)
    two.dictionary_use = "centred"
    with torch.no_grad():
        features, _, _, maps = parts(two.streams, batch.frame, batch.sound)
        centre = two.dictionary.mean(0)
        away, objects = features - centre[:, None, None], two.dictionary - centre
        cosines = torch.einsum("bchw,kc->bkhw", away, objects) / (
            away.norm(dim=1, keepdim=True) * objects.norm(dim=1)[:, None, None]
        )
        torch.testing.assert_close(two.locate(batch), (3 * cosines * maps[:, None]).softmax(1), rtol=1e-4, atol=1e-6)


def test_places_are_matched_by_what_each_shows_weighted_by_the_mask(batch):
    two = small_two(match_pool="places", match_over="clips", score_scale=3.0)
    with torch.no_grad():
        sight = two.streams.see(batch.frame)
        logits = two.streams.agreement(sight, two.streams.hear(batch.sound))
        target = two.teacher.hear(batch.sound).logits.softmax(1)
        term = two.matching_loss(batch)["matching"]
        shown, mask = (3 * two._objects(sight, None)).softmax(1), logits.sigmoid()
    total = 0.0
    for clip in range(B):
        predicted = (
            sum(shown[clip, :, row, column] * mask[clip, 0, row, column] for row in range(6) for column in range(6))
            / mask[clip].sum()
        )
        total += (target[clip] * (target[clip].log() - predicted.log())).sum().item()
    assert term.item() == pytest.approx(total / B, rel=1e-4)


def test_matched_places_teach_what_objects_look_like_and_not_where_sound_comes_from(batch):
    two = small_two(match_pool="places").train()
    two.matching_loss(batch)["matching"].backward()
    assert all(p.grad is None for p in two.streams.frame_projection.parameters())
    assert all(p.grad is None for p in two.streams.audio.parameters())
    assert two.streams.visual.conv1.weight.grad.abs().sum() > 0


def test_a_mask_floor_multiplies_the_deaf_maps_by_the_sounding_map_above_it(batch):
    two = small_two(test_temperature=3.0, mask_floor=0.7)
    with torch.no_grad():
        torch.testing.assert_close(two.locate(batch), two.look(batch) * (0.7 + two.sounding(batch)))


def test_a_map_power_sharpens_the_published_map(batch):
    plain, sharp = small().eval(), small(map_power=2.0).eval()
    with torch.no_grad():
        torch.testing.assert_close(sharp.locate(batch), plain.locate(batch).square())


def test_weights_that_went_on_locating_while_classifying_serve_alone():
    assert small().weights_from == ("localize", "classify")
    assert small(joint=True).weights_from == ("classify",)
    assert small(joint=True, class_task=False).weights_from == ("localize", "classify")
